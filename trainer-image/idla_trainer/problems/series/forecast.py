"""The next steps of many series: an expected value and quantiles, gaps left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Metric
from idla_preprocess import Array, Arrays
from idla_preprocess.series import SERIES, filled

from idla_trainer.evaluation.metrics.forecasting import coverage, pinball, reported_steps, rmse_at, rmse_until
from idla_trainer.evaluation.metrics.regression import mae, rmse

_MOST_CHANGES = 2000
"""Training windows that the naive quantiles are taken from."""
_INTERVAL = 2
"""Levels that make an interval."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """The objective of every forecaster.

    Targets are values [N, horizon, S] in the sensors' units, NaN where not known. What is served is
    [N, horizon, S, 1 + levels]: the expected value, then a quantile for each level. `logits` are the same, shifted
    and scaled for each sensor.
    """

    metric: Metric
    horizon: int
    levels: tuple[float, ...]
    location: npt.NDArray[np.float32]
    """Of each sensor [S]."""
    scale: npt.NDArray[np.float32]
    """Of each sensor [S], above 0."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return [horizon, sensors, 1 + levels]."""
        return self.horizon, len(self.location), 1 + len(self.levels)

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Return the loss [N]: that of the expected value and the mean pinball loss, each in the sensors' units.

        Both are divided by a typical scale. The expected value is learned by squares, where the metric is the mean
        absolute error by absolute values.
        """
        import tensorflow as tf

        wanted = (targets - self.location) / self.scale
        known = tf.math.is_finite(wanted)
        errors = (tf.where(known, wanted, 0.0)[..., tf.newaxis] - outputs) * self._weights()
        errors = tf.where(known[..., tf.newaxis], errors, 0.0)
        point = tf.abs(errors[..., 0]) if self.metric is Metric.MAE else tf.square(errors[..., 0])
        losses = tf.reduce_mean(point, axis=(1, 2))
        if self.levels:
            levels = tf.constant(self.levels, tf.float32)
            beside = errors[..., 1:]
            losses += tf.reduce_mean(tf.maximum(levels * beside, (levels - 1.0) * beside), axis=(1, 2, 3))
        return losses

    def finish(self, outputs: Any) -> Any:
        """Return the values in the sensors' units."""
        import keras

        scale, offset = self.scale[:, np.newaxis], self.location[:, np.newaxis]
        return keras.layers.Rescaling(scale, offset, name="forecast")(outputs)

    def scores(self, targets: Array, values: Array, raw: Arrays) -> dict[str, float]:
        """Return the errors over the horizon, at some steps and up to them, and what the quantiles are worth."""
        del raw
        means = values[..., 0]
        scores = {Metric.RMSE.value: rmse(targets, means), Metric.MAE.value: mae(targets, means)}
        for step in reported_steps(self.horizon):
            scores[f"rmseAt{step}"] = rmse_at(targets, means, step)
            scores[f"rmseUntil{step}"] = rmse_until(targets, means, step)
        if self.levels:
            quantiles = np.sort(values[..., 1:], axis=-1)
            scores[Metric.PINBALL.value] = pinball(targets, quantiles, self.levels)
            if len(self.levels) >= _INTERVAL:
                scores["coverage"] = coverage(targets, quantiles, self.levels)
        return {name: value for name, value in scores.items() if np.isfinite(value) or name == self.metric}

    def score(self, targets: Array, values: Array, raw: Arrays) -> float:
        """Return `metric`."""
        del raw
        if self.metric is Metric.PINBALL:
            return pinball(targets, np.sort(values[..., 1:], axis=-1), self.levels)
        return (mae if self.metric is Metric.MAE else rmse)(targets, values[..., 0])

    def naive(self, targets: Array, raw: Arrays) -> Array:
        """Return persistence: the last known value of each window, of a sensor without one its mean.

        The quantiles are those of the changes of the training targets over as many steps, the longest estimated by
        one step less.
        """
        scaled = (raw[SERIES].astype(np.float32) - self.location) / self.scale
        last = filled(scaled)[:, -1] * self.scale + self.location
        values = np.repeat(last[:, np.newaxis, :, np.newaxis], self.horizon, axis=1)
        return (values + self._changes(targets)).astype(np.float32)

    def _changes(self, targets: Array) -> npt.NDArray[np.float64]:
        """Return what is added to the last value [horizon, 1, 1 + levels]; nothing to the expected one."""
        changes = np.zeros((self.horizon, 1, 1 + len(self.levels)))
        some = targets[:: -(-len(targets) // _MOST_CHANGES)]
        for step in range(1, self.horizon):
            found = some[:, step] - some[:, 0]
            found = found[np.isfinite(found)]
            if len(found):
                changes[step - 1, 0, 1:] = np.quantile(found, self.levels)
        changes[-1] = changes[-2] if self.horizon > 1 else 0
        return changes

    def _weights(self) -> npt.NDArray[np.float32]:
        """Return what an error of one scale counts for each sensor [S, 1]: as much as in its unit, 1 on average."""
        scale = self.scale.astype(np.float64)
        weights: npt.NDArray[np.float32] = (scale / np.sqrt(np.mean(scale**2)))[:, np.newaxis].astype(np.float32)
        return weights
