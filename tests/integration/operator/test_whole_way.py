"""From fifteen lines to a served model, with the operator's own account, and what that writes."""

from collections import Counter

import pytest
from idla_contract.result import Failure, FailureReason
from idla_operator.controllers.reconcile.reconciler import UNWATCHED_SECONDS

from tests.integration.operator.scene import ONCE, Scene
from tools.fake_kubelet.node import Ended
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes
QUIET_SECONDS = 10.0
"""Longer than any pause between two writes about one object: progress is written every ten seconds."""
REST_SECONDS = 2 * UNWATCHED_SECONDS + 5.0
"""Two looks for what no watch tells of. What else the operator does again by itself comes too seldom for any test: the
resync (120 seconds, writes nothing), a reconciliation of every object and the same event again (600 seconds).
That one is caused here by an edit instead."""


@pytest.mark.gate
def test_a_short_workflow_ends_with_a_ready_deployment_and_no_write_too_many(scene: Scene) -> None:
    scene.submit()
    done = scene.reaches("Succeeded", "True")
    served = scene.serves()
    assert served["status"]["model"]["digest"] == done["status"]["artifact"]["digest"]
    assert done["status"]["artifact"]["lineage"] == {
        "dataDigest": done["status"]["data"]["digest"], "image": "idla/trainer:test", "seed": 1, "codeVersion": "0.1.0",
        "environment": "TensorFlow 2.21.0, numpy 2.4.6, processor a fast one, python 3.11.2",
    }  # fmt: skip
    assert done["status"]["results"]["template"] == "resnet-small"
    assert scene.jobs_by_kind() == ONCE
    scene.rests()
    writes = Counter((verb, resource) for verb, resource, _ in scene.audit.writes(scene.namespace))
    told = {("update", "trainingworkflows/status"), ("update", "modeldeployments/status"), ("create", "events")}
    assert {key: count for key, count in writes.items() if key not in told} == {
        ("patch", "persistentvolumeclaims"): 1,
        ("patch", "jobs"): 5,
        ("patch", "modeldeployments"): 1,
        ("patch", "deployments"): 1,
        ("patch", "services"): 1,
    }
    assert told <= set(writes)
    assert scene.audit.refusals() == []
    assert scene.operator.warnings() == []
    for document in (done, served):
        assert document["metadata"].get("finalizers") is None
    writers = {entry["manager"] for entry in done["metadata"]["managedFields"] if "f:status" not in entry["fieldsV1"]}
    assert (writers, done["metadata"].get("annotations")) == ({"tests"}, None)
    assert served["metadata"]["annotations"].keys() == {"idla.dev/spec-digest"}
    assert served["metadata"].get("ownerReferences") is None


@pytest.mark.gate
def test_progress_of_a_running_training_is_read_from_its_pod(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Train")
    scene.submit()

    def measured() -> bool:
        status = (scene.workflow() or {}).get("status", {})
        metrics = status.get("progress", {}).get("metrics") or ()
        return {entry["name"].partition("/")[0] for entry in metrics} == {"train-resnet-small", "train-vgg-small"}

    until(measured, scene.told)
    scene.kubelet.release(scene.namespace, "Train")
    scene.reaches("Succeeded", "True")


@pytest.mark.gate
def test_at_rest_nothing_is_written(scene: Scene) -> None:
    scene.submit("served")
    scene.submit("planned", approval="PlanOnly", deployment=None)
    scene.submit("asks", approval="Manual", deployment=None)
    scene.submit("held", suspend=True, deployment=None)
    scene.submit("huge", resources={"requests": {"cpu": "900"}}, deployment=None)
    scene.submit("lacks", data={"storageUri": "pvc://nowhere/x.npz"}, deployment=None)
    scene.reaches("Succeeded", "True", name="served")
    scene.serves("served")
    scene.reaches("Succeeded", "True", name="planned")
    scene.reaches("Approved", "Unknown", "WaitingForApproval", name="asks")
    scene.reaches("Suspended", "True", name="held")
    scene.reaches("Planned", "False", "NoFeasibleResources", name="huge")
    scene.reaches("DataReady", "False", "ClaimNotFound", name="lacks")
    scene.rests(QUIET_SECONDS)
    for name in ("served", "planned", "asks", "held", "huge", "lacks"):
        scene.change({"metadata": {"labels": {"looked-at": "again"}}}, name)
    assert scene.writes_within(REST_SECONDS) == []


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(FailureReason.DATA_NOT_FOUND, marks=pytest.mark.gate),
        FailureReason.DATA_UNREACHABLE,
        FailureReason.DATA_EMPTY,
        FailureReason.SINGLE_CLASS,
        FailureReason.NOT_FINITE,
    ],
)
def test_what_is_wrong_with_the_data_is_told_in_the_status(scene: Scene, reason: FailureReason) -> None:
    message = f"pvc://faces: {reason.value}; look at the data"
    scene.kubelet.end(scene.namespace, "Profile", Ended(10, Failure(reason=reason, message=message)))
    scene.submit()
    failed = scene.reaches("Succeeded", "False", reason.value)
    assert message in next(c["message"] for c in failed["status"]["conditions"] if c["type"] == "Succeeded")
    assert scene.jobs_by_kind() == {"Profile": 1, "Train": 0, "Select": 0, "Compress": 0}


def test_what_no_node_could_ever_hold_is_told_and_mends_itself_when_there_is_one(scene: Scene) -> None:
    scene.submit(resources={"limits": {"nvidia.com/gpu": "64"}})
    waiting = scene.reaches("Planned", "False", "NoFeasibleResources")
    told = next(c["message"] for c in waiting["status"]["conditions"] if c["type"] == "Planned")
    assert "64 nvidia.com/gpu" in told
    assert scene.jobs_by_kind()["Train"] == 0
    amounts = {"cpu": "64", "memory": "512Gi", "nvidia.com/gpu": "64"}
    scene.kubelet.join(scene.namespace, f"big-{scene.namespace}", **amounts)
    scene.reaches("Succeeded", "True")


def test_a_failure_that_a_repetition_can_mend_is_repeated_within_the_job(scene: Scene) -> None:
    scene.kubelet.end(scene.namespace, "Train", Ended(13), Ended(137))
    scene.submit()
    scene.reaches("Succeeded", "True")
    assert scene.jobs_by_kind() == ONCE


def test_templates_that_come_after_the_workflow_are_taken_up(scene: Scene) -> None:
    name = f"late-{scene.namespace}"
    scene.submit(model={"selection": "Pinned", "templateRefs": [{"name": name}]})
    scene.reaches("Accepted", "False", "TemplateNotFound")
    template = scene.rest.get("modeltemplates", None, "vgg-small")
    assert template is not None
    late = {"apiVersion": template["apiVersion"], "kind": template["kind"], "metadata": {"name": name}}
    try:
        scene.rest.apply("modeltemplates", None, late | {"spec": template["spec"]})
        scene.reaches("Succeeded", "True")
    finally:
        scene.rest.delete("modeltemplates", None, name)
