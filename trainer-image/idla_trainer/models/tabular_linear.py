"""A linear model of records: a sum of one curve for each number and one value for each category."""

from typing import Any

from idla_preprocess.tabular import TabularSpec

from idla_trainer.models.hyperparameters import Values
from idla_trainer.models.tabular_features import EMBEDDING, NOISE, features
from idla_trainer.problems.objective import Objective

HYPERPARAMETERS = (NOISE, EMBEDDING)


def build_tabular_linear(preprocess: TabularSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model that is a generalized additive one (Hastie and Tibshirani, 1986); needs TensorFlow.

    Each number has a line and a piecewise-linear curve, and nothing sees two columns together: what a column adds to
    the answer can be read from the weights.

    Args:
        preprocess: the columns.
        objective: its shape is the width of the one layer.
        values: `noise` and `embedding`.
    """
    import keras

    (outputs,) = objective.shape
    inputs, seen = features(preprocess, noise=values["noise"], width=int(values["embedding"]))
    logits = keras.layers.Dense(outputs, kernel_initializer="zeros", name="logits")(seen)
    return keras.Model(inputs, objective.finish(logits), name="tabular_linear")
