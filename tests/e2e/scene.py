"""What the end-to-end tests do on the cluster: wait, kill the operator, and make data on a claim."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from idla.builders.pod_security import TMP_MOUNT, TMP_VOLUME, container_security_context, pod_defaults
from idla.cli.kubectl import Kubectl

from tests import red_reports
from tools.kubectl import wait
from tools.operator_processes.pids import operator_pids

OPERATOR_USER = "system:serviceaccount:idla-system:idla-operator"
TRAINER_IMAGE = "docker.io/idla/trainer:dev"


def until(kubectl: Kubectl, kind: str, name: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the object as soon as `reached` holds for it; the API server may be away meanwhile."""

    def look() -> dict[str, Any] | None:
        found = kubectl.get(kind, name)
        return found if found and reached(found) else None

    return wait(look, lambda: f"{kind} {name}:\n{red_reports.part(lambda: kubectl('describe', kind, name))}")


def until_gone(kubectl: Kubectl, kinds: str, selector: str) -> None:
    """Wait until there is nothing of these kinds with these labels."""

    def left() -> list[str]:
        return [found["metadata"]["name"] for found in kubectl.list(kinds, selector=selector)]

    wait(lambda: not left(), lambda: f"{kinds} of {selector} are still there: {left()}")


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return a condition of a status, empty where there is none."""
    return next((entry for entry in status.get("conditions", ()) if entry["type"] == kind), {})


def ready(deployment: dict[str, Any]) -> bool:
    """Return whether a ModelDeployment serves what its spec has now."""
    status = deployment.get("status", {})
    known = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return known and condition(status, "Ready").get("status") == "True"


def summary(workflow: dict[str, Any]) -> tuple[str, str]:
    """Return status and reason of `Succeeded` for the generation that the spec has now."""
    status = workflow.get("status", {})
    if status.get("observedGeneration") != workflow["metadata"]["generation"]:
        return "", ""
    found = condition(status, "Succeeded")
    return found.get("status", ""), found.get("reason", "")


def ended(workflow: dict[str, Any]) -> bool:
    """Return whether the workflow has ended, well or not."""
    return summary(workflow)[0] in ("True", "False")


def stalled(resource: dict[str, Any]) -> bool:
    """Return whether somebody has to do something before it can go on."""
    return condition(resource.get("status", {}), "Stalled").get("status") == "True"


def running(task: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether a task whose name begins so runs."""
    return lambda workflow: any(
        entry["name"].startswith(task) and entry["state"] == "Running"
        for entry in workflow.get("status", {}).get("tasks", ())
    )


def kill_operator() -> None:
    """Send SIGKILL to the operator's process."""
    pids = operator_pids()
    assert pids, "the operator does not run"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def start_python(kubectl: Kubectl, name: str, script: str, *, image: str, claim: str | None = None) -> None:
    """Start a restricted pod that runs a Python script, its claim at `/data`."""
    volumes: list[dict[str, Any]] = [TMP_VOLUME]
    mounts: list[dict[str, Any]] = [TMP_MOUNT]
    if claim is not None:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": claim}})
        mounts.append({"name": "data", "mountPath": "/data"})
    container = {
        "name": "python", "image": image, "imagePullPolicy": "IfNotPresent",
        "args": ["-I", "-c", script.replace("$", "$$")],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": container_security_context(), "volumeMounts": mounts,
    }  # fmt: skip
    spec = pod_defaults(grace_seconds=1) | {"restartPolicy": "Never", "volumes": volumes, "containers": [container]}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def run_python(
    kubectl: Kubectl, name: str, script: str, *, image: str = TRAINER_IMAGE, claim: str | None = None
) -> str:
    """Run a Python script in a restricted pod to its end and return what it printed."""
    start_python(kubectl, name, script, image=image, claim=claim)
    pod = until(kubectl, "pod", name, lambda found: found["status"]["phase"] in ("Succeeded", "Failed"))
    printed = kubectl("logs", name)
    assert pod["status"]["phase"] == "Succeeded", printed
    return printed


def make_claim(kubectl: Kubectl, name: str) -> None:
    """Make a claim of the default class."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec})
