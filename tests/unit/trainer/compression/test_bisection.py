"""The search over shares of the channels, and the variants that no other one beats."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.compression.bisection import TimeBudget, bisect_shares
from idla_trainer.compression.gate.pareto import Point, pareto_front

SHARES = (0.85, 0.7, 0.5, 0.35, 0.25)


@pytest.mark.parametrize(
    ("smallest", "tried"),
    [
        pytest.param(0.5, (0.5, 0.35), id="middle"),
        pytest.param(0.25, (0.5, 0.35, 0.25), id="smallest"),
        pytest.param(0.35, (0.5, 0.35, 0.25), id="last but one"),
        pytest.param(0.85, (0.5, 0.85, 0.7), id="largest"),
        pytest.param(1.0, (0.5, 0.85), id="none"),
    ],
)
def test_the_smallest_share_that_passes_is_found_by_halves(smallest: float, tried: tuple[float, ...]) -> None:
    assert bisect_shares(SHARES, lambda share: share >= smallest) == tried


def test_the_search_ends_with_its_time() -> None:
    answers = iter([True, None])
    assert bisect_shares(SHARES, lambda _: next(answers)) == (0.5,)


@given(st.sets(st.floats(0.01, 0.99), max_size=20), st.floats(0, 1))
def test_few_are_tried_and_the_smallest_that_passes_is_one_of_them(shares: set[float], smallest: float) -> None:
    tried = bisect_shares(tuple(shares), lambda share: share >= smallest)
    assert len(tried) == len(set(tried)) <= math.floor(math.log2(len(shares) + 1)) + 1
    passing = [share for share in shares if share >= smallest]
    assert not passing or min(passing) in tried


def test_a_clock_allows_what_ends_in_time() -> None:
    times = iter([100.0, 104.0, 104.0, 120.0])
    clock = TimeBudget(10.0, now=lambda: next(times))
    assert (clock.allows(5.9), clock.allows(6.0), clock.left()) == (True, False, 0.0)


def test_what_an_earlier_attempt_spent_is_counted_in() -> None:
    clock = TimeBudget(10.0, now=lambda: 5.0)
    clock.charge(4.0)
    clock.charge(3.0)
    assert clock.left() == 3.0


def test_what_is_beaten_in_nothing_is_on_the_front() -> None:
    points = {
        "Float32": Point(0.0, 1000, 1.0),
        "Int8": Point(0.001, 260, 0.3),
        "DynamicRange": Point(0.0, 250, 0.3),
        "Keep50Int8": Point(0.004, 90, 0.2),
        "Keep70Int8": Point(0.005, 140, 0.25),
        "Twin": Point(0.004, 90, 0.2),
    }
    assert pareto_front(points) == ("DynamicRange", "Keep50Int8", "Twin")


@given(st.dictionaries(st.integers(), st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=12))
def test_whatever_is_not_on_the_front_is_beaten_by_something_on_it(drawn: dict[int, tuple[int, int, int]]) -> None:
    points = {str(name): Point(*values) for name, values in drawn.items()}
    best = pareto_front(points)
    assert best
    for name, point in points.items():
        smaller = [
            other for other in best
            if points[other].drop <= point.drop
            and points[other].size_bytes <= point.size_bytes
            and points[other].milliseconds <= point.milliseconds
        ]  # fmt: skip
        assert smaller if name not in best else name in smaller
