"""The small decisions about a workflow, one table each."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from idla.api.training_workflow_status import TaskStatus
from idla.core.blocker import Blocker
from idla.core.objects import owner_of, read_spec, read_status
from idla.core.planning.requirements import QualityThreshold, resolve_requirements
from idla.core.workflow.conditions import judge_test_score
from idla.core.workflow.deadline import seconds_to_deadline
from idla.core.workflow.failures import explain_failed_profile, explain_failed_publication, explain_failed_trainings
from idla.core.workflow.generation import observe_generation
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.model_selection import find_missed_minimum
from idla.core.workflow.stages import Planned, Published, Stage, Trained, Undecided
from idla.core.workflow.start import start_generation
from idla.core.workflow.tasks import TaskDecision
from idla.core.workflow.time_left import estimate_remaining
from idla.core.workflow.training_progress import done_share
from idla_contract.problem import Metric
from idla_contract.result import FailureReason

from tests.unit.core.test_selection import choice
from tests.unit.core.world import BOTH, World, published, workflow

RMSE = QualityThreshold(target=2.0, minimum=3.0, metric=Metric.RMSE)


def state_of(world: World) -> GenerationState:
    """Return where a world's workflow stands, before anything is carried out."""
    spec = read_spec(world.workflow)
    inputs = ReconcileInput(
        workflow=world.workflow, owner=owner_of(world.workflow), generation=world.workflow["metadata"]["generation"],
        requirements=resolve_requirements(spec, "digits"), old=read_status(world.workflow),
        snapshot=world.snapshot(), now=world.now, settings=world.settings,
    )  # fmt: skip
    return observe_generation(inputs, start_generation(inputs))


def limited(**spec: Any) -> World:
    return World(workflow=workflow(activeDeadlineSeconds=100, **spec))


STAGES: dict[str, tuple[Callable[[], World], type[Stage]]] = {
    "new": (World, Stage),
    "the data are looked at": (lambda: World().settle(), Stage),
    "the data are known": (lambda: World().profiled(), Planned),
    "no template can do it": (lambda: World(templates=()).settle(), Stage),
    "one training has failed": (
        lambda: World().profiled().run(BOTH[0]).fail(BOTH[0], FailureReason.DIVERGED, "x").settle(), Planned,
    ),
    "the trainings have ended": (lambda: World().profiled().end_trainings(), Undecided),
    "what was trained is compared": (lambda: World().profiled().end_trainings().run("select").settle(), Undecided),
    "a model is selected": (lambda: World().profiled().train(), Trained),
    "no model is good enough": (lambda: World().profiled().train({"resnet-small": 0.5, "vgg-small": 0.4}), Trained),
    "published": (lambda: World().profiled().train().publish(), Published),
}  # fmt: skip


@pytest.mark.parametrize("case", STAGES)
def test_how_far_a_generation_has_come(case: str) -> None:
    world, stage = STAGES[case]
    assert type(state_of(world()).stage) is stage


