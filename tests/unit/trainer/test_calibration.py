"""The temperature of probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.evaluation.metrics.classification import log_loss
from idla_trainer.training.calibration import temperature


def answered(true: float, claimed: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logits that claim a probability of the first class, and targets among which it is another."""
    logits = np.tile([np.log(claimed / (1 - claimed)), 0.0], (count, 1))
    return logits, (np.arange(count) >= round(true * count)).astype(np.int64)


@pytest.mark.parametrize(
    ("true", "claimed", "wanted"),
    [
        pytest.param(0.8, 0.8, 1.0, id="calibrated"),
        pytest.param(0.7, 0.97, 4.1, id="over-confident"),
        pytest.param(0.95, 0.8, 0.47, id="under-confident"),
    ],
)
def test_many_examples_decide(true: float, claimed: float, wanted: float) -> None:
    assert temperature(*answered(true, claimed, 20_000)) == pytest.approx(wanted, rel=0.02)


def test_few_examples_change_little() -> None:
    assert 1 / 1.2 < temperature(*answered(1.0, 0.8, 5)) < 1 < temperature(*answered(0.6, 0.97, 5)) < 1.5


@given(st.lists(st.tuples(st.floats(-15, 15), st.floats(-15, 15), st.integers(0, 1)), min_size=1, max_size=30))
def test_no_temperature_makes_the_fitted_examples_likelier(rows: list[tuple[float, float, int]]) -> None:
    logits, targets = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])

    def loss(divisor: float) -> float:
        scaled = logits / divisor - (logits / divisor).max(axis=1, keepdims=True)
        return log_loss(targets, np.exp(scaled))

    assert loss(temperature(logits, targets)) <= loss(1.0) + 1e-9
