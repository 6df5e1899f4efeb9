"""What Argo CD would see after the operator has worked: no drift, nothing to prune, no field of a user changed."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.operator.scene import Scene
from tools.cluster import ControlPlane
from tools.waiting import WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

SAMPLE = Path(__file__).parents[3] / "manifests/samples/digits.yaml"
CHILDREN = ("jobs", "pods", "persistentvolumeclaims", "modeldeployments", "deployments", "replicasets", "services")
KINDS = {"Job", "Pod", "PersistentVolumeClaim", "ModelDeployment", "Deployment", "ReplicaSet", "Service"}
LABELS = {
    "app.kubernetes.io/instance": "idla-workloads",
    "argocd.argoproj.io/instance": "idla-workloads",
    "team": "vision",
}


class Git:
    """Argo CD's way to apply and compare: server-side, under a field manager of its own."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._namespace = namespace
        tracked = f"idla-workloads:idla.dev/TrainingWorkflow:{namespace}/digits"
        self.annotations = {"argocd.argoproj.io/tracking-id": tracked, "argocd.argoproj.io/sync-wave": "10"}
        self.document = yaml.safe_load(SAMPLE.read_text())
        self.document["metadata"] |= {"labels": LABELS, "annotations": self.annotations}

    def __call__(self, verb: str) -> "subprocess.CompletedProcess[str]":
        """Apply or compare the document."""
        words = (verb, "--server-side", "--field-manager=argocd-controller", "-f", "-")
        return self._kubectl(*words, text=json.dumps(self.document))

    def children(self) -> list[dict[str, Any]]:
        """Return everything that the operator and the controllers below it made."""
        answer = self._kubectl("get", ",".join(CHILDREN), "-o", "json")
        return list(json.loads(answer.stdout)["items"])

    def _kubectl(self, *words: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
        command = [str(self._plane.kubectl), "--kubeconfig", str(self._plane.kubeconfig), "-n", self._namespace, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.fixture
def git(plane: ControlPlane, scene: Scene) -> Git:
    made = Git(plane, scene.namespace)
    applied = made("apply")
    assert (applied.returncode, applied.stderr) == (0, "")
    return made


@pytest.mark.gate
def test_after_an_edit_and_the_whole_way_there_is_no_drift_and_nothing_to_prune(scene: Scene, git: Git) -> None:
    scene.kubelet.hold(scene.namespace, "Train")
    scene.runs("Train", 2)
    git.document["spec"]["training"] = {"maxEpochs": 5}
    assert git("apply").returncode == 0
    scene.kubelet.release(scene.namespace, "Train")
    workflow = scene.reaches("Succeeded", "True")
    assert workflow["metadata"]["generation"] == 2
    scene.serves()
    scene.rests()  # a write between kubectl's two looks would be a difference
    compared = git("diff")
    assert (compared.returncode, compared.stdout) == (0, ""), compared.stderr
    assert workflow["spec"] == git.document["spec"]
    assert (workflow["metadata"]["labels"], workflow["metadata"]["annotations"]) == (LABELS, git.annotations)
    children = git.children()
    assert {child["kind"] for child in children} == KINDS
    assert [found for child in children if (found := inherited(child, LABELS | git.annotations))] == []


def inherited(child: dict[str, Any], parents: dict[str, str]) -> dict[str, str]:
    """Return what a child has of its parent's labels and annotations; by them Argo CD would take it for its own."""
    metadata = child["metadata"]
    carried = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return {f"{metadata['name']} {key}": value for key, value in carried.items() if key in parents}
