"""What the end-to-end tests do to the cluster: drain the node, restart the kubelet, fill and enlarge a volume."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idla.cli.kubectl import Kubectl

from tools.cluster.node import KUBELET, node_name
from tools.cluster.places import REPOSITORY, Places
from tools.cluster.processes import Processes


def evict(kubectl: Kubectl, pod: str) -> None:
    """Ask the API server to evict a pod, as a drain and the cluster's autoscaler do."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{pod}/eviction"
    kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps(eviction))


@contextmanager
def drained(kubectl: Kubectl, selector: str) -> Iterator[None]:
    """Drain the only node of these pods, and let it take pods again at the end of the block."""
    node = node_name(Places.of())
    try:
        kubectl.patiently("drain", node, f"--pod-selector={selector}", "--delete-emptydir-data")
        yield
    finally:
        kubectl("uncordon", node)


def restart_kubelet() -> None:
    """Kill the kubelet and start it again; its pods run on meanwhile."""
    places = Places.of()
    Processes(places.pids, places.logs).kill(KUBELET)
    subprocess.run([sys.executable, "-m", "tools.cluster", "up"], cwd=REPOSITORY, check=True, capture_output=True)


def folder_of(kubectl: Kubectl, claim: str) -> Path:
    """Return the folder of this machine that is the volume of a bound claim of the default class."""
    found = kubectl.get("persistentvolumeclaim", claim)
    assert found is not None
    volume = kubectl.get("persistentvolume", found["spec"]["volumeName"])
    assert volume is not None
    return Path(volume["spec"]["hostPath"]["path"])


class SmallVolume:
    """A volume that can be full: a file system in memory, and a claim bound to it."""

    def __init__(self, kubectl: Kubectl, claim: str, folder: Path) -> None:
        self.folder = folder
        self._kubectl = kubectl
        self._claim = claim
        self._name = f"{kubectl.namespace}-{claim}"

    @contextmanager
    def of(self, kibibytes: int) -> Iterator[None]:
        """Make it; at the end of the block it is taken away."""
        self.folder.mkdir(parents=True)
        _mount("-t", "tmpfs", "-o", f"size={kibibytes}k,mode=0777", "idla-small", str(self.folder))
        try:
            self._bind()
            yield
        finally:
            self._kubectl("delete", "persistentvolume", self._name, "--wait=false")
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
            self.folder.rmdir()

    def enlarge(self, kibibytes: int) -> None:
        """Give it another size; what it holds stays."""
        _mount("-o", f"remount,size={kibibytes}k", str(self.folder))

    def _bind(self) -> None:
        common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
        volume = common | {
            "capacity": {"storage": "1Mi"}, "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(self.folder), "type": "Directory"},
            "claimRef": {"namespace": self._kubectl.namespace, "name": self._claim},
        }  # fmt: skip
        claim = common | {"resources": {"requests": {"storage": "1Mi"}}, "volumeName": self._name}
        self._kubectl.apply(
            {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": self._name}, "spec": volume},
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": self._claim}, "spec": claim},
        )


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)
