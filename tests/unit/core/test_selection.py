import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.api.training_workflow_status import CandidateStatus, TaskStatus
from idla.core.planning.requirements import QualityThreshold
from idla.core.workflow.selection import Selected, describe_figures, select_candidate
from idla.core.workflow.tasks import TaskDecision
from idla_contract.result import TaskResult

from tests.unit.core.world import trained


def candidate(name: str) -> CandidateStatus:
    return CandidateStatus(
        template=name, builder="resnet", parameters=1, hyperparameters="{}", training="{}", methods=()
    )


def view(name: str, accuracy: float, parameters: int, error: float) -> TaskDecision:
    report = trained(name, accuracy, parameters=parameters, error=error)
    return TaskDecision(
        entry=TaskStatus(name=name, state="Succeeded", content_hash="0" * 16),
        result=TaskResult(task=name, content_hash="0" * 16, train=report),
    )


def choice(*rows: tuple[str, float, int], wanted: QualityThreshold | None = None, error: float = 0.01) -> Selected:
    candidates = [candidate(name) for name, _, _ in rows]
    views = {name: view(name, accuracy, parameters, error) for name, accuracy, parameters in rows}
    found = select_candidate(candidates, views, wanted)
    assert found is not None
    return found


BIG, SMALL = ("big", 0.98, 900), ("small", 0.975, 100)


@pytest.mark.parametrize(
    ("rows", "wanted", "template", "reason", "others"),
    [
        pytest.param([BIG], None, "big", "BestAccuracy", {}, id="only one"),
        pytest.param([BIG, SMALL], None, "small", "SmallerWithinError", {"big": "LargerWithinError"}, id="a tie"),
        pytest.param(
            [BIG, ("small", 0.96, 100)], None, "big", "BestAccuracy", {"small": "LowerAccuracy"}, id="no tie",
        ),
        pytest.param(
            [BIG, SMALL], QualityThreshold(target=0.978, minimum=0.978), "big", "BestAccuracy",
            {"small": "BelowMinimum"},
            id="the smaller one would not be shipped",
        ),
        pytest.param(
            [BIG, SMALL], QualityThreshold(target=0.99, minimum=0.99), "small", "SmallerWithinError",
            {"big": "LargerWithinError"}, id="none would be shipped",
        ),
        pytest.param(
            [("b", 0.98, 100), ("a", 0.98, 100)], None, "b", "BestAccuracy", {"a": "LargerWithinError"},
            id="equal in everything: the plan's order",
        ),
    ],
)  # fmt: skip
def test_selection(
    rows: list[tuple[str, float, int]],
    wanted: QualityThreshold | None,
    template: str,
    reason: str,
    others: dict[str, str],
) -> None:
    found = choice(*rows, wanted=wanted)
    assert (found.candidate.template, found.reason) == (template, reason)
    assert {entry.choice: entry.reason for entry in found.alternatives} == others


def test_the_choice_is_explained_with_figures() -> None:
    assert choice(BIG, SMALL).message == (
        "validation accuracy 0.9750 ± 0.0100, 100 weights; big has 0.9800, no more than one standard error better,"
        " with 900 weights"
    )


def test_a_training_that_the_budget_ended_is_told_of() -> None:
    report = trained("small", 0.975, parameters=100).model_copy(update={"stopped": "Budget"})
    assert describe_figures(report) == "validation accuracy 0.9750 ± 0.0100, 100 weights, ended by the budget"


@pytest.mark.parametrize(
    ("wanted", "minimum", "target"),
    [
        pytest.param(None, True, True, id="nothing asked for"),
        pytest.param(QualityThreshold(target=0.98, minimum=0.98), True, True, id="just reached"),
        pytest.param(QualityThreshold(target=0.99, minimum=0.9), True, False, id="between"),
        pytest.param(QualityThreshold(target=0.99, minimum=0.99), False, False, id="missed"),
        pytest.param(QualityThreshold(target=None, minimum=0.9), True, True, id="only a minimum"),
    ],
)
def test_what_is_reached(wanted: QualityThreshold | None, minimum: bool, target: bool) -> None:  # noqa: FBT001  # a table's column
    found = choice(BIG, wanted=wanted)
    assert (found.reaches_minimum, found.reaches_target) == (minimum, target)


ROWS = st.lists(st.tuples(st.floats(0.5, 1.0), st.integers(1, 1000)), min_size=1, max_size=5)


@given(ROWS, st.floats(0.5, 1.0), st.floats(0.0, 0.1))
def test_whatever_can_be_shipped_is_shipped_and_nothing_far_from_the_best(
    rows: list[tuple[float, int]], minimum: float, error: float
) -> None:
    named = [(f"m{number}", accuracy, parameters) for number, (accuracy, parameters) in enumerate(rows)]
    found = choice(*named, wanted=QualityThreshold(target=minimum, minimum=minimum), error=error)
    best = max(accuracy for _, accuracy, _ in named)
    assert found.report.validation_score >= best - error
    assert found.reaches_minimum == (best >= minimum)
    assert len(found.alternatives) == len(rows) - 1
