"""How many steps one call of the compiled function takes: those that fit, and never so many that others wait for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.training.pace import Pace

CALL = 0.25


def paced(step_seconds: float, calls: int, *, first: float = 0.0, most: int = 10**6) -> int:
    """Return the steps of the call after some calls, of which the first takes longer and each at most `most` steps."""
    pace = Pace()
    for call in range(calls):
        steps = min(pace.steps, most)
        pace.note(steps, steps * step_seconds + (0.0 if call else first))
    return pace.steps


@pytest.mark.parametrize(
    ("case", "step_seconds", "calls", "first", "expected"),
    [
        ("before the first call", 0.001, 0, 0.0, 1),
        ("it doubles", 0.001, 3, 0.0, 8),
        ("as many as fit", 0.01, 20, 0.0, 25),
        ("the compilation of the first call is forgotten", 0.01, 20, 9.0, 25),
        ("a step that is longer than a call", 2.0, 20, 0.0, 1),
        ("a clock that stands still", 0.0, 4, 0.0, 16),
    ],
)
def test_a_call_takes_as_many_steps_as_fit(
    case: str, step_seconds: float, calls: int, first: float, expected: int
) -> None:
    assert paced(step_seconds, calls, first=first) == expected, case


@given(seconds=st.lists(st.floats(0.0, 10.0), max_size=30), last=st.floats(1e-6, 10.0))
def test_a_call_is_short_wherever_steps_are(seconds: list[float], last: float) -> None:
    pace = Pace()
    for second in seconds:
        pace.note(pace.steps, second)
    before = pace.steps
    pace.note(before, before * last)
    assert pace.steps == 1 or pace.steps * last <= CALL * (1 + 1e-9)
    assert pace.steps <= 2 * before


def test_a_step_takes_what_the_calls_took_after_those_that_compile() -> None:
    pace, found = Pace(), []
    for steps, seconds in ((1, 9.0), (2, 1.0), (4, 0.4), (4, 0.8)):
        pace.note(steps, seconds)
        found.append(pace.step_seconds)
    assert found == pytest.approx([None, None, 0.1, 0.15])
