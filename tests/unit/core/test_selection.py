"""Which candidate is published: by a paired comparison, by the score alone, or as it was chosen before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.api.training_workflow_status import AlternativeStatus, CandidateStatus, DecisionStatus, TaskStatus
from idla.core.planning.requirements import QualityThreshold
from idla.core.workflow.comparison import describe_figures
from idla.core.workflow.selection import Selected, keep_selection, select_best, select_compared
from idla.core.workflow.tasks import TaskDecision
from idla_contract.choice import Comparison, SelectReport
from idla_contract.problem import Metric
from idla_contract.result import TaskResult

from tests.unit.core.world import selected, trained


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
    """Return what the scores alone choose."""
    candidates = [candidate(name) for name, _, _ in rows]
    views = {name: view(name, accuracy, parameters, error) for name, accuracy, parameters in rows}
    found = select_best(candidates, views, wanted)
    assert found is not None
    return found


BIG, SMALL = ("big", 0.98, 900), ("small", 0.975, 100)
TINY, HUGE = ("tiny", 0.974, 10), ("huge", 0.979, 1900)
BETTER = QualityThreshold(target=0.978, minimum=0.978)


def compared(
    *rows: tuple[str, float, int], winner: int | None = None, wanted: QualityThreshold | None = None, spread: float
) -> Selected:
    """Return what a paired comparison chooses, whose intervals reach so far to both sides."""
    candidates = [candidate(name) for name, _, _ in rows]
    views = {name: view(name, accuracy, parameters, 0.01) for name, accuracy, parameters in rows}
    told = selected(*(accuracy for _, accuracy, _ in rows), winner=winner, spread=spread)
    found = select_compared(candidates, views, told, wanted, tolerance=0.007)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rows", "winner", "wanted", "spread", "reason", "others"),
    [
        pytest.param([BIG], 0, None, 0.001, "BestAccuracy", {}, id="only one"),
        pytest.param([BIG, SMALL], 0, None, 0.01, "BestAccuracy", {"small": "LowerAccuracy"}, id="it may lose more"),
        pytest.param(
            [BIG, SMALL], 1, None, 0.001, "SmallerWithinTolerance", {"big": "LargerWithinTolerance"}, id="a smaller",
        ),
        pytest.param(
            [BIG, SMALL, TINY, HUGE], 2, None, 0.001, "SmallerWithinTolerance",
            {"big": "LargerWithinTolerance", "small": "LargerWithinTolerance", "huge": "LargerWithinTolerance"},
            id="the smallest of several",
        ),
        pytest.param(
            [BIG, HUGE], 0, None, 0.001, "BestAccuracy", {"huge": "LargerWithinTolerance"}, id="a larger one",
        ),
        pytest.param(
            [BIG, SMALL], 0, BETTER, 0.001, "BestAccuracy", {"small": "BelowMinimum"},
            id="the smaller one would not be published",
        ),
        pytest.param(
            [BIG, SMALL], 1, QualityThreshold(target=0.99, minimum=0.99), 0.001, "SmallerWithinTolerance",
            {"big": "LargerWithinTolerance"}, id="none would be published",
        ),
    ],
)  # fmt: skip
def test_selection_by_a_paired_comparison(  # noqa: PLR0917  # a table's columns
    rows: list[tuple[str, float, int]],
    winner: int,
    wanted: QualityThreshold | None,
    spread: float,
    reason: str,
    others: dict[str, str],
) -> None:
    found = compared(*rows, winner=winner, wanted=wanted, spread=spread)
    assert (found.candidate.template, found.reason) == (rows[winner][0], reason)
    assert {entry.choice: entry.reason for entry in found.alternatives} == others


@pytest.mark.parametrize(
    ("rows", "winner", "spread", "message", "others"),
    [
        pytest.param([BIG], 0, 0.01, "validation accuracy 0.9800, 900 weights", {}, id="only one"),
        pytest.param(
            [BIG, SMALL, HUGE, ("vast", 0.95, 9900)], 0, 0.006,
            "validation accuracy 0.9800, 900 weights, the best of 4",
            {
                "small": "validation accuracy 0.9750, 100 weights; 0.50 points lower (95 % interval -0.10 to 1.10),"
                " more than the 0.7 points that a smaller model may lose",
                "huge": "validation accuracy 0.9790, 1900 weights; 0.10 points lower (95 % interval -0.50 to 0.70),"
                " within the 0.7 points that a smaller model may lose, but it is not smaller",
                "vast": "validation accuracy 0.9500, 9900 weights; 3.00 points lower (95 % interval 2.40 to 3.60)",
            },
            id="the best",
        ),
        pytest.param(
            [BIG, SMALL], 1, 0.002,
            "validation accuracy 0.9750, 100 weights; 0.50 points lower (95 % interval 0.30 to 0.70) than big with 900"
            " weights, within the 0.7 points that a smaller model may lose",
            {"big": "validation accuracy 0.9800, 900 weights, the best of 2; small is smaller"},
            id="a smaller one",
        ),
    ],
)  # fmt: skip
def test_the_choice_is_explained_by_paired_figures(
    rows: list[tuple[str, float, int]], winner: int, spread: float, message: str, others: dict[str, str]
) -> None:
    found = compared(*rows, winner=winner, spread=spread)
    assert found.message == message
    assert {entry.choice: entry.message for entry in found.alternatives} == others


def test_of_an_error_the_growth_is_told_and_the_score_is_that_of_the_comparison() -> None:
    rows = {"big": (2.0, 900), "small": (2.1, 100)}
    views = {}
    for name, (score, parameters) in rows.items():
        decision = view(name, score, parameters, 0.01)
        assert decision.result is not None
        assert decision.result.train is not None
        report = decision.result.train.model_copy(update={"metric": Metric.RMSE, "stopped": "Budget"})
        views[name] = TaskDecision(entry=decision.entry, result=decision.result.model_copy(update={"train": report}))
    told = SelectReport(winner=0, best=0, examples=9, compared=(
        Comparison(score=1.9, drop=0.0, drop_interval=(0.0, 0.0)),
        Comparison(score=2.0, drop=0.0526, drop_interval=(-0.00001, 0.1)),
    ))  # fmt: skip
    wanted = QualityThreshold(target=None, minimum=1.95, metric=Metric.RMSE)
    found = select_compared([candidate(name) for name in rows], views, told, wanted, tolerance=0.005)
    assert found is not None
    assert (found.report.validation_score, found.reaches_minimum) == (1.9, True)
    assert (found.message, found.alternatives) == (
        "validation rmse 1.9000, 900 weights, ended by the budget, the best of 2",
        (
            AlternativeStatus(
                choice="small", reason="BelowMinimum",
                message="validation rmse 2.0000, 100 weights, ended by the budget; 5.26 % worse (95 % interval 0.00 to"
                " 10.00), more than the 0.5 % that a smaller model may lose",
            ),
        ),
    )  # fmt: skip


def test_a_candidate_that_failed_was_not_compared() -> None:
    views = {"big": view("big", 0.98, 900, 0.01), "small": FAILED}
    told = selected(0.98)
    found = select_compared([candidate("small"), candidate("big")], views, told, None, tolerance=0.005)
    assert found is not None
    assert (found.candidate.template, found.message) == ("big", "validation accuracy 0.9800, 900 weights")
    assert [(entry.choice, entry.reason, entry.message) for entry in found.alternatives] == [
        ("small", "Diverged", "in epoch 3")
    ]


FAILED = TaskDecision(
    entry=TaskStatus(name="small", state="Failed", content_hash="0" * 16, reason="Diverged", message="in epoch 3")
)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(selected(0.98), id="of fewer candidates"),
        pytest.param(selected(0.98, 0.97, winner=2), id="a winner that is none"),
        pytest.param(selected(0.98, 0.97).model_copy(update={"best": -1}), id="a best one that is none"),
    ],
)
def test_a_comparison_of_others_chooses_nothing(told: SelectReport) -> None:
    views = {name: view(name, accuracy, parameters, 0.01) for name, accuracy, parameters in (BIG, SMALL)}
    assert select_compared([candidate("big"), candidate("small")], views, told, None, tolerance=0.005) is None


@pytest.mark.parametrize(
    ("rows", "wanted", "template", "others"),
    [
        pytest.param([BIG], None, "big", {}, id="only one"),
        pytest.param([SMALL, BIG], None, "big", {"small": "LowerAccuracy"}, id="no smaller one"),
        pytest.param([BIG, SMALL], BETTER, "big", {"small": "BelowMinimum"}, id="it would not be published"),
        pytest.param(
            [BIG, ("small", 0.98, 100)], None, "small", {"big": "LargerWithinTolerance"}, id="of equal ones",
        ),
        pytest.param(
            [("b", 0.98, 100), ("a", 0.98, 100)], None, "b", {"a": "LargerWithinTolerance"},
            id="equal in everything: the plan's order",
        ),
    ],
)  # fmt: skip
def test_without_pairs_the_best_score_wins(
    rows: list[tuple[str, float, int]], wanted: QualityThreshold | None, template: str, others: dict[str, str]
) -> None:
    found = choice(*rows, wanted=wanted)
    assert (found.candidate.template, found.reason) == (template, "BestAccuracy")
    assert {entry.choice: entry.reason for entry in found.alternatives} == others


def test_without_pairs_a_score_is_told_with_its_error() -> None:
    found = choice(BIG, SMALL)
    assert found.message == "validation accuracy 0.9800 ± 0.0100, 900 weights, the best of 2"
    assert [entry.message for entry in found.alternatives] == ["validation accuracy 0.9750 ± 0.0100, 100 weights"]


EARLIER = DecisionStatus(
    name="ModelSelection", choice="small", reason="SmallerWithinError", message="as it was told",
    time="2026-11-24T08:00:00Z",
    alternatives=(AlternativeStatus(choice="big", reason="LargerWithinError", message="so was this"),),
)  # fmt: skip


def test_what_an_earlier_version_chose_stays_in_its_words() -> None:
    views = {name: view(name, accuracy, parameters, 0.01) for name, accuracy, parameters in (BIG, SMALL)}
    candidates = [candidate("big"), candidate("small")]
    found = keep_selection(EARLIER, candidates, views, BETTER)
    assert found is not None
    assert (found.candidate.template, found.report.validation_score) == ("small", 0.975)
    assert (found.reason, found.message, found.alternatives) == (EARLIER.reason, EARLIER.message, EARLIER.alternatives)
    assert (found.reaches_minimum, found.reaches_target) == (False, False)
    assert keep_selection(EARLIER, candidates, views | {"small": FAILED}, BETTER) is None


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


@given(ROWS, st.floats(0.5, 1.0))
def test_without_pairs_whatever_can_be_published_is(rows: list[tuple[float, int]], minimum: float) -> None:
    named = [(f"m{number}", accuracy, parameters) for number, (accuracy, parameters) in enumerate(rows)]
    found = choice(*named, wanted=QualityThreshold(target=minimum, minimum=minimum))
    best = max(accuracy for _, accuracy, _ in named)
    assert found.report.validation_score == best
    assert found.reaches_minimum == (best >= minimum)
    assert len(found.alternatives) == len(rows) - 1
