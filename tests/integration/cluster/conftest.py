import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.images import BUSYBOX_IMAGE
from tests.cluster.places import Places

PATIENCE = 180.0


class Namespace:
    """A namespace of one test, and kubectl in it."""

    def __init__(self, name: str) -> None:
        places = Places.of()
        self.name = name
        self._kubectl = [str(places.shown / "bin" / "kubectl"), "--kubeconfig", str(places.kubeconfig)]

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        command = [*self._kubectl, "-n", self.name, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def apply(self, manifest: dict[str, Any]) -> None:
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def wait(self, kind: str, name: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.get(kind, name)
            if reached(found):
                return found
            time.sleep(0.5)
        raise AssertionError(
            f"{kind} {name} after {PATIENCE} s: {json.dumps(self.get(kind, name).get('status'), indent=1)}"
        )

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
    # Pods are refused until it is there, and on a cluster that just started that takes seconds.
    here.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=110s")
    yield here
    here.kubectl("delete", "namespace", name, "--wait=false")
