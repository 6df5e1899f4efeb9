from typing import Any

import pytest
from idla_contract.result import FailureReason

from tests.unit.core.world import World


def failed(**crash: Any) -> dict[str, Any]:
    world = World().settle().run("profile").settle().crash("profile", **crash).settle()
    return world.task("profile")


@pytest.mark.parametrize(
    ("crash", "reason", "message"),
    [
        pytest.param(
            {"code": 137, "reason": "OOMKilled"},
            "OOMKilled",
            "the kernel ended the task for lack of memory at its limit of 4Gi; raise `spec.resources.limits.memory`",
            id="killed",
        ),
        pytest.param(
            {"code": 12, "reason": "Error"},
            "OutOfMemory",
            "the task ran out of memory; raise `spec.resources.limits.memory` or lower `spec.training.batchSize`",
            id="saw it itself",
        ),
        pytest.param(
            {"code": 11, "reason": "Error"},
            "Diverged",
            "the loss became NaN or infinite; lower `spec.training.learningRate`",
            id="diverged, without a message",
        ),
        pytest.param(
            {"code": 1, "reason": "Error", "message": "Traceback", "job_reason": "BackoffLimitExceeded"},
            "BackoffLimitExceeded",
            None,
            id="too often",
        ),
        pytest.param(
            {"code": 1, "reason": "Error", "job_reason": "DeadlineExceeded"},
            "DeadlineExceeded",
            None,
            id="too long",
        ),
        pytest.param({"code": 2, "reason": "Error", "job_reason": "Whatever"}, "TaskFailed", None, id="something else"),
    ],
)
def test_why_a_job_failed(crash: dict[str, Any], reason: str, message: str | None) -> None:
    task = failed(**crash)
    expected = message or f"Job {task['jobName']}: a pod failed"
    assert (task["state"], task["reason"], task["message"]) == ("Failed", reason, expected)


def test_what_the_pod_said_comes_first() -> None:
    world = World().settle().run("profile").settle()
    world.fail("profile", FailureReason.SINGLE_CLASS, "all labels are 7; give examples of two").settle()
    assert world.task("profile")["message"] == "all labels are 7; give examples of two"
    assert world.conditions()["DataReady"] == "False SingleClass"
    assert [event.reason for event in world.events][-2:] == ["TaskFailed", "SingleClass"]


def test_an_evicted_pod_names_its_node() -> None:
    world = World().settle().run("profile").settle().crash("profile", code=0, reason="Completed")
    world.pod("profile")["status"] |= {"reason": "Evicted", "message": "the node was low on disk"}
    world.settle()
    assert (world.task("profile")["reason"], world.task("profile")["message"]) == (
        "Evicted",
        "the node was low on disk",
    )


def test_a_job_without_pods_says_what_it_knows() -> None:
    world = World().settle().run("profile").settle().crash("profile", code=1, reason="Error")
    world.pods.clear()
    assert world.settle().task("profile")["reason"] == "TaskFailed"


def test_a_failure_that_is_repeated_is_told_meanwhile() -> None:
    world = World().settle().run("profile").settle().crash("profile", code=137, reason="OOMKilled").wait(60)
    job = world.job("profile")
    job["status"] = {"startTime": job["status"]["startTime"], "failed": 1}
    task = world.settle().task("profile")
    assert (task["state"], task["attempts"]) == ("Pending", 1)
    assert task["message"].startswith("a pod failed and is retried: OOMKilled, the kernel ended the task")
    assert world.conditions()["Succeeded"] == "Unknown Profiling"
    assert world.message("Succeeded").endswith(f"running: profile; profile: {task['message']}")
