"""A linear forecaster: one regression on the window for all sensors, calendar, covariates, a low-rank mix of others."""

from typing import Any

from idla_preprocess.series import SeriesSpec

from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.objective import Objective

HYPERPARAMETERS = (
    Hyperparameter("places", 4, 1, 256, "rank of the matrix from all sensors to all sensors"),
    Hyperparameter("calendar", 4, 1, 64, "rank of what is typical of a sensor at a time"),
    Hyperparameter("dropout", 0.1, 0, 0.9, "share of the calendar that training leaves out", whole=False),
)


def build_series_linear(spec: SeriesSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model that is linear in window, calendar and known covariates; needs TensorFlow.

    It begins as persistence. What the covariates do is taken out of the window and added to the forecast, as in a
    regression whose errors are a series.

    Args:
        spec: the windows.
        objective: what is learned; the shape of the output [horizon, sensors, 1 + levels].
        values: `places`, `calendar` and `dropout`.
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
    inputs = window_inputs(spec)
    effects = covariate_effects(inputs, spec.history)
    last, changes, marks = by_sensor(inputs, effects)
    own = layers.Concatenate()([changes, last, *marks])
    typical = sensor_calendar(inputs, sensors, int(values["calendar"]), spread=0.1)
    typical = layers.Dropout(values["dropout"])(typical)
    places = layers.Dense(int(values["places"]), use_bias=False)(layers.Permute((2, 1))(own))
    places = layers.Dense(horizon * outputs, use_bias=False)(layers.Permute((2, 1))(places))
    others = layers.Dense(sensors, use_bias=False, kernel_initializer="zeros")(layers.Permute((2, 1))(places))
    learned = layers.Dense(horizon * outputs, kernel_initializer="zeros")(layers.Concatenate()([own, typical]))
    forecast = layers.Add()([learned, layers.Permute((2, 1))(others), last])
    forecast = with_effects(layers.Reshape((sensors, horizon, outputs))(forecast), effects)
    logits = layers.Permute((2, 1, 3), name="logits")(forecast)
    return keras.Model(list(inputs.values()), objective.finish(logits), name="series_linear")
