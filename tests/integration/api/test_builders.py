"""What the builders make is accepted by a real API server, in a namespace that enforces Pod Security `restricted`."""

import http.client
import json
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from idla.api.pod_template import PodTemplate, TaskPodTemplate
from idla.builders.claim import build_artifact_claim
from idla.builders.egress import Egress
from idla.builders.identity import Owner
from idla.builders.serving import ServedModel, build_deployment, build_service
from idla.builders.task_job import TaskPod, build_task_job
from idla_contract.task import DataSource, ProfileStep, TaskSpec

from tests.integration.api.custom_resources import Api, kubectl, made_namespace
from tests.unit.api.validation_cases import BASES, CASES
from tools.cluster import ControlPlane
from tools.waiting import WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
RESOURCES = {"cpu": "500m", "memory": "1Gi"}
TASK = TaskSpec(
    workflow="digits", task="profile", content_hash="0123456789abcdef", data=DataSource(uri="pvc://faces/all.npz"),
    artifact_uri="pvc://digits-artifacts", steps=(ProfileStep(),),
)  # fmt: skip
EGRESS = Egress(
    proxy="http://proxy.example:3128", no_proxy=".svc", allowed_hosts="data.corp.example", ca_config_map="corp-ca"
)
POD = TaskPod(
    image="idla/trainer:dev", pull_policy="IfNotPresent", store_claim="digits-artifacts", data_claim="faces",
    data_secret="s3-read", egress=EGRESS, requests=RESOURCES, limits={"memory": "2Gi"},
)  # fmt: skip
SERVED = ServedModel(
    uri="pvc://digits-artifacts/models/x", digest="sha256:" + "0a" * 32, claim="digits-artifacts",
    image="idla/server:dev", pull_policy="IfNotPresent", replicas=2, requests=RESOURCES,
)  # fmt: skip
TEMPLATE = TaskPodTemplate.model_validate(CASES["pods as the cluster wants them"].spec()["podTemplate"])
"""Everything that may be said of pods."""
Children = dict[str, dict[str, Any]]
"""What is made for a workflow and for a deployment, by kind."""


@pytest.fixture
def children(plane: ControlPlane) -> Children:
    """The children of two objects that are there: the garbage collector takes those away whose owner is not."""
    namespace = made_namespace(plane, **RESTRICTED)
    workflow, deployment = (owner(Api(plane, namespace), kind) for kind in ("TrainingWorkflow", "ModelDeployment"))
    made = (
        build_artifact_claim(workflow, "digits-artifacts", mebibytes=2048, storage_class=None),
        build_task_job(workflow, TASK, POD, attempt=1, generation=1, suspend=False),
        build_service(deployment),
        build_deployment(deployment, SERVED),
    )
    return {manifest["kind"]: manifest for manifest in made}


def owner(api: Api, kind: str) -> Owner:
    manifest = {"apiVersion": "idla.dev/v1alpha1", "kind": kind, "metadata": {"name": "digits"}, "spec": BASES[kind]}
    status, made = api.send("POST", kind, body=manifest)
    assert status == http.client.CREATED, made
    metadata = made["metadata"]
    return Owner(kind=kind, name="digits", namespace=metadata["namespace"], uid=metadata["uid"])


def apply(plane: ControlPlane, manifest: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    return kubectl(plane, "apply", "--server-side", "--validate=strict", "-f", "-", text=json.dumps(manifest))


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Job", "Service", "Deployment"])
def test_a_child_is_accepted_without_a_warning(plane: ControlPlane, children: Children, kind: str) -> None:
    answer = apply(plane, children[kind])
    assert (answer.returncode, answer.stderr) == (0, "")


def a_pod(children: Children, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "tried", "namespace": children["Job"]["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_the_pods_pass_pod_security_restricted(plane: ControlPlane, children: Children, kind: str) -> None:
    answer = apply(plane, a_pod(children, children[kind]["spec"]["template"]["spec"]))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_namespace_does_refuse_an_unrestricted_pod(plane: ControlPlane, children: Children) -> None:
    answer = apply(plane, a_pod(children, {"containers": [{"name": "open", "image": "idla/trainer:dev"}]}))
    assert answer.returncode != 0
    assert 'violates PodSecurity "restricted:latest"' in answer.stderr


def test_applying_the_same_job_again_changes_nothing(plane: ControlPlane, children: Children) -> None:
    def applied() -> tuple[str, int]:
        assert apply(plane, children["Job"]).returncode == 0
        place = ("-n", children["Job"]["metadata"]["namespace"])
        found = kubectl(plane, *place, "get", "job", children["Job"]["metadata"]["name"], "-o", "json")
        metadata = json.loads(found.stdout)["metadata"]
        return metadata["uid"], metadata["generation"]

    assert applied() == applied()


def test_a_changed_template_under_the_same_name_is_refused(plane: ControlPlane, children: Children) -> None:
    assert apply(plane, children["Job"]).returncode == 0
    changed = json.loads(json.dumps(children["Job"]))
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "idla/trainer:other"
    answer = apply(plane, changed)
    assert answer.returncode != 0
    assert "field is immutable" in answer.stderr


def test_everything_that_may_be_said_of_pods_is_accepted_and_goes_when_it_is_no_longer_said(
    plane: ControlPlane, children: Children
) -> None:
    namespace, name = (children["Deployment"]["metadata"][key] for key in ("namespace", "name"))
    reference = children["Deployment"]["metadata"]["ownerReferences"][0]
    deployment = Owner(kind="ModelDeployment", name="digits", namespace=namespace, uid=reference["uid"])
    workflow = replace(deployment, kind="TrainingWorkflow")
    job = build_task_job(workflow, TASK, replace(POD, template=TEMPLATE), attempt=1, generation=1, suspend=True)

    def applied(template: PodTemplate | None) -> dict[str, Any]:
        answer = apply(plane, build_deployment(deployment, replace(SERVED, template=template)))
        assert (answer.returncode, answer.stderr) == (0, "")
        found = json.loads(kubectl(plane, "-n", namespace, "get", "deployment", name, "-o", "json").stdout)
        return {part: found["spec"]["template"][part] for part in ("metadata", "spec")}

    assert (answer := apply(plane, job)).returncode == 0, answer.stderr
    assert answer.stderr == ""
    before, said = applied(None), TEMPLATE.model_dump(mode="json", by_alias=True, exclude_none=True)
    changed = applied(TEMPLATE)
    assert said["spec"].items() <= changed["spec"].items()
    assert [said["metadata"][part].items() <= changed["metadata"][part].items() for part in said["metadata"]] == [
        True, True,
    ]  # fmt: skip
    assert applied(None) == before


def test_pods_of_which_something_is_said_pass_pod_security_restricted(plane: ControlPlane, children: Children) -> None:
    # What is left out has to exist: an admission plugin looks for it.
    named = {"service_account_name": None, "priority_class_name": None, "runtime_class_name": None}
    assert TEMPLATE.spec is not None
    given = TEMPLATE.model_copy(update={"spec": TEMPLATE.spec.model_copy(update=named)})
    owner = Owner(kind="TrainingWorkflow", name="digits", namespace="any", uid="u-1")
    job = build_task_job(owner, TASK, replace(POD, template=given), attempt=1, generation=1, suspend=False)
    pod = a_pod(children, job["spec"]["template"]["spec"])
    pod["metadata"] |= job["spec"]["template"]["metadata"]
    answer = apply(plane, pod)
    assert (answer.returncode, answer.stderr) == (0, "")
