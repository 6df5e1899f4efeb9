"""Real pods are evicted, killed, starved of memory, space and images, and handed damaged bytes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from idla.cli.kubectl import Kubectl
from idla_store import verify

from tests.e2e.chaos import SmallVolume, drained, evict, folder_of, restart_kubelet
from tests.e2e.operator_log import OperatorLog
from tests.e2e.scene import condition, ended, ready, running, stalled, summary, until
from tests.e2e.secret_leaks import log_of
from tools.cluster.places import Places
from tools.kubectl import wait
from tools.waiting import STORY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(STORY)]

EPOCHS = 50
LONG = {
    "maxEpochs": EPOCHS, "batchSize": 4, "checkpointPeriodSeconds": 1, "earlyStopping": {"patienceEpochs": EPOCHS},
}  # fmt: skip
"""Long enough that it is still at work when it has been disturbed three times."""
SHORT = {"maxEpochs": 1, "backoffLimit": 0}
NOWHERE = "localhost:1/idla/nowhere:dev"


def a_workflow(name: str, **spec: Any) -> dict[str, Any]:
    pinned = {"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}]}
    common = {
        "task": {"type": "ImageClassification"}, "data": {"storageUri": "sample://digits"}, "model": pinned,
        "preset": "Fast",
    }  # fmt: skip
    return {
        "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": name},
        "spec": common | spec,
    }  # fmt: skip


def failed(workflow: dict[str, Any]) -> tuple[str, str]:
    """Return reason and message of the summary."""
    end = condition(workflow["status"], "Succeeded")
    return end["reason"], end["message"]


def a_long_training(name: str, **spec: Any) -> dict[str, Any]:
    """Return a workflow whose artifact is that of its training alone: no clock chooses among variants."""
    return a_workflow(name, training=LONG, compression={"methods": ["DynamicRange"]}, **spec)


@pytest.fixture(scope="module", autouse=True)
def undisturbed(kubectl: Kubectl) -> None:
    """The training that the disturbed one is compared with; it runs while other faults are staged."""
    kubectl.apply(a_long_training("undisturbed", deployment={"mode": "CreateOrUpdate"}))


@pytest.mark.parametrize(
    ("limit", "reason", "cure"),
    [
        pytest.param("24Mi", "OOMKilled", "at its limit of 24Mi; raise `spec.resources.limits.memory`", id="kernel"),
        pytest.param(
            "160Mi",
            "DataInvalid",
            "no room for examples beside TensorFlow; raise spec.resources.limits.memory",
            id="task",
        ),
    ],
)
def test_a_task_with_too_little_memory_says_what_to_raise(kubectl: Kubectl, limit: str, reason: str, cure: str) -> None:
    memory = {"requests": {"memory": "16Mi"}, "limits": {"memory": limit}}
    name = f"starved-{limit.lower()}"
    kubectl.apply(a_workflow(name, training=SHORT, resources=memory))
    found, message = failed(until(kubectl, "trainingworkflow", name, stalled))
    assert found == reason, message
    assert cure in message


def test_a_full_volume_is_named_holds_no_half_artifact_and_is_used_when_it_is_larger(kubectl: Kubectl) -> None:
    folder = Places.of().volumes / f"{kubectl.namespace}-small"
    small = SmallVolume(kubectl, "small", folder)
    with small.of(kibibytes=512):
        kubectl.apply(a_workflow("crowded", training=SHORT, outputs={"storageUri": "pvc://small"}))
        workflow = until(kubectl, "trainingworkflow", "crowded", stalled)
        reason, message = failed(workflow)
        assert reason == "StoreUnavailable", message
        assert "PersistentVolumeClaim small, which keeps the artifacts, is full ([Errno 28] No space left" in message
        assert artifacts(folder) == []
        small.enlarge(kibibytes=64 * 1024)
        kubectl("patch", "trainingworkflow", "crowded", "--type=merge", '--patch={"spec":{"training":{"maxEpochs":2}}}')
        workflow = until(kubectl, "trainingworkflow", "crowded", ended)
        assert summary(workflow) == ("True", "Completed"), failed(workflow)
        digest = workflow["status"]["artifact"]["digest"]
        [artifact] = artifacts(folder)
        verify(artifact, digest)
        expire(kubectl, "crowded")


def expire(kubectl: Kubectl, name: str) -> None:
    """Let the operator delete a workflow that has ended, and wait until it is gone."""
    kubectl("patch", "trainingworkflow", name, "--type=merge", '--patch={"spec":{"ttlSecondsAfterFinished":0}}')
    wait(lambda: kubectl.get("trainingworkflow", name) is None, lambda: f"{name} is still there")


def artifacts(volume: Path) -> list[Path]:
    return [path for path in volume.glob("models/*") if not path.name.startswith(".")]


def test_a_training_that_is_evicted_and_drained_and_loses_its_kubelet_ends_as_if_nothing_had_been(
    kubectl: Kubectl,
) -> None:
    kubectl.apply(a_long_training("disturbed"))
    begun = until(kubectl, "trainingworkflow", "disturbed", lambda found: running("train-")(found) and saved(kubectl))
    [pod] = working(kubectl)
    evict(kubectl, pod["metadata"]["name"])
    first = until_resumed(kubectl)
    restart_kubelet()
    assert until_resumed(kubectl) == first, "a restarted kubelet finds its pods again"
    with drained(kubectl, SELECTOR):
        waiting = until(kubectl, "trainingworkflow", "disturbed", unschedulable)
        [task] = [entry for entry in waiting["status"]["tasks"] if entry["name"] == "train-vgg-small"]
        assert (task["state"], task["reason"]) == ("Pending", "Unschedulable")
        assert "unschedulable" in task["message"]
        resources = condition(waiting["status"], "ResourcesReady")
        assert (resources["status"], resources["reason"]) == ("False", "Unschedulable")
    workflow = until(kubectl, "trainingworkflow", "disturbed", ended)
    plain = until(kubectl, "trainingworkflow", "undisturbed", ended)
    assert (summary(workflow), summary(plain)) == (("True", "Completed"), ("True", "Completed"))
    assert begun["status"]["plan"] == workflow["status"]["plan"]
    [job] = kubectl.list("jobs", selector=SELECTOR)
    assert (job["status"]["succeeded"], job["status"].get("failed", 0)) == (1, 0), "a disruption is no failure"
    assert (resumed(workflow), resumed(plain)) == (2, 0)
    assert workflow["status"]["artifact"]["digest"] == plain["status"]["artifact"]["digest"]


SELECTOR = "idla.dev/workflow=disturbed,idla.dev/task=train-vgg-small"


def saved(kubectl: Kubectl) -> bool:
    """Return whether there is a checkpoint; what `status` tells of the progress comes too late on a fast machine."""
    return any(folder_of(kubectl, "disturbed-artifacts").glob("tasks/train-*/checkpoints/*.checkpoint"))


def unschedulable(workflow: dict[str, Any]) -> bool:
    return any(entry.get("reason") == "Unschedulable" for entry in workflow["status"]["tasks"])


def working(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Return the pods that train, without those that are asked to end."""
    return [
        pod
        for pod in kubectl.list("pods", selector=SELECTOR)
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]


