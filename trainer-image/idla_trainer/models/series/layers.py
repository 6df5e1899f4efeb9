"""What the forecasters are made of: each sensor's window, calendar and known covariates, and mixing across sensors."""

from typing import Any

import keras
from idla_preprocess.covariates import COVARIATES
from idla_preprocess.series import CALENDAR, KNOWN, SERIES, SeriesSpec

_PACE = 5.0
"""Times as fast as others the weights of known covariates are learned: a promotion may be worth many deviations of a
sensor, and a few hundred steps of training would not come that far."""


def window_inputs(spec: SeriesSpec) -> dict[str, Any]:
    """Return the Keras inputs of a network on the tensors of the preprocessing, by name."""
    shape = (spec.history, len(spec.sensors))
    inputs = {SERIES: keras.Input(shape, name=SERIES)}
    if spec.marked:
        inputs[KNOWN] = keras.Input(shape, name=KNOWN)
    if spec.waves:
        inputs[CALENDAR] = keras.Input((2 * len(spec.waves),), name=CALENDAR)
    if spec.covariates is not None:
        places = len(spec.sensors) if spec.covariates.series else 1
        steps = spec.history + spec.covariates.horizon
        inputs[COVARIATES] = keras.Input((steps, places, spec.covariates.width), name=COVARIATES)
    return inputs


def covariate_effects(inputs: dict[str, Any], history: int) -> tuple[Any, Any] | None:
    """Return what the known covariates do at each step, in the window [N, S, history] and after it [N, S, horizon].

    The effect is linear, alike at all steps: a part that all sensors share, and a part of each. Before training it is
    0. None where there are no covariates.
    """
    if COVARIATES not in inputs:
        return None
    effects = CovariateEffects(inputs[SERIES].shape[2])(inputs[COVARIATES])
    effects = keras.layers.Permute((2, 1))(effects)
    return effects[:, :, :history], effects[:, :, history:]


def with_effects(forecast: Any, effects: tuple[Any, Any] | None) -> Any:
    """Return a forecast [N, S, horizon, outputs] with what the covariates do added to each output."""
    if effects is None:
        return forecast
    ahead = keras.layers.Reshape((*forecast.shape[1:3], 1))(effects[1])
    return keras.layers.Add()([forecast, ahead])


def by_sensor(inputs: dict[str, Any], effects: tuple[Any, Any] | None = None) -> tuple[Any, Any, list[Any]]:
    """Return the last value [N, S, 1], the window less it [N, S, history], and the marks of known values, if any.

    Both are without what the covariates do, where there are `effects`.
    """
    layers = keras.layers
    steps = layers.Permute((2, 1))(inputs[SERIES])
    if effects is not None:
        steps = layers.Subtract()([steps, effects[0]])
    last = steps[:, :, -1:]
    marks = [layers.Permute((2, 1))(inputs[KNOWN])] if KNOWN in inputs else []
    return last, layers.Subtract()([steps, last]), marks


def sensor_calendar(inputs: dict[str, Any], sensors: int, channels: int, *, spread: float) -> Any:
    """Return what is typical of each sensor at the time [N, S, channels]: linear in the waves.

    Without a calendar it is a learned constant for each sensor.

    Args:
        inputs: of the network.
        sensors: how many there are.
        channels: of the result.
        spread: standard deviation of the constants before training; 0: all are 0.
    """
    layers = keras.layers
    normal = keras.initializers.RandomNormal
    if CALENDAR in inputs:
        places = layers.Dense(
            sensors * channels,
            kernel_initializer=normal(stddev=spread / 5) if spread else "zeros",
            bias_initializer=normal(stddev=spread) if spread else "zeros",
        )(inputs[CALENDAR])
        return layers.Reshape((sensors, channels))(places)
    return SensorConstants(channels, spread)(inputs[SERIES])


class SensorConstants(keras.layers.Layer):  # type: ignore[misc] # Keras is untyped
    """A learned vector for each sensor, [N, history, S] to [N, S, channels]."""

    def __init__(self, channels: int, spread: float, **options: Any) -> None:
        super().__init__(**options)
        self.channels, self.spread = channels, spread

    def build(self, shape: Any) -> None:
        """Make the vectors."""
        self.bias = self.add_weight(
            shape=(shape[-1], self.channels),
            initializer=keras.initializers.RandomNormal(stddev=self.spread) if self.spread else "zeros",
            name="bias",
        )

    def call(self, series: Any) -> Any:
        """Return the vectors once for each example."""
        return series[:, 0, :, None] * 0.0 + self.bias


class CovariateEffects(keras.layers.Layer):  # type: ignore[misc] # Keras is untyped
    """A linear function of the features at each step, [N, steps, S or 1, features] to [N, steps, S]."""

    def __init__(self, sensors: int, **options: Any) -> None:
        super().__init__(**options)
        self.sensors = sensors

    def build(self, shape: Any) -> None:
        """Make the weights."""
        self.shared = self.add_weight(shape=(shape[-1], 1), initializer="zeros", name="shared")
        self.own = self.add_weight(shape=(shape[-1], self.sensors), initializer="zeros", name="own")

    def call(self, features: Any) -> Any:
        """Return the effects."""
        weights = _PACE * (self.shared + self.own)
        if features.shape[2] == 1:
            return keras.ops.matmul(features[:, :, 0], weights)
        return keras.ops.sum(features * keras.ops.transpose(weights), axis=-1)


class SensorMixing(keras.layers.Layer):  # type: ignore[misc] # Keras is untyped
    """Averages over all sensors, [N, S, channels] to the same: a learned adjacency of low rank.

    Each of `rank` places is a weighted mean of the sensors, and each sensor a weighted mean of the places; the weights
    are softmaxes of learned numbers, so that an untrained layer gives every sensor the mean of all. After conversion
    they are two constant matrices [S, rank] and [rank, S]. Each channel is treated by itself and alike.
    """

    def __init__(self, rank: int, **options: Any) -> None:
        super().__init__(**options)
        self.rank = rank

    def build(self, shape: Any) -> None:
        """Make the numbers before the softmaxes."""
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.gather = self.add_weight(shape=(shape[1], self.rank), initializer=normal, name="gather")
        self.spread = self.add_weight(shape=(self.rank, shape[1]), initializer=normal, name="spread")

    def call(self, features: Any) -> Any:
        """Return the means, by products of matrices: those of more axes ask for their shapes at run time."""
        sensors, channels = features.shape[1:]
        flat = keras.ops.reshape(keras.ops.transpose(features, (0, 2, 1)), (-1, sensors))
        places = keras.ops.matmul(flat, keras.ops.softmax(self.gather, axis=0))
        means = keras.ops.matmul(places, keras.ops.softmax(self.spread, axis=0))
        return keras.ops.transpose(keras.ops.reshape(means, (-1, channels, sensors)), (0, 2, 1))
