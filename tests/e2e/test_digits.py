"""The sample goes from 15 lines to an endpoint with real pods, and the operator is killed on the way."""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from idla_contract.task import DataSource

from demo import endpoint
from demo.checks import Check, checks
from demo.kubectl import Kubectl
from demo.measuring import measure
from demo.story import condition
from tests.cluster.places import REPOSITORY, Places
from tests.e2e.operator_log import KILLED, OperatorLog
from tests.e2e.scene import OPERATOR_USER, ended, kill_operator, running, stalled, summary, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SAMPLE = REPOSITORY / "manifests" / "samples" / "digits.yaml"
REST_SECONDS = 60


@dataclass(frozen=True)
class Story:
    """What was seen from the first command to the endpoint's answers."""

    workflow: dict[str, Any]
    deployment: dict[str, Any]
    jobs: list[dict[str, Any]]
    pods: list[dict[str, Any]]
    claims: list[str]
    found: list[Check]
    describe: str
    images: npt.NDArray[np.float32]
    """Test digits."""
    answers: list[str]
    """The endpoint's."""


@pytest.fixture(scope="module")
def story(kubectl: Kubectl, operator_log: OperatorLog) -> Story:
    kubectl("apply", "--server-side", f"--filename={SAMPLE}")
    until(kubectl, "trainingworkflow", "digits", running("train-"))
    operator_log.expect(*KILLED)
    kill_operator()
    workflow = until(kubectl, "trainingworkflow", "digits", ended)
    assert summary(workflow) == ("True", "Completed"), kubectl("describe", "trainingworkflow", "digits")
    status = workflow["status"]
    measured = measure(
        kubectl,
        image=status["plan"]["image"],
        source=DataSource(uri="sample://digits"),
        uri=status["artifact"]["uri"],
    )
    with kubectl.forward("service/digits", 80) as url:
        answers = endpoint.labels(url, "digits", measured.images)
    deployment = kubectl.get("modeldeployment", "digits")
    assert deployment is not None
    return Story(
        workflow=workflow,
        deployment=deployment,
        jobs=kubectl.list("jobs"),
        pods=kubectl.list("pods"),
        claims=[claim["metadata"]["name"] for claim in kubectl.list("persistentvolumeclaims")],
        found=list(checks(status, measured, answers)),
        describe=kubectl("describe", "trainingworkflow", "digits"),
        images=measured.images,
        answers=answers,
    )


def test_every_claim_of_the_demonstration_holds(story: Story) -> None:
    assert [check for check in story.found if not check.holds] == []


def test_the_killed_operator_made_one_job_for_each_task(story: Story) -> None:
    tasks = sorted(job["metadata"]["labels"]["idla.dev/task"] for job in story.jobs)
    assert tasks == sorted(task["name"] for task in story.workflow["status"]["tasks"])
    assert {job["metadata"]["annotations"]["idla.dev/attempt"] for job in story.jobs} == {"1"}
    assert [task["attempts"] for task in story.workflow["status"]["tasks"]] == [1] * len(tasks)


def test_the_story_is_told_by_status_and_events(story: Story) -> None:
    status = story.workflow["status"]
    decisions = {decision["name"]: decision for decision in status["decisions"]}
    assert len(decisions["ModelSelection"]["alternatives"]) >= 1, "two entries compete"
    assert status["progress"]["percent"] == 100
    assert condition(status, "Stalled").get("status", "False") == "False"
    assert "Events:" in story.describe
    assert "Completed" in story.describe.split("Events:")[1]


def test_the_endpoint_serves_the_artifact_that_the_workflow_published(story: Story) -> None:
    served = story.deployment["status"]
    assert served["serving"]["digest"] == story.workflow["status"]["artifact"]["digest"]
    assert condition(served, "Ready")["status"] == "True"


def test_no_pod_has_a_token(story: Story) -> None:
    mounted = [
        volume["name"] for pod in story.pods for volume in pod["spec"].get("volumes", ()) if "projected" in volume
    ]
    assert mounted == []


@pytest.mark.usefixtures("story")
def test_at_rest_the_operator_writes_nothing(kubectl: Kubectl) -> None:
    log = Places.of().audit_log
    begin = log.stat().st_size
    time.sleep(REST_SECONDS)
    with log.open("rb") as file:
        file.seek(begin)
        seen = [json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")]
    writes = [
        f"{event['verb']} {event['requestURI']}"
        for event in seen
        if event["user"]["username"] == OPERATOR_USER
        and event["verb"] not in ("get", "list", "watch")
        and event.get("objectRef", {}).get("resource") != "leases"
        and kubectl.namespace in event["requestURI"]
    ]
    assert writes == []


def a_deployment(name: str, artifact: dict[str, Any], digest: str) -> dict[str, Any]:
    model = {"storageUri": artifact["uri"], "digest": digest}
    return {
        "apiVersion": "idla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name},
        "spec": {"model": model},
    }  # fmt: skip


def test_an_artifact_is_served_by_its_digest_alone(story: Story, kubectl: Kubectl) -> None:
    artifact = story.workflow["status"]["artifact"]
    kubectl.apply(
        a_deployment("promoted", artifact, artifact["digest"]), a_deployment("forged", artifact, "sha256:" + "0" * 64)
    )
    until(
        kubectl,
        "modeldeployment",
        "promoted",
        lambda found: condition(found.get("status", {}), "Ready").get("status") == "True",
    )
    with kubectl.forward("service/promoted", 80) as url:
        assert endpoint.labels(url, "promoted", story.images) == story.answers
    refused = until(kubectl, "modeldeployment", "forged", stalled)
    loaded = condition(refused["status"], "ModelLoaded")
    assert (loaded["status"], loaded["reason"]) == ("False", "DigestMismatch")
    assert artifact["digest"] in loaded["message"], "the message names the digest that was found"
    kubectl("delete", "modeldeployments", "promoted", "forged")


def test_deleting_the_workflow_leaves_the_endpoint_and_its_artifact(story: Story, kubectl: Kubectl) -> None:
    kubectl("delete", "trainingworkflow", "digits", "--wait=true", "--timeout=60s")
    deadline = time.monotonic() + 120
    selector = "idla.dev/workflow=digits"
    while (left := kubectl.list("jobs,pods", selector=selector)) and time.monotonic() < deadline:
        time.sleep(1)
    assert left == []
    assert [claim["metadata"]["name"] for claim in kubectl.list("persistentvolumeclaims")] == story.claims
    kubectl("rollout", "restart", "deployment/digits")
    kubectl("rollout", "status", "deployment/digits", "--timeout=180s", seconds=200)
    found = kubectl.get("modeldeployment", "digits")
    assert found is not None
    assert condition(found["status"], "Ready")["status"] == "True"
