import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.red_reports import part
from tools.cluster.images import BUSYBOX_IMAGE
from tools.cluster.places import Places
from tools.waiting import PATIENCE, until

_SOON = "--request-timeout=30s"
_SHOWN = {
    "events": ("events", "--sort-by=.lastTimestamp"),
    "pods": ("pods", "-o", "wide"),
    "pods in whole": ("pods", "-o", "yaml"),
}


class Namespace:
    """A namespace of one test, and kubectl in it."""

    def __init__(self, name: str) -> None:
        places = Places.of()
        self.name = name
        self._kubectl = [str(places.shown / "bin" / "kubectl"), "--kubeconfig", str(places.kubeconfig)]

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        command = [*self._kubectl, "-n", self.name, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE + 60)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def apply(self, manifest: dict[str, Any]) -> None:
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def wait(self, kind: str, name: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the object as soon as `reached` holds for it."""

        def look() -> dict[str, Any] | None:
            found = self.get(kind, name)
            return found if reached(found) else None

        return until(look, lambda: self.kubectl("describe", kind, name), period=0.5)

    def explain(self) -> dict[str, str]:
        """Return the events, the objects and the pods' logs of the namespace."""
        told = {what: part(lambda words=words: self.kubectl("get", *words, _SOON)) for what, words in _SHOWN.items()}  # type: ignore[misc]
        names = part(lambda: self.kubectl("get", "pods", "-o", "name", _SOON)).split()
        logs = {name: ("logs", name, "--tail=30", _SOON) for name in names if name.startswith("pod/")}
        return told | {
            f"log of {name}": part(lambda words=words: self.kubectl(*words))  # type: ignore[misc]
            for name, words in logs.items()
        }

    def run(self, name: str, script: str, **spec: Any) -> dict[str, Any]:
        """Run a shell script in a restricted pod to its end and return the pod."""
        self.start(name, script, **spec)
        return self.wait("pod", name, lambda pod: pod["status"]["phase"] in ("Succeeded", "Failed"))

    def start(self, name: str, script: str, **spec: Any) -> None:
        """Create a restricted pod that runs a shell script."""
        metadata = {"name": name, "annotations": spec.pop("annotations", {})}
        container: dict[str, Any] = {
            "name": "shell",
            "image": BUSYBOX_IMAGE,
            "imagePullPolicy": "Never",
            "command": ["sh", "-c", script],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        } | spec.pop("container", {})
        restricted = {
            "runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}
        }  # fmt: skip
        pod_spec = {"restartPolicy": "Never", "securityContext": restricted, "containers": [container]} | spec
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec})


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    name = f"t-{uuid.uuid4().hex[:12]}"
    here = Namespace(name)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    here.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    ))  # fmt: skip
    try:
        # Pods are refused until it is there, and on a cluster that just started that takes seconds.
        here.kubectl("wait", "--for=create", "serviceaccount/default", f"--timeout={PATIENCE:.0f}s")
        yield here
    finally:
        here.kubectl("delete", "namespace", name, "--wait=false")
