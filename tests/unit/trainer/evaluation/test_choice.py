"""The rule by which one of several trained networks is published."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.problem import Metric
from idla_trainer.evaluation.choice import Contender, Demand, find_best, find_winner

TOLERANCE = 0.005
Row = tuple[float, int, float]
"""Score, weights, and the upper bound of the loss against the best."""
BIG, SMALL, TINY = (0.98, 900, 0.0), (0.978, 100, 0.004), (0.977, 10, 0.005)


def winner(rows: Sequence[Row], metric: Metric, minimum: float | None, tolerance: float = TOLERANCE) -> int:
    contenders = [Contender(score=score, parameters=parameters) for score, parameters, _ in rows]
    demand = Demand(metric=metric, tolerance=tolerance, minimum=minimum)
    return find_winner(contenders, [bound for _, _, bound in rows], demand)


@pytest.mark.parametrize(
    ("rows", "minimum", "place"),
    [
        pytest.param([BIG], None, 0, id="only one"),
        pytest.param([SMALL, BIG], None, 0, id="a smaller one within the tolerance"),
        pytest.param([BIG, SMALL, TINY], None, 2, id="of several the smallest, at the very bound"),
        pytest.param([BIG, (0.978, 100, 0.0051)], None, 0, id="the loss may be more than is tolerated"),
        pytest.param([BIG, (0.98, 100, 0.02)], None, 1, id="of equal scores the smaller is the best"),
        pytest.param([(0.98, 100, 0.0), (0.98, 100, 0.0)], None, 0, id="equal in everything: the first"),
        pytest.param([BIG, (0.979, 900, 0.001)], None, 0, id="as large as the best"),
        pytest.param([BIG, (0.979, 901, 0.001)], None, 0, id="larger than the best"),
        pytest.param([BIG, (0.977, 100, 0.004), (0.979, 100, 0.003)], None, 2, id="of equally small ones the better"),
        pytest.param([BIG, SMALL], 0.979, 0, id="the smaller one would not be published"),
        pytest.param([BIG, SMALL, TINY], 0.978, 1, id="the smallest that would be published"),
        pytest.param([BIG, SMALL], 0.99, 1, id="none would be published"),
    ],
)  # fmt: skip
def test_the_best_or_a_smaller_one_that_loses_no_more_than_is_tolerated(
    rows: Sequence[Row], minimum: float | None, place: int
) -> None:
    assert winner(rows, Metric.ACCURACY, minimum) == place


@pytest.mark.parametrize(
    ("rows", "maximum", "place"),
    [
        pytest.param([(2.0, 900, 0.0), (2.1, 100, 0.06)], None, 0, id="the least error"),
        pytest.param([(2.0, 900, 0.0), (2.001, 100, 0.004)], None, 1, id="a smaller one within the tolerance"),
        pytest.param([(2.0, 900, 0.0), (2.001, 100, 0.004)], 2.0, 0, id="more error than may be published"),
        pytest.param([(2.0, 900, 0.0), (2.001, 100, 0.004)], 1.0, 1, id="none would be published"),
    ],
)  # fmt: skip
def test_of_an_error_less_is_better(rows: Sequence[Row], maximum: float | None, place: int) -> None:
    assert winner(rows, Metric.RMSE, maximum) == place


def test_without_a_tolerance_the_best_wins_unless_a_smaller_one_is_better_for_certain() -> None:
    assert winner([BIG, SMALL, TINY], Metric.ACCURACY, None, tolerance=0.0) == 0


ROWS = st.lists(st.tuples(st.floats(0.5, 1.0), st.integers(1, 9), st.floats(-0.1, 0.1)), min_size=1, max_size=6)


@given(ROWS, st.floats(0.5, 1.0), st.sampled_from([Metric.ACCURACY, Metric.RMSE]))
def test_whoever_wins_is_the_best_or_smaller_and_within_the_tolerance(
    rows: list[Row], minimum: float, metric: Metric
) -> None:
    contenders = [Contender(score=score, parameters=parameters) for score, parameters, _ in rows]
    demand = Demand(metric=metric, tolerance=TOLERANCE, minimum=minimum)
    best, found = find_best(contenders, demand), winner(rows, metric, minimum)
    assert all(demand.quality(other) <= demand.quality(contenders[best]) for other in contenders)
    assert demand.reached(contenders[found]) == demand.reached(contenders[best]) or not demand.reached(contenders[best])
    if found != best:
        assert contenders[found].parameters < contenders[best].parameters
        assert rows[found][2] <= TOLERANCE