def until_resumed(kubectl: Kubectl) -> tuple[str, int]:
    """Wait until a pod goes on from a checkpoint; return its name and how often its container was started again."""

    def going_on() -> list[dict[str, Any]]:
        return [pod for pod in working(kubectl) if "going on from step" in log_of(kubectl, pod["metadata"]["name"])]

    [pod] = wait(going_on, lambda: kubectl("describe", "pods", f"--selector={SELECTOR}"))
    return pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"]


def resumed(workflow: dict[str, Any]) -> int:
    [result] = [entry["result"] for entry in workflow["status"]["tasks"] if entry["name"] == "train-vgg-small"]
    return int(json.loads(result)["train"]["resumed"])


def test_an_artifact_with_a_changed_byte_is_not_served_until_it_is_whole_again(kubectl: Kubectl) -> None:
    workflow = until(kubectl, "trainingworkflow", "undisturbed", ended)
    until(kubectl, "modeldeployment", "undisturbed", ready)
    name = workflow["status"]["artifact"]["uri"].partition("pvc://undisturbed-artifacts/")[2]
    file = folder_of(kubectl, "undisturbed-artifacts") / name / "model.tflite"
    with changed_byte(file):
        kubectl("delete", "pods", "--selector=idla.dev/deployment=undisturbed", "--wait=false")
        found = until(kubectl, "modeldeployment", "undisturbed", not_loaded)
        loaded = condition(found["status"], "ModelLoaded")
        assert (loaded["status"], loaded["reason"]) == ("False", "DigestMismatch")
        assert "model.tflite has the digest" in loaded["message"]
    until(kubectl, "modeldeployment", "undisturbed", ready)


@contextmanager
def changed_byte(file: Path) -> Iterator[None]:
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    try:
        yield
    finally:
        file.write_bytes(whole)


def not_loaded(deployment: dict[str, Any]) -> bool:
    return condition(deployment.get("status", {}), "ModelLoaded").get("status") == "False"


def test_an_image_that_does_not_exist_is_named_and_another_one_is_taken(
    kubectl: Kubectl, operator: Kubectl, operator_log: OperatorLog
) -> None:
    with configured(operator, operator_log, "IDLA_TRAINER_IMAGE", NOWHERE):
        kubectl.apply(a_workflow("imageless", approval="PlanOnly"))
        workflow = until(kubectl, "trainingworkflow", "imageless", lacks_resources)
        found = condition(workflow["status"], "ResourcesReady")
        assert found["reason"] == "ImageUnavailable", found
        assert f"image {NOWHERE}, which the operator's configuration names, cannot be pulled" in found["message"]
    workflow = until(kubectl, "trainingworkflow", "imageless", ended)
    assert summary(workflow) == ("True", "PlanReady")


def lacks_resources(workflow: dict[str, Any]) -> bool:
    return condition(workflow.get("status", {}), "ResourcesReady").get("status") == "False"


@contextmanager
def configured(operator: Kubectl, log: OperatorLog, name: str, value: str) -> Iterator[None]:
    """Configure the operator otherwise inside the block; each change replaces its pod, so its log is read before."""
    try:
        roll(operator, log, f"{name}={value}")
        yield
    finally:
        roll(operator, log, f"{name}-")


def roll(operator: Kubectl, log: OperatorLog, setting: str) -> None:
    log.look()
    operator("set", "env", "deployment/idla-operator", setting)
    operator.patiently("rollout", "status", "deployment/idla-operator")
