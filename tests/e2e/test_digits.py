"""The sample goes from 15 lines to an endpoint with real pods, and the operator is killed on the way."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from idla.cli.kubectl import Kubectl
from idla.endpoint import Endpoint
from idla_contract.task import DataSource

from demo.checks import Check, checks
from demo.digits import labels
from demo.measuring import measure
from tests.e2e.operator_log import KILLED, OperatorLog
from tests.e2e.scene import (
    OPERATOR_USER,
    condition,
    ended,
    kill_operator,
    ready,
    running,
    stalled,
    summary,
    until,
    until_gone,
)
from tools.cluster.places import REPOSITORY, Places
from tools.waiting import STORY
from tools.waiting import until as until_true

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(STORY)]

SAMPLE = REPOSITORY / "manifests" / "samples" / "digits.yaml"
REST_SECONDS = 60
QUIET_SECONDS = 5
"""After a write, what follows from it comes sooner."""


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
        answers = labels(Endpoint(url, "digits"), measured.images)
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


@pytest.mark.gate
def test_every_claim_of_the_demonstration_holds(story: Story) -> None:
    assert [check for check in story.found if not check.holds] == []


@pytest.mark.gate
def test_the_killed_operator_made_one_job_for_each_task(story: Story) -> None:
    tasks = sorted(job["metadata"]["labels"]["idla.dev/task"] for job in story.jobs)
    assert tasks == sorted(task["name"] for task in story.workflow["status"]["tasks"])
    assert {job["metadata"]["annotations"]["idla.dev/attempt"] for job in story.jobs} == {"1"}
    assert [task["attempts"] for task in story.workflow["status"]["tasks"]] == [1] * len(tasks)


@pytest.mark.gate
def test_the_story_is_told_by_status_and_events(story: Story) -> None:
    status = story.workflow["status"]
    decisions = {decision["name"]: decision for decision in status["decisions"]}
    assert len(decisions["ModelSelection"]["alternatives"]) >= 1, "two entries compete"
    assert status["progress"]["percent"] == 100
    assert condition(status, "Stalled").get("status", "False") == "False"
    assert "Events:" in story.describe
    assert "Completed" in story.describe.split("Events:")[1]


@pytest.mark.gate
def test_the_endpoint_serves_the_artifact_that_the_workflow_published(story: Story) -> None:
    served = story.deployment["status"]
    assert served["serving"]["digest"] == story.workflow["status"]["artifact"]["digest"]
    assert condition(served, "Ready")["status"] == "True"


@pytest.mark.gate
def test_no_pod_has_a_token(story: Story) -> None:
    mounted = [
        volume["name"] for pod in story.pods for volume in pod["spec"].get("volumes", ()) if "projected" in volume
    ]
    assert mounted == []


@pytest.mark.usefixtures("story")
def test_at_rest_the_operator_writes_nothing(kubectl: Kubectl) -> None:
    until(kubectl, "modeldeployment", "digits", ready)
    until_true(
        lambda: quiet_since(kubectl.namespace, QUIET_SECONDS), lambda: written(kubectl.namespace), period=QUIET_SECONDS
    )
    begin = datetime.now(UTC)
    time.sleep(REST_SECONDS)
    assert [write for moment, write in written(kubectl.namespace) if moment >= begin] == []


def quiet_since(namespace: str, seconds: float) -> bool:
    """Return whether the last write is so long ago: what the end of the story brought about is done."""
    moments = [moment for moment, _ in written(namespace)]
    return not moments or (datetime.now(UTC) - max(moments)).total_seconds() > seconds


def written(namespace: str) -> list[tuple[datetime, str]]:
    """Return when and what the operator has written in a namespace; renewals of its Lease are elsewhere."""
    with Places.of().audit_log.open("rb") as log:
        seen = [json.loads(line) for line in log if namespace.encode() in line and line.endswith(b"\n")]
    return [
        (datetime.fromisoformat(event["requestReceivedTimestamp"]), f"{event['verb']} {event['requestURI']}")
        for event in seen
        if event["user"]["username"] == OPERATOR_USER
        and event["verb"] not in ("get", "list", "watch")
        and event.get("objectRef", {}).get("namespace") == namespace
    ]


def a_deployment(name: str, artifact: dict[str, Any], digest: str) -> dict[str, Any]:
    model = {"storageUri": artifact["uri"], "digest": digest}
    return {
        "apiVersion": "idla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name},
        "spec": {"model": model},
    }  # fmt: skip


@contextmanager
def applied(kubectl: Kubectl, *deployments: dict[str, Any]) -> Iterator[None]:
    kubectl.apply(*deployments)
    try:
        yield
    finally:
        kubectl("delete", "modeldeployments", *(deployment["metadata"]["name"] for deployment in deployments))


def test_an_artifact_is_served_by_its_digest_alone(story: Story, kubectl: Kubectl) -> None:
    artifact = story.workflow["status"]["artifact"]
    promoted = a_deployment("promoted", artifact, artifact["digest"])
    forged = a_deployment("forged", artifact, "sha256:" + "0" * 64)
    with applied(kubectl, promoted, forged):
        until(kubectl, "modeldeployment", "promoted", ready)
        with kubectl.forward("service/promoted", 80) as url:
            assert labels(Endpoint(url, "promoted"), story.images) == story.answers
        refused = until(kubectl, "modeldeployment", "forged", stalled)
        loaded = condition(refused["status"], "ModelLoaded")
        assert (loaded["status"], loaded["reason"]) == ("False", "DigestMismatch")
        assert artifact["digest"] in loaded["message"], "the message names the digest that was found"


def test_deleting_the_workflow_leaves_the_endpoint_and_its_artifact(story: Story, kubectl: Kubectl) -> None:
    kubectl.patiently("delete", "trainingworkflow", "digits", "--wait=true")
    until_gone(kubectl, "jobs,pods", "idla.dev/workflow=digits")
    assert [claim["metadata"]["name"] for claim in kubectl.list("persistentvolumeclaims")] == story.claims
    kubectl("rollout", "restart", "deployment/digits")
    kubectl.patiently("rollout", "status", "deployment/digits")
    until(kubectl, "modeldeployment", "digits", ready)
