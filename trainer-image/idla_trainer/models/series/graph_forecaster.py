"""A small spatio-temporal network: persistence, corrected by a sensor's window, its calendar and the other sensors."""

from typing import Any

from idla_preprocess.covariates import COVARIATES
from idla_preprocess.series import SeriesSpec

from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.objective import Objective

HYPERPARAMETERS = (
    Hyperparameter("blocks", 2, 1, 6, "rounds of mixing across the sensors"),
    Hyperparameter("width", 32, 8, 256, "channels of each sensor"),
    Hyperparameter("places", 16, 1, 256, "rank of the learned adjacency"),
    Hyperparameter("calendar", 8, 1, 64, "channels of what is typical of a sensor at a time"),
    Hyperparameter("dropout", 0.2, 0, 0.9, "share of the hidden features that training leaves out", whole=False),
)

_CHANNELS = 8
"""Of the known covariates of a step."""


def build_graph_forecaster(spec: SeriesSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Each sensor has a vector of its window, and of its identity at the time of day (in the manner of STID, Shao et al.
    2022). Blocks add to it what it and a learned average of the others say (an adaptive adjacency as in Graph WaveNet,
    Wu et al. 2019, here of low rank), without normalization, so that it converts to few operations. The result
    and a linear function of the window are added to the last value.

    Args:
        spec: the windows.
        objective: what is learned; the shape of the output [horizon, sensors, 1 + levels].
        values: `blocks`, `width`, `places`, `calendar` and `dropout`.
    """
    import keras

    from idla_trainer.models.series.layers import (
        by_sensor,
        covariate_effects,
        sensor_calendar,
        window_inputs,
        with_effects,
    )

    layers = keras.layers
    horizon, sensors, outputs = objective.shape
    width = int(values["width"])
    inputs = window_inputs(spec)
    effects = covariate_effects(inputs, spec.history)
    last, changes, marks = by_sensor(inputs, effects)
    typical = sensor_calendar(inputs, sensors, int(values["calendar"]), spread=0.5)
    typical = layers.Dropout(values["dropout"])(typical)
    features = layers.Dense(width)(layers.Concatenate()([changes, last, typical, *marks]))
    if effects is not None:
        features = layers.Add()([features, _whole_window(inputs, width)])
    for _ in range(int(values["blocks"])):
        features = _block(features, width, int(values["places"]), values["dropout"])
    learned = layers.Dense(horizon * outputs, kernel_initializer="zeros")(features)
    linear = layers.Dense(horizon * outputs, kernel_initializer="zeros", use_bias=False)(changes)
    forecast = layers.Add()([learned, linear, last])
    forecast = with_effects(layers.Reshape((sensors, horizon, outputs))(forecast), effects)
    if effects is not None:
        forecast = layers.Add()([forecast, _answers_of_state(inputs, features, spec.history, outputs)])
    logits = layers.Permute((2, 1, 3), name="logits")(forecast)
    return keras.Model(list(inputs.values()), objective.finish(logits), name="graph_forecaster")


def _whole_window(inputs: dict[str, Any], width: int) -> Any:
    """Return what the covariates of all steps say, [N, S or 1, width]."""
    import keras

    layers = keras.layers
    steps, places, _ = inputs[COVARIATES].shape[1:]
    channels = layers.Dense(_CHANNELS)(inputs[COVARIATES])
    flat = layers.Reshape((places, steps * _CHANNELS))(layers.Permute((2, 1, 3))(channels))
    return layers.Dense(width)(flat)


def _answers_of_state(inputs: dict[str, Any], features: Any, history: int, outputs: int) -> Any:
    """Return what the covariates of each step add by the sensors' vectors, [N, S, horizon, outputs]; 0 at first."""
    import keras

    layers = keras.layers
    sensors = features.shape[1]
    ahead = layers.Permute((2, 1, 3))(inputs[COVARIATES][:, history:])
    state = layers.Reshape((sensors, 1, _CHANNELS))(layers.Dense(_CHANNELS)(features))
    answers = layers.Multiply()([state, layers.Dense(_CHANNELS)(ahead)])
    return layers.Dense(outputs, kernel_initializer="zeros", use_bias=False)(answers)


def _block(features: Any, width: int, places: int, dropout: float) -> Any:
    import keras

    from idla_trainer.models.series.layers import SensorMixing

    layers = keras.layers
    others = SensorMixing(places)(features)
    for hidden, seen in ((width, [others]), (2 * width, [])):
        inner = layers.Concatenate()([*seen, features]) if seen else features
        inner = layers.Dense(hidden, activation="relu")(inner)
        inner = layers.Dense(width)(layers.Dropout(dropout)(inner))
        features = layers.Add()([features, inner])
    return features
