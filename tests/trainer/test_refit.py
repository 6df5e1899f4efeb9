"""The chosen model is made again from all but the test examples; where that fails, what was judged is shipped."""

from typing import Any

import pytest
from idla_contract.artifact import CARD
from idla_contract.exit_codes import ExitCode
from idla_contract.result import RefitReport, TaskResult
from idla_contract.task import (
    Candidate,
    CompressionMethod,
    CompressStep,
    EvaluateStep,
    ModelSpec,
    PublishStep,
    RefitStep,
    Schedule,
    Step,
    Training,
    TrainStep,
    VerifyStep,
)

pytestmark = pytest.mark.trainer

HASH = "0123456789ab"
RESNET = ModelSpec(template="resnet-small", builder="resnet", hyperparameters={"width": 16})
TRAINING = Training(max_epochs=8, batch_size=8, checkpoint_period_seconds=1)
LEARNED, KNOWN = 1149, 1437
"""Digits of the train split, and of all but the test split."""
END = (EvaluateStep(), VerifyStep(), PublishStep())


def trained(pods: Any, task: str, training: Training) -> Candidate:
    pods.succeeds(task, TrainStep(model=RESNET, training=training))
    return Candidate(task=task, content_hash=HASH, model=RESNET)


def compress(candidate: Candidate, **changes: Any) -> CompressStep:
    # One method: which of several files is the smaller and faster one, a clock decides.
    return CompressStep(candidate=candidate, methods=(CompressionMethod.DYNAMIC_RANGE,), **changes)


def run(pods: Any, task: str, *steps: Step) -> TaskResult:
    pods.succeeds(task, *steps)
    kept: TaskResult = pods.result(task)
    return kept


@pytest.fixture(scope="module")
def candidate(pods: Any) -> Candidate:
    return trained(pods, "train", TRAINING)


@pytest.fixture(scope="module")
def judged(pods: Any, candidate: Candidate) -> TaskResult:
    """What is shipped without a refit."""
    return run(pods, "judged", compress(candidate), *END)


@pytest.fixture(scope="module")
def again(pods: Any, candidate: Candidate) -> TaskResult:
    return run(pods, "again", compress(candidate), RefitStep(), *END)


def test_it_learns_from_all_but_the_test_examples_and_is_shipped(again: TaskResult, judged: TaskResult) -> None:
    message = f"made again from {KNOWN} examples, {LEARNED} before"
    assert again.refit == RefitReport(shipped=True, examples=KNOWN, message=message)
    assert judged.artifact is not None
    assert again.artifact is not None
    assert again.artifact.digest != judged.artifact.digest
    assert again.evaluate is not None
    assert again.evaluate.served_score > 0.9


def test_the_choice_and_how_it_was_judged_stay_what_they_were(again: TaskResult, judged: TaskResult) -> None:
    assert again.compress is not None
    assert judged.compress is not None
    measured = {"size_bytes", "latency_p50_milliseconds", "latency_p95_milliseconds", "pareto"}
    assert again.compress.choice == judged.compress.choice == "DynamicRange"
    assert [entry.model_dump(exclude=measured) for entry in again.compress.variants] == [
        entry.model_dump(exclude=measured) for entry in judged.compress.variants
    ]


def test_the_card_says_that_nothing_held_out_can_judge_it(pods: Any, again: TaskResult) -> None:
    assert again.artifact is not None
    folder = pods.store / "models" / again.artifact.digest.replace(":", "-")
    card = (folder / CARD).read_text()
    assert f"made again from {KNOWN} examples, {LEARNED} before: nothing held out can judge it" in card


def test_one_that_is_killed_and_asked_to_end_ends_as_if_nothing_had_happened(
    pods: Any, candidate: Candidate, again: TaskResult
) -> None:
    steps = (compress(candidate), RefitStep(), *END)
    spec = pods.spec("disturbed", *steps)
    with pods.running(spec) as process:
        killed_at = pods.wait_for_checkpoint("disturbed", process)
        process.kill()
        process.wait()
    with pods.running(spec) as process:
        pods.wait_for_checkpoint("disturbed", process, beyond=killed_at)
        assert pods.ask_to_end(process) == ExitCode.PREEMPTED
    ended = run(pods, "disturbed", *steps)
    assert ended.artifact is not None
    assert again.artifact is not None
    assert ended.artifact.digest == again.artifact.digest
    assert pods.checkpoints("disturbed") == []


def test_one_that_has_too_little_time_leaves_what_was_judged(
    pods: Any, candidate: Candidate, judged: TaskResult
) -> None:
    late = run(pods, "late", compress(candidate), RefitStep(max_seconds=1), *END)
    assert late.refit == RefitReport(
        shipped=False, examples=KNOWN,
        message=f"to learn from {KNOWN} examples as before did not end well within the time that was left",
    )  # fmt: skip
    assert late.evaluate == judged.evaluate
    assert late.compress is not None
    assert late.compress.choice == "DynamicRange"


def test_a_rate_that_followed_the_validation_loss_cannot_be_repeated(pods: Any) -> None:
    plateau = trained(pods, "plateau", TRAINING.model_copy(update={"schedule": Schedule.PLATEAU, "max_epochs": 2}))
    refit = run(pods, "level", compress(plateau), RefitStep(), *END).refit
    assert refit is not None
    assert (refit.shipped, "schedule Plateau" in refit.message) == (False, True)
