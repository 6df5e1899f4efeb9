"""The operator in two replicas on the local cluster: who leads, what ends that one, how long nobody leads then."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from idla.cli.kubectl import Kubectl
from idla.core.kube.conditions import find_true_condition

from tools.cluster.places import REPOSITORY, Places, addresses
from tools.installing import commands, run
from tools.kubectl import wait
from tools.operator_processes.pids import operator_pids

SELECTOR = "app.kubernetes.io/name=idla-operator"
_APPLY = ("apply", "--server-side", "--force-conflicts")


@contextmanager
def two_replicas(kubectl: Kubectl, folder: Path) -> Iterator["Leading"]:
    """Make two replicas of the one that is installed, as `overlays/ha` says, and one again in the end.

    Args:
        kubectl: in the operator's namespace.
        folder: an empty one, for the overlay with the images of this machine.
    """
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(_overlay(folder, kubectl.namespace)))
    leading = Leading(kubectl)
    try:
        kubectl(*_APPLY, "-k", str(folder))
        leading.rolled_out()
        leading.replicas(2)
        yield leading
    finally:
        ours = leading.config_map()
        for command in commands():
            run(kubectl, command)
        leading.replicas(1)
        kubectl("delete", "poddisruptionbudget", "idla-operator", "--ignore-not-found")
        if ours != leading.config_map():
            kubectl("delete", "configmap", ours, "--ignore-not-found")


def _overlay(folder: Path, namespace: str) -> dict[str, Any]:
    """Return `overlays/ha` as `overlays/local` has the operator: with images and Prometheus of the local cluster."""
    ours = {"IDLA_TRAINER_IMAGE": "trainer", "IDLA_SERVER_IMAGE": "server"}
    literals = [f"{variable}=docker.io/idla/{image}:dev" for variable, image in ours.items()]
    operator = {"name": "registry.example/idla/operator", "newName": "docker.io/idla/operator", "newTag": "dev"}
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [os.path.relpath(REPOSITORY / "manifests/overlays/ha", folder)],
        "images": [operator],
        "configMapGenerator": [
            {
                "name": "idla-operator", "namespace": namespace, "behavior": "merge",
                "literals": [*literals, f"IDLA_PROMETHEUS_URL=http://{addresses(Places.of()).node}:9090"],
            }
        ],
    }  # fmt: skip


class Leading:
    """The replicas by their Lease."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def lease(self) -> dict[str, Any]:
        """Return what the Lease says."""
        found = self.kubectl.get("lease", "idla-operator-leader")
        return {} if found is None else dict(found["spec"])

    def holder(self) -> str:
        """Wait until a replica that runs leads, and return its identity."""

        def found() -> str:
            identity = str(self.lease().get("holderIdentity") or "")
            return identity if _pod_of(identity) in {pod["metadata"]["uid"] for pod in self.pods()} else ""

        return wait(found, self.lease)

    def pods(self) -> list[dict[str, Any]]:
        """Return the operator's pods that are not on their way out."""
        found = self.kubectl.list("pods", selector=SELECTOR)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def replicas(self, count: int) -> None:
        """Wait until there are so many, all of them ready, and one leads."""

        def there() -> bool:
            every = self.kubectl.list("pods", selector=SELECTOR)
            return len(every) == count and all(find_true_condition(pod, "Ready") for pod in every)

        wait(there, lambda: self.kubectl("get", "pods", "--output=wide"))
        self.holder()

    def config_map(self) -> str:
        """Return the ConfigMap that the Deployment names."""
        found = self.kubectl.get("deployment", "idla-operator")
        assert found is not None
        [source] = found["spec"]["template"]["spec"]["containers"][0]["envFrom"]
        return str(source["configMapRef"]["name"])

    def rolled_out(self) -> None:
        """Wait until a change of the Deployment is carried out."""
        self.kubectl.patiently("rollout", "status", "deployment/idla-operator")

    def pod(self) -> dict[str, Any]:
        """Return the pod that leads."""
        uid = _pod_of(self.holder())
        return next(pod for pod in self.pods() if pod["metadata"]["uid"] == uid)

    def signalled(self, *numbers: signal.Signals) -> None:
        """Send signals to the process that leads."""
        uid = self.pod()["metadata"]["uid"]
        [pid] = operator_pids(uid)
        for number in numbers:
            os.kill(pid, number)

    def restart(self) -> float:
        """Roll the Deployment and return the seconds until that is done; the leader changes on the way."""
        began = time.monotonic()
        self.kubectl("rollout", "restart", "deployment/idla-operator")
        self.rolled_out()
        return time.monotonic() - began

    def end_pod(self) -> float:
        """Delete the pod that leads and return the seconds until another one does."""
        name = self.pod()["metadata"]["name"]
        return self._seconds_of(lambda: self.kubectl("delete", "pod", name, "--wait=false"))

    def kill(self) -> float:
        """Send SIGKILL to the process that leads and return the seconds until another one does."""
        return self._seconds_of(lambda: self.signalled(signal.SIGKILL))

    def taken_over_from(self, before: str) -> dict[str, Any]:
        """Wait until somebody else than `before` leads, and return what the Lease says then."""

        def found() -> dict[str, Any]:
            spec = self.lease()
            return spec if spec.get("holderIdentity") not in {None, "", before} else {}

        return wait(found, self.lease)

    def _seconds_of(self, end: Callable[[], object]) -> float:
        before, began = self.holder(), time.time()
        end()
        taken = datetime.fromisoformat(self.taken_over_from(before)["acquireTime"])
        return taken.timestamp() - began


def _pod_of(identity: str) -> str:
    return identity.partition("_")[0]
