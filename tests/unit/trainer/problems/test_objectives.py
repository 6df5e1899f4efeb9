"""What every objective keeps: its one metric is what stands in all of its scores."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from idla_contract.problem import METRICS, Metric, TaskType
from idla_preprocess import Classes
from idla_preprocess.intents import Intents
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.recommendation.ranking import Ranking
from idla_trainer.problems.recommendation.ratings import Ratings
from idla_trainer.problems.regression import Regression
from idla_trainer.problems.series.forecast import Forecast
from idla_trainer.problems.tabular.subgroups import SubgroupClassification
from idla_trainer.problems.text.intents import as_received

DRAWN = np.random.default_rng(5)
CLASSES, SHARES = DRAWN.integers(0, 3, 60), DRAWN.dirichlet((1, 1, 1), 60)
WARD = np.array(["a", "b"] * 30, dtype=object)
NUMBERS, GUESSES = DRAWN.normal(size=60), DRAWN.normal(size=(60, 1))
STEPS, FORECASTS = DRAWN.normal(size=(20, 4, 3)), DRAWN.normal(size=(20, 4, 3, 3))
STEPS[3, 1, 2] = np.nan
RANKED, ITEMS = np.array([[1, -2, 0], [3, 4, 6]], np.int32), DRAWN.normal(size=(2, 5))
ZEROS, ONES = np.zeros(3, np.float32), np.ones(3, np.float32)


def objectives() -> list[Any]:
    """Return every objective with each of its metrics, and what it scores."""
    classifiers = METRICS[TaskType.TABULAR_CLASSIFICATION]
    found: list[Any] = [
        (Classification(metric=metric, classes=3, positive=1), CLASSES, SHARES, {}) for metric in classifiers
    ]
    groups = (("ward", ("a", "b")),)
    found += [
        (SubgroupClassification(metric=metric, classes=3, subgroups=groups), CLASSES, SHARES, {"ward": WARD})
        for metric in classifiers
    ]
    found += [
        (Regression(metric=metric, center=1.0, scale=2.0), NUMBERS, GUESSES, {})
        for metric in METRICS[TaskType.TABULAR_REGRESSION]
    ]
    found += [
        (Ratings(metric=metric, center=1.0, scale=2.0, lowest=0.0, highest=5.0), NUMBERS, GUESSES, {})
        for metric in METRICS[TaskType.TABULAR_REGRESSION]
    ]
    found += [
        (Forecast(metric=metric, horizon=4, levels=(0.1, 0.9), location=ZEROS, scale=ONES), STEPS, FORECASTS, {})
        for metric in METRICS[TaskType.FORECASTING]
    ]
    found += [
        (Ranking(metric=metric, items=5), RANKED, ITEMS, {}) for metric in (Metric.NDCG_AT_10, Metric.RECALL_AT_10)
    ]
    return [pytest.param(*case, id=f"{type(case[0]).__name__} {case[0].metric}") for case in found]


@pytest.mark.parametrize(("objective", "targets", "values", "raw"), objectives())
def test_the_score_is_the_metric_among_all_scores(objective: Objective, targets: Any, values: Any, raw: Any) -> None:
    assert objective.score(targets, values, raw) == objective.scores(targets, values, raw)[objective.metric]


def test_a_metric_of_another_task_is_none_of_classes() -> None:
    with pytest.raises(ValueError, match="rmse is no metric of classes"):
        Classification(metric=Metric.RMSE, classes=3).score(CLASSES, SHARES, {})


def test_a_refused_sentence_in_scope_is_answered_wrongly() -> None:
    targets = np.array([0, 0, 1, 1])
    values = np.array([[0.9, 0.1], [0.55, 0.45], [0.2, 0.8], [0.7, 0.3]], np.float32)
    plain, answers = Classification(metric=Metric.ACCURACY, classes=2), Intents(("pay", "send"), 0.6, recall=0.9)
    received = as_received(plain, answers)
    figures = {
        name: (objective.score(targets, values, {}), objective.scores(targets, values, {}).get("acceptedShare"))
        for name, objective in (("plain", plain), ("received", received))
    }
    assert figures == {"plain": (0.75, None), "received": (0.5, 0.75)}
    f1 = as_received(dataclasses.replace(plain, metric=Metric.F1), answers)
    assert f1.score(targets, values, {}) == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert as_received(plain, Classes(("pay", "send"))) is plain
