"""One value: squared or absolute error of the standardised target."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from idla_contract.problem import Metric
from idla_preprocess import Array, Arrays

from idla_trainer.evaluation.metrics.regression import mae, rmse


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """The objective of every model of one value; targets are [N], what is served is [N, 1] in the target's unit.

    The layer `logits` gives standardised values, so that the loss and the first weights fit any unit.
    """

    metric: Metric
    center: float
    """Mean of the training targets."""
    scale: float
    """Their standard deviation, above 0."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return one value."""
        return (1,)

    @classmethod
    def fitted(cls, metric: Metric, targets: Array) -> "Regression":
        """Return the objective with the location and scale of the training targets [N]; a scale of 0 becomes 1."""
        wide = targets.astype(np.float64)
        scale = float(wide.std())
        return cls(metric=metric, center=float(wide.mean()), scale=scale if scale > 0 else 1.0)

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Return the squared error [N] of the standardised values; for `mae` the absolute one, which learns medians.

        Args:
            targets: tensor [N] in the target's unit.
            outputs: tensor [N, 1].
        """
        import tensorflow as tf

        errors = outputs[:, 0] - (tf.cast(targets, tf.float32) - self.center) / self.scale
        return tf.abs(errors) if self.metric is Metric.MAE else tf.square(errors)

    def finish(self, outputs: Any) -> Any:
        """Return the values in the target's unit."""
        import keras

        return keras.layers.Rescaling(self.scale, offset=self.center, name="value")(outputs)

    def scores(self, targets: Array, values: Array, raw: Arrays) -> dict[str, float]:
        """Return `rmse`, `mae` and, where the targets differ, `r2`: the share of their variance that is explained."""
        del raw
        answers = values[:, 0]
        scores = {Metric.RMSE.value: rmse(targets, answers), Metric.MAE.value: mae(targets, answers)}
        variance = float(np.var(targets.astype(np.float64)))
        if variance > 0:
            scores["r2"] = 1 - scores[Metric.RMSE.value] ** 2 / variance
        return {name: value for name, value in scores.items() if math.isfinite(value) or name == self.metric}

    def score(self, targets: Array, values: Array, raw: Arrays) -> float:
        """Return `metric`."""
        del raw
        return (mae if self.metric is Metric.MAE else rmse)(targets, values[:, 0])

    def naive(self, targets: Array, raw: Arrays) -> Array:
        """Return the mean of the training targets for every example, [M, 1]; for `mae` their median."""
        middle = np.median(targets) if self.metric is Metric.MAE else np.mean(targets.astype(np.float64))
        return np.full((len(next(iter(raw.values()))), 1), middle, np.float32)
