import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.evaluation.metrics.classification import (
    accuracy,
    auc,
    balanced_accuracy,
    brier,
    calibration_error,
    f1,
    log_loss,
    sensitivity_at_specificity,
    threshold_at_specificity,
)

TRUE = np.array([0, 0, 0, 1, 1, 2])
CHOSEN = np.array([0, 0, 1, 1, 0, 2])


def two(second: list[float]) -> Any:
    """Return probabilities of two classes by those of the second."""
    scores = np.array(second)
    return np.stack([1 - scores, scores], axis=1)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        pytest.param(accuracy(TRUE, CHOSEN), 4 / 6, id="accuracy"),
        pytest.param(balanced_accuracy(TRUE, CHOSEN), (2 / 3 + 1 / 2 + 1) / 3, id="balanced"),
        pytest.param(f1(TRUE, CHOSEN), (2 / 3 + 1 / 2 + 1) / 3, id="f1-macro"),
        pytest.param(f1(TRUE, CHOSEN, positive=1), 1 / 2, id="f1-positive"),
        pytest.param(f1(TRUE, CHOSEN, positive=3), 0.0, id="f1-absent"),
        pytest.param(f1(np.array([0, 0]), np.array([0, 1])), (2 / 3 + 0) / 2, id="f1-never-true"),
        pytest.param(auc(np.array([0, 0, 1, 1]), two([0.1, 0.4, 0.35, 0.8])), 0.75, id="auc"),
        pytest.param(auc(np.array([0, 0, 1, 1]), two([0.1, 0.4, 0.35, 0.8]), positive=0), 0.75, id="auc-other-side"),
        pytest.param(auc(np.array([0, 1]), two([0.3, 0.3])), 0.5, id="auc-tie"),
        pytest.param(auc(np.array([1, 1]), two([0.3, 0.4])), math.nan, id="auc-one-side"),
        pytest.param(
            auc(np.array([0, 1, 1]), np.array([[0.6, 0.4, 0], [0.5, 0.5, 0], [0.9, 0.1, 0]])),
            0.5,
            id="auc-absent-class",
        ),
        pytest.param(log_loss(np.array([1, 0]), two([0.5, 0.75])), (math.log(2) + math.log(4)) / 2, id="log-loss"),
        pytest.param(log_loss(np.array([1]), two([0.0])), -math.log(1e-15), id="log-loss-of-an-impossible"),
        pytest.param(log_loss(np.array([1]), np.array([[1.0, 3.0]])), -math.log(0.75), id="log-loss-scaled"),
        pytest.param(brier(np.array([1, 0]), two([0.5, 0.75])), (0.25 + 0.5625) / 2, id="brier"),
        pytest.param(brier(np.array([2]), np.array([[0.5, 0.25, 0.25]])), 0.25 + 0.0625 + 0.5625, id="brier-of-three"),
        pytest.param(calibration_error(np.array([1, 1, 0, 0]), two([0.75, 0.75, 0.75, 0.0])), 0.0625, id="calibration"),
        pytest.param(calibration_error(np.array([1, 0]), two([1.0, 0.0])), 0.0, id="calibration-certain-and-right"),
        pytest.param(calibration_error(np.array([0, 1]), two([1.0, 0.0])), 1.0, id="calibration-certain-and-wrong"),
    ],
)
def test_figures(found: float, wanted: float) -> None:
    assert found == pytest.approx(wanted, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("negatives", "positives", "specificity", "wanted"),
    [
        pytest.param([0.1] * 19 + [0.9], [0.5, 0.95], 0.95, 1.0, id="one-in-twenty-may-be-above"),
        pytest.param([0.1] * 18 + [0.9, 0.9], [0.5, 0.95], 0.95, 0.5, id="a-tie-counts-as-above"),
        pytest.param([0.1] * 18 + [0.9], [0.5, 0.95], 0.95, 0.5, id="too-few-to-allow-one"),
        pytest.param([0.2], [0.2], 0.95, 0.0, id="equal-scores"),
        pytest.param([], [0.2], 0.95, math.nan, id="no-negative"),
        pytest.param([0.2], [], 0.95, math.nan, id="no-positive"),
    ],
)
def test_sensitivity_at_a_specificity(
    negatives: list[float], positives: list[float], specificity: float, wanted: float
) -> None:
    truth = np.array([False] * len(negatives) + [True] * len(positives))
    found = sensitivity_at_specificity(truth, np.array(negatives + positives), specificity)
    assert found == pytest.approx(wanted, nan_ok=True)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=60),
    st.floats(0.01, 1.0, allow_nan=False),
)
def test_the_threshold_leaves_enough_of_the_negatives_below_it(
    examples: list[tuple[bool, int]], specificity: float
) -> None:
    truth = np.array([positive for positive, _ in examples])
    scores = np.array([score / 10 for _, score in examples])
    threshold = threshold_at_specificity(truth, scores, specificity)
    if truth.all():
        assert math.isnan(threshold)
    else:
        assert np.mean(scores[~truth] < threshold) >= specificity - 1e-8


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40))
def test_the_area_is_how_often_a_positive_is_put_first(examples: list[tuple[bool, int]]) -> None:
    truth = np.array([int(positive) for positive, _ in examples])
    scores = np.array([score / 10 for _, score in examples])
    pairs = [
        1.0 if more > less else 0.5 if more == less else 0.0
        for more in scores[truth == 1]
        for less in scores[truth == 0]
    ]
    wanted = np.mean(pairs) if pairs else math.nan
    assert auc(truth, np.stack([1 - scores, scores], axis=1)) == pytest.approx(wanted, nan_ok=True)
