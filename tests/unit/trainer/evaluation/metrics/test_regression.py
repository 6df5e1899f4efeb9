import math

import numpy as np
import pytest
from idla_trainer.evaluation.metrics.regression import mae, rmse


@pytest.mark.parametrize(
    ("targets", "values", "squared", "absolute"),
    [
        pytest.param([1.0, 2.0], [1.0, 2.0], 0.0, 0.0, id="exact"),
        pytest.param([0.0, 0.0], [3.0, -1.0], math.sqrt(5), 2.0, id="errors"),
        pytest.param([0.0, math.nan], [3.0, 1.0], 3.0, 3.0, id="unknown-target"),
        pytest.param([math.nan], [3.0], math.nan, math.nan, id="nothing-known"),
        pytest.param([[0.0], [0.0]], [[1.0], [1.0]], 1.0, 1.0, id="two-dimensions"),
    ],
)
def test_figures(targets: list[float], values: list[float], squared: float, absolute: float) -> None:
    found = rmse(np.array(targets), np.array(values)), mae(np.array(targets), np.array(values))
    assert found == pytest.approx((squared, absolute), nan_ok=True)


def test_a_column_is_not_compared_with_a_row() -> None:
    with pytest.raises(ValueError, match=r"targets of shape \(2,\) and values of shape \(2, 1\) cannot be compared"):
        rmse(np.zeros(2), np.zeros((2, 1)))


def test_small_floats_are_summed_as_wide_ones() -> None:
    assert rmse(np.zeros(100_000, np.float32), np.full(100_000, 0.1, np.float32)) == pytest.approx(0.1, rel=1e-7)
