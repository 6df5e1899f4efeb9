"""What the forecasters are made of: a window for each sensor, its place in the calendar, and mixing across sensors."""

from typing import Any

import keras
from idla_preprocess.series import CALENDAR, KNOWN, SERIES, SeriesSpec


def window_inputs(spec: SeriesSpec) -> dict[str, Any]:
    """Return the Keras inputs of a network on the tensors of the preprocessing, by name."""
    shape = (spec.history, len(spec.sensors))
    inputs = {SERIES: keras.Input(shape, name=SERIES)}
    if spec.marked:
        inputs[KNOWN] = keras.Input(shape, name=KNOWN)
    if spec.waves:
        inputs[CALENDAR] = keras.Input((2 * len(spec.waves),), name=CALENDAR)
    return inputs


def by_sensor(inputs: dict[str, Any]) -> tuple[Any, Any, list[Any]]:
    """Return the last value [N, S, 1], the window less it [N, S, history], and the marks of known values, if any."""
    layers = keras.layers
    steps = layers.Permute((2, 1))(inputs[SERIES])
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
