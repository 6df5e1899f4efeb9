"""What the builders make is accepted by a real API server, in a namespace that enforces Pod Security `restricted`."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from idla.builders.claim import build_artifact_claim
from idla.builders.identity import Owner
from idla.builders.serving import ServedModel, build_deployment, build_service
from idla.builders.task_job import TaskPod, build_task_job
from idla_contract.task import DataSource, ProfileStep, TaskSpec

from tests.cluster import ControlPlane

pytestmark = [pytest.mark.api, pytest.mark.timeout(1200)]  # the first use on a machine builds Kubernetes

NAMESPACE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "vision", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}
WORKFLOW = Owner(kind="TrainingWorkflow", name="digits", namespace="vision", uid="u-1")
DEPLOYMENT = Owner(kind="ModelDeployment", name="digits", namespace="vision", uid="u-2")
RESOURCES = {"cpu": "500m", "memory": "1Gi"}
JOB = build_task_job(
    WORKFLOW,
    TaskSpec(
        workflow="digits", task="profile", content_hash="0123456789abcdef", data=DataSource(uri="pvc://faces/all.npz"),
        artifact_uri="pvc://digits-artifacts", steps=(ProfileStep(),),
    ),
    TaskPod(
        image="idla/trainer:dev", pull_policy="IfNotPresent", store_claim="digits-artifacts", data_claim="faces",
        requests=RESOURCES, limits={"memory": "2Gi"},
    ),
    attempt=1,
    generation=1,
    suspend=False,
)  # fmt: skip
SERVED = ServedModel(
    uri="pvc://digits-artifacts/models/x", digest="sha256:" + "0a" * 32, claim="digits-artifacts",
    image="idla/server:dev", pull_policy="IfNotPresent", replicas=2, requests=RESOURCES,
)  # fmt: skip
CLAIM = build_artifact_claim(WORKFLOW, "digits-artifacts", mebibytes=2048, storage_class=None)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane("builders-test") as running:
        assert apply(running, NAMESPACE).returncode == 0
        yield running


def apply(plane: ControlPlane, *manifests: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    command = [str(plane.kubectl), "--kubeconfig", str(plane.kubeconfig), "apply", "--server-side", "--validate=strict"]
    return subprocess.run([*command, "-f", "-"], input=document, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "manifest",
    [CLAIM, JOB, build_service(DEPLOYMENT), build_deployment(DEPLOYMENT, SERVED)],
    ids=lambda manifest: manifest["kind"],
)
def test_a_child_is_accepted_without_a_warning(plane: ControlPlane, manifest: dict[str, Any]) -> None:
    answer = apply(plane, manifest)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(JOB["spec"]["template"], id="task"),
        pytest.param(build_deployment(DEPLOYMENT, SERVED)["spec"]["template"], id="server"),
    ],
)
def test_the_pods_pass_pod_security_restricted(plane: ControlPlane, template: dict[str, Any]) -> None:
    name = template["spec"]["containers"][0]["name"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "vision"},
        "spec": template["spec"],
    }
    answer = apply(plane, pod)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_namespace_does_refuse_an_unrestricted_pod(plane: ControlPlane) -> None:
    spec = {"containers": [{"name": "open", "image": "idla/trainer:dev"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "open", "namespace": "vision"}, "spec": spec}
    answer = apply(plane, pod)
    assert answer.returncode != 0
    assert 'violates PodSecurity "restricted:latest"' in answer.stderr


def test_applying_the_same_job_again_changes_nothing(plane: ControlPlane) -> None:
    def version() -> str:
        assert apply(plane, JOB).returncode == 0
        name = JOB["metadata"]["name"]
        command = [str(plane.kubectl), "--kubeconfig", str(plane.kubeconfig), "-n", "vision", "get", "job", name]
        return subprocess.run(
            [*command, "-o", "jsonpath={.metadata.generation}"], capture_output=True, check=True
        ).stdout.decode()

    assert version() == version()


def test_a_changed_template_under_the_same_name_is_refused(plane: ControlPlane) -> None:
    assert apply(plane, JOB).returncode == 0
    changed = json.loads(json.dumps(JOB))
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "idla/trainer:other"
    answer = apply(plane, changed)
    assert answer.returncode != 0
    assert "field is immutable" in answer.stderr
