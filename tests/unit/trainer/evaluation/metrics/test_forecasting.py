"""Metrics of forecasts: at a step and up to it, pinball loss and coverage, gaps left out."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from idla_trainer.evaluation.metrics.forecasting import coverage, pinball, reported_steps, rmse_at, rmse_until

GAP = float("nan")
TARGETS = np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, GAP], [GAP, 8.0]]])
FORECASTS = np.array([[[1.0, 4.0], [3.0, 1.0]], [[3.0, 9.0], [9.0, 8.0]]])

numbers = st.floats(-100, 100, width=32)


@pytest.mark.parametrize(
    ("step", "at", "until"),
    [
        (1, math.sqrt((0 + 4 + 4) / 3), math.sqrt((0 + 4 + 4) / 3)),
        (2, math.sqrt((0 + 9 + 0) / 3), math.sqrt((0 + 4 + 4 + 0 + 9 + 0) / 6)),
    ],
)
def test_errors_are_told_at_a_step_and_up_to_it(step: int, at: float, until: float) -> None:
    assert rmse_at(TARGETS, FORECASTS, step) == pytest.approx(at)
    assert rmse_until(TARGETS, FORECASTS, step) == pytest.approx(until)


@pytest.mark.parametrize(
    ("horizon", "steps"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (5, (2, 3, 5)), (12, (3, 6, 12)), (24, (6, 12, 24))]
)
def test_a_quarter_half_and_all_of_the_horizon_are_reported(horizon: int, steps: tuple[int, ...]) -> None:
    assert reported_steps(horizon) == steps


@pytest.mark.parametrize(
    ("target", "quantiles", "levels", "loss", "covered"),
    [
        (10.0, [8.0, 10.0, 12.0], [0.1, 0.5, 0.9], (0.1 * 2 + 0 + 0.1 * 2) / 3, 1.0),
        (10.0, [11.0, 12.0], [0.1, 0.9], (0.9 * 1 + 0.1 * 2) / 2, 0.0),
        (10.0, [7.0, 8.0], [0.1, 0.9], (0.1 * 3 + 0.9 * 2) / 2, 0.0),
        (10.0, [10.0, 10.0], [0.1, 0.9], 0.0, 1.0),
    ],
)
def test_the_pinball_loss_and_the_coverage_of_one_target(
    target: float, quantiles: list[float], levels: list[float], loss: float, covered: float
) -> None:
    targets, answers = np.array([target]), np.array([quantiles])
    assert pinball(targets, answers, levels) == pytest.approx(loss)
    assert coverage(targets, answers, levels) == covered


def test_gaps_are_left_out() -> None:
    targets, quantiles = np.array([GAP, 3.0]), np.array([[0.0, 1.0], [2.0, 4.0]])
    assert pinball(targets, quantiles, [0.1, 0.9]) == pytest.approx((0.1 * 1 + 0.1 * 1) / 2)
    assert coverage(targets, quantiles, [0.1, 0.9]) == 1.0


def test_without_a_known_target_there_is_no_figure() -> None:
    nothing, quantiles = np.full((2, 1), GAP), np.zeros((2, 1, 2))
    figures = [rmse_at(nothing, np.zeros((2, 1)), 1), pinball(nothing, quantiles, [0.1, 0.9])]
    figures.append(coverage(nothing, quantiles, [0.1, 0.9]))
    assert all(math.isnan(figure) for figure in figures)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        pinball(np.zeros(3), np.zeros((3, 2)), [0.5])


@given(arrays(np.float64, 9, elements=numbers), st.floats(0.05, 0.95))
def test_no_constant_has_a_smaller_pinball_loss_than_the_quantile(
    sample: npt.NDArray[np.float64], level: float
) -> None:
    def loss(value: float) -> float:
        return pinball(sample, np.full((len(sample), 1), value), [level])

    quantile = float(np.quantile(sample, level, method="inverted_cdf"))
    assert loss(quantile) <= min(loss(float(value)) for value in sample) + 1e-9


@given(arrays(np.float64, (4, 3), elements=numbers), arrays(np.float64, (4, 3), elements=numbers))
def test_the_pinball_loss_of_the_median_is_half_of_the_mean_absolute_error(
    targets: npt.NDArray[np.float64], answers: npt.NDArray[np.float64]
) -> None:
    expected = np.mean(np.abs(targets - answers)) / 2
    assert pinball(targets, answers[..., np.newaxis], [0.5]) == pytest.approx(expected)
