"""What a model has to do and how its quality is measured."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from idla_contract.base import ContractModel


class TaskType(StrEnum):
    """What the model has to do."""

    IMAGE_CLASSIFICATION = "ImageClassification"
    """Name the one class of an image."""
    TEXT_CLASSIFICATION = "TextClassification"
    """Name the one class of a text."""
    INTENT_DETECTION = "IntentDetection"
    """Name what a person wants by a sentence, or say that it is out of scope."""
    RECOMMENDATION = "Recommendation"
    """Predict ratings of a user and an item, or name the items that a user wants next: the metric decides."""
    TABULAR_CLASSIFICATION = "TabularClassification"
    """Name the one class of a row of numbers and categories, with calibrated probabilities."""
    TABULAR_REGRESSION = "TabularRegression"
    """Predict a number for a row of numbers and categories."""
    FORECASTING = "Forecasting"
    """Predict the next steps of many series."""


class Metric(StrEnum):
    """A measure of quality."""

    ACCURACY = "accuracy"
    """Share of right answers."""
    BALANCED_ACCURACY = "balancedAccuracy"
    """Mean over the classes of the share of right answers."""
    F1 = "f1"
    """Harmonic mean of precision and recall of the positive label; without one, the mean over the classes."""
    AUC = "auc"
    """Area under the receiver operating characteristic; with more than two classes the mean of one against the rest."""
    LOG_LOSS = "logLoss"
    """Mean negative logarithm of the probability that the true class was given, in nats."""
    BRIER = "brier"
    """Mean squared difference of the probabilities and the truth, summed over the classes; halved for two."""
    RMSE = "rmse"
    """Root of the mean squared error."""
    MAE = "mae"
    """Mean absolute error."""
    NDCG_AT_10 = "ndcgAt10"
    """Normalized discounted cumulative gain of the first ten among all items that the user has not seen."""
    RECALL_AT_10 = "recallAt10"
    """Share of the wanted items among the first ten, of at most ten."""
    PINBALL = "pinball"
    """Mean pinball loss over the quantiles."""

    @property
    def maximized(self) -> bool:
        """Return whether more is better; such a metric is a share from 0 to 1."""
        return self not in _ERRORS


_ERRORS = {Metric.LOG_LOSS, Metric.BRIER, Metric.RMSE, Metric.MAE, Metric.PINBALL}

_CLASSIFIERS = (
    Metric.ACCURACY, Metric.BALANCED_ACCURACY, Metric.F1, Metric.AUC, Metric.LOG_LOSS, Metric.BRIER,
)  # fmt: skip
METRICS = {
    TaskType.IMAGE_CLASSIFICATION: _CLASSIFIERS,
    TaskType.TEXT_CLASSIFICATION: _CLASSIFIERS,
    TaskType.INTENT_DETECTION: _CLASSIFIERS,
    TaskType.TABULAR_CLASSIFICATION: (Metric.LOG_LOSS, *(metric for metric in _CLASSIFIERS if metric != "logLoss")),
    TaskType.TABULAR_REGRESSION: (Metric.RMSE, Metric.MAE),
    TaskType.RECOMMENDATION: (Metric.RMSE, Metric.MAE, Metric.NDCG_AT_10, Metric.RECALL_AT_10),
    TaskType.FORECASTING: (Metric.RMSE, Metric.MAE, Metric.PINBALL),
}
"""What each kind of task can be measured by; the first is its default."""


class Problem(ContractModel):
    """The kind of task with what only this kind has."""

    type: TaskType = TaskType.IMAGE_CLASSIFICATION
    metric: Metric = Metric.ACCURACY
    """By which candidates are compared and variants are judged."""
    positive_label: str | None = Field(default=None, max_length=128)
    """The class that `f1`, `auc` of two classes and the sensitivity speak of; default: the rarer of two."""
    horizon: int | None = Field(default=None, ge=1, le=10000)
    """Forecasting: steps that are predicted; default 12."""
    history: int | None = Field(default=None, ge=1, le=10000)
    """Forecasting: steps that a prediction is made from; default 12."""
    period_seconds: int | None = Field(default=None, ge=1, le=31536000)
    """Forecasting: time from one step to the next; default: what the timestamps say, else 300."""
    quantiles: Annotated[tuple[float, ...], Field(max_length=9)] = ()
    """Forecasting: quantiles that are predicted beside the mean; default 0.1, 0.5 and 0.9."""
