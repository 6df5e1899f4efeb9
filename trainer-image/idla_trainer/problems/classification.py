"""One class of several: softmax and cross-entropy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from idla_contract.problem import Metric, Problem
from idla_preprocess import Array, Arrays

from idla_trainer.data.findings.names import listed
from idla_trainer.evaluation.metrics import classification as metrics
from idla_trainer.failures import spec_invalid

_OF_ANSWERS: Mapping[Metric, Callable[[Array, Array, int | None], float]] = {
    Metric.ACCURACY: lambda targets, predicted, _: metrics.accuracy(targets, predicted),
    Metric.BALANCED_ACCURACY: lambda targets, predicted, _: metrics.balanced_accuracy(targets, predicted),
    Metric.F1: lambda targets, predicted, positive: metrics.f1(targets, predicted, positive=positive),
}
"""Of class numbers, the predicted ones and the positive class."""
_OF_PROBABILITIES: Mapping[Metric, Callable[[Array, Array, int | None], float]] = {
    Metric.AUC: lambda targets, values, positive: metrics.auc(targets, values, positive=positive),
    Metric.LOG_LOSS: lambda targets, values, _: metrics.log_loss(targets, values),
    Metric.BRIER: lambda targets, values, _: metrics.brier(targets, values),
}
"""Of class numbers, probabilities and the positive class."""
_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The objective of every classifier; targets are class numbers [N], what is served are probabilities."""

    metric: Metric
    classes: int
    positive: int | None = None
    """Number of the class that F1, AUC of two classes and the sensitivity speak of."""
    smoothing: float = 0.0
    """Share of a class's probability that the loss spreads over all classes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return one logit for each class."""
        return (self.classes,)

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Return the cross-entropy [N] of logits [N, classes]."""
        import tensorflow as tf

        if not self.smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        shares = tf.one_hot(targets, self.classes) * (1 - self.smoothing) + self.smoothing / self.classes
        return tf.nn.softmax_cross_entropy_with_logits(shares, outputs)

    def finish(self, outputs: Any) -> Any:
        """Return the probabilities."""
        import keras

        return keras.layers.Softmax(name="probabilities")(outputs)

    def predicted(self, values: Array) -> Array:
        """Return the class number of each answer [N]."""
        found: Array = values.argmax(axis=1)
        return found

    def scores(self, targets: Array, values: Array, raw: Arrays) -> dict[str, float]:
        """Return every metric of classes and the calibration error; of two, the sensitivity at a specificity too."""
        del raw
        predicted = self.predicted(values)
        scores = {metric.value: measure(targets, predicted, self.positive) for metric, measure in _OF_ANSWERS.items()}
        scores |= {
            metric.value: measure(targets, values, self.positive) for metric, measure in _OF_PROBABILITIES.items()
        }
        scores["calibrationError"] = metrics.calibration_error(targets, values)
        if self.classes == _TWO and self.positive is not None:
            scores["sensitivityAtSpecificity95"] = metrics.sensitivity_at_specificity(
                targets == self.positive, values[:, self.positive]
            )
        return {name: value for name, value in scores.items() if np.isfinite(value) or name == self.metric}

    def score(self, targets: Array, values: Array, raw: Arrays) -> float:
        """Return `metric`."""
        del raw
        if self.metric in _OF_ANSWERS:
            return _OF_ANSWERS[self.metric](targets, self.predicted(values), self.positive)
        if self.metric not in _OF_PROBABILITIES:
            raise ValueError(f"{self.metric} is no metric of classes")
        return _OF_PROBABILITIES[self.metric](targets, values, self.positive)

    def naive(self, targets: Array, raw: Arrays) -> Array:
        """Return each class's share of the training examples, so that the largest class is the answer."""
        shares = np.bincount(targets, minlength=self.classes) / len(targets)
        count = len(next(iter(raw.values())))
        return np.tile(shares.astype(np.float32), (count, 1))


def classifier_of(problem: Problem, classes: tuple[str, ...], targets: Array) -> Classification:
    """Return the objective of a classifier by the class numbers of the training part [N].

    Raises:
        TaskError: the positive class that is wanted is not among the labels.
    """
    positive = positive_class(problem.positive_label, classes, targets)
    return Classification(metric=problem.metric, classes=len(classes), positive=positive)


def positive_class(wanted: str | None, classes: tuple[str, ...], targets: Array) -> int | None:
    """Return the number of the positive class: the wanted one, of two the rarer, else none.

    Raises:
        TaskError: the wanted class is not among the labels.
    """
    if wanted is not None:
        if wanted not in classes:
            raise spec_invalid(f"task.positiveLabel: found {wanted!r}; the labels are {listed(classes, 8)}")
        return classes.index(wanted)
    if len(classes) != _TWO:
        return None
    counts = np.bincount(targets, minlength=_TWO)
    return int(counts[1] <= counts[0])