PROGRESS: dict[str, tuple[Callable[[], World], float, int | None]] = {
    "nothing is done": (lambda: World().settle(), 0.0, None),
    "the data are known": (lambda: World().profiled(), 0.05, None),
    "nothing is measured yet: the look at the data tells what a start takes": (
        lambda: World().profiled().run(*BOTH).settle().wait(60), 0.05, 501,
    ),
    "nothing is measured yet of long trainings": (
        lambda: World().profiled(train_examples=10**6).run(*BOTH).settle().wait(60), 0.05, None,
    ),
    "half of the smaller training": (
        lambda: World().profiled().run(*BOTH).settle().wait(60).measure(BOTH[0], 360), 0.21, 87,
    ),
    "half of both": (
        lambda: World().profiled().run(*BOTH).settle().wait(60).measure(BOTH[0], 360).measure(BOTH[1], 360),
        0.45, 87,
    ),
    "measured, and then nothing for half a minute": (
        lambda: World().profiled().run(*BOTH).settle().wait(60).measure(BOTH[0], 360).measure(BOTH[1], 360).wait(30),
        0.45, 57,
    ),
    "a failed training is no work that is left": (
        lambda: World().profiled().run(BOTH[0]).fail(BOTH[0], FailureReason.DIVERGED, "x").settle(), 0.37, None,
    ),
    "more steps than there are": (lambda: World().profiled().run(*BOTH).measure(BOTH[1], 9, 3), 0.53, None),
    "the trainings took a minute": (lambda: World().profiled().train().run("publish").settle(), 0.86, 10),
    "published": (lambda: World().profiled().train().publish(), 0.99, None),
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRESS)
def test_how_much_is_done_and_how_long_the_rest_takes(case: str) -> None:
    world, share, remaining = PROGRESS[case]
    state = state_of(world())
    assert (round(done_share(state), 3), estimate_remaining(state)) == (share, remaining)


DEADLINES: dict[str, tuple[Callable[[], World], float | None]] = {
    "there is none": (lambda: World().settle().wait(50), None),
    "it runs": (lambda: limited().settle().wait(30), 70.0),
    "it has passed": (lambda: limited().settle().wait(130), None),
    "suspended": (lambda: limited(suspend=True).settle().wait(30), None),
    "the plan waits for approval": (lambda: limited(approval="Manual").profiled().wait(30), None),
    "something is missing": (lambda: limited(data={"storageUri": "pvc://x/y.npz"}).settle().wait(30), None),
    "done": (lambda: limited().profiled().train().publish(), None),
    "resumed after half a minute": (
        lambda: limited().settle().wait(10).edit(suspend=True).settle().wait(30).edit(suspend=False).settle(), 90.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DEADLINES)
def test_the_seconds_to_the_deadline(case: str) -> None:
    world, seconds = DEADLINES[case]
    assert seconds_to_deadline(state_of(world())) == seconds


MINIMUM = QualityThreshold(target=None, minimum=0.9)
TEST_SCORES: dict[str, tuple[tuple[float, float, str], QualityThreshold | None, str, list[str]]] = {
    "nothing is asked for": ((0.95, 0.1, "accuracy"), None, "True Measured", ["0.9500", "0.1000"]),
    "as bad as the baseline": ((0.1, 0.1, "accuracy"), None, "False BaselineNotBeaten", ["0.1000"]),
    "an error above the baseline's": ((3.5, 3.0, "rmse"), RMSE, "False BaselineNotBeaten", ["3.5000"]),
    "an error within the maximum": ((2.9, 9.0, "rmse"), RMSE, "True MinimumMet", ["2.9000", "3.0"]),
    "an error on target": ((2.0, 9.0, "rmse"), RMSE, "True TargetMet", ["2.0000", "target 2.0"]),
    "too large an error": ((3.1, 9.0, "rmse"), RMSE, "False TargetMissedOnTest", ["3.1000", "above 3.0"]),
    "below the minimum": ((0.89, 0.1, "accuracy"), MINIMUM, "False TargetMissedOnTest", ["0.8900", "below 0.9"]),
    "just the minimum": ((0.9, 0.1, "accuracy"), MINIMUM, "True MinimumMet", ["minimum 0.9"]),
}


@pytest.mark.parametrize("case", TEST_SCORES)
def test_what_the_test_split_says(case: str) -> None:
    (served, baseline, metric), wanted, expected, figures = TEST_SCORES[case]
    report = published()["evaluate"].model_copy(
        update={"served_score": served, "baseline_score": baseline, "metric": Metric(metric), "served_correct": None}
    )
    found = judge_test_score(report, wanted)
    assert (found.type, f"{found.status} {found.reason}") == ("Evaluated", expected)
    assert [text for text in figures if text not in found.message] == []


@pytest.mark.parametrize(
    ("wanted", "figures"),
    [
        pytest.param(None, None, id="nothing is asked for"),
        pytest.param(QualityThreshold(target=0.99, minimum=0.9), None, id="the target alone is missed"),
        pytest.param(
            QualityThreshold(target=None, minimum=0.99),
            ["big", "0.9800", "at least 0.99", "Lower `spec.objectives[0].minimum`"], id="the minimum is missed",
        ),
    ],
)  # fmt: skip
def test_a_model_below_the_minimum_ends_the_work(wanted: QualityThreshold | None, figures: list[str] | None) -> None:
    found = find_missed_minimum(choice(("big", 0.98, 900), wanted=wanted), wanted)
    if figures is None:
        assert found is None
        return
    assert found is not None
    assert (found.condition, found.reason, found.final) == ("Trained", "MinimumMissed", True)
    assert [text for text in figures if text not in found.message] == []


def test_a_missed_maximum_is_to_be_raised() -> None:
    selected = dataclasses.replace(choice(("big", 0.98, 900)), reaches_minimum=False)
    found = find_missed_minimum(selected, RMSE)
    assert found is not None
    assert "at most 3.0 is asked for. Raise `spec.objectives[0].maximum`" in found.message


def failed(name: str, reason: str | None, state: str = "Failed") -> TaskDecision:
    return TaskDecision(entry=TaskStatus(name=name, state=state, content_hash="", reason=reason, message=f"of {name}"))


FAILURES: dict[str, tuple[Blocker | None, tuple[str, str] | None]] = {
    "the data": (explain_failed_profile(failed("profile", "DataInvalid")), ("DataReady", "DataInvalid")),
    "no failure": (explain_failed_profile(failed("profile", None, "Running")), None),
    "every training, for the same reason": (
        explain_failed_trainings({"a": failed("a", "OOMKilled"), "b": failed("b", "OOMKilled")}),
        ("Trained", "OOMKilled"),
    ),
    "every training, for several reasons": (
        explain_failed_trainings({"a": failed("a", "OOMKilled"), "b": failed("b", "Diverged")}),
        ("Trained", "CandidatesFailed"),
    ),
    "the publication": (explain_failed_publication(failed("publish", "OOMKilled")), ("Compressed", "OOMKilled")),
    "its last check": (
        explain_failed_publication(failed("publish", "VerificationFailed")), ("Evaluated", "VerificationFailed"),
    ),
    "a reason of another version": (explain_failed_publication(failed("publish", "X")), ("Compressed", "TaskFailed")),
    "no reason": (explain_failed_publication(failed("publish", None)), ("Compressed", "TaskFailed")),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_which_condition_a_failure_makes_false(case: str) -> None:
    found, expected = FAILURES[case]
    assert (None if found is None else (found.condition, found.reason)) == expected
    assert found is None or found.final


AT_LEAST_A_THIRD = {"objectives": [{"metric": "accuracy", "target": "0.3"}]}
ENDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "better than the baseline": ({}, {}, "True Completed", "test accuracy 0.9833"),
    "no better": ({}, {"right": 144, "baseline": 0.4}, "True BaselineNotBeaten", "no better than the baseline's 0.4"),
    "no better, and as good as was asked for": (
        AT_LEAST_A_THIRD, {"right": 144, "baseline": 0.4}, "True Completed", "at least 0.3 asked for",
    ),
    "no better, and on the test split worse than was asked for": (
        AT_LEAST_A_THIRD, {"right": 100, "baseline": 0.4}, "True BaselineNotBeaten", "test accuracy 0.2778",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDS)
def test_the_summary_says_whether_the_model_is_worth_having(case: str) -> None:
    spec, results, expected, said = ENDS[case]
    world = World(workflow=workflow(**spec)).profiled().train().publish(**results)
    assert world.conditions()["Succeeded"] == expected
    assert said in world.message("Succeeded")
    assert expected.split()[1] in world.told()
