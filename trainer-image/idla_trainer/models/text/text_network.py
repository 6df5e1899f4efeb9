"""A neural classifier of weighted n-grams: their vectors' weighted sum, and dense layers over it."""

from typing import Any

from idla_preprocess.text import TextSpec

from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.text.ngram_linear import NGRAM_DROPOUT, weighted_sum
from idla_trainer.objective import Objective

HYPERPARAMETERS = (
    Hyperparameter("width", 128, 8, 1024, "width of the n-grams' vectors"),
    Hyperparameter("dense", 256, 0, 2048, "units of the dense layer over their sum; 0: none"),
    Hyperparameter("dropout", 0.5, 0, 0.9, "share of the features that training leaves out", whole=False),
    NGRAM_DROPOUT,
)
_DEVIATION = 0.05


def build_text_network(preprocess: TextSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model in the manner of fastText (Joulin et al. 2017) with layers on top; needs TensorFlow.

    The last layer sees the sum and the dense layer's output side by side.

    Args:
        preprocess: how many n-grams there are, and how many a text has at most.
        objective: its shape is the width of the last layer.
        values: `width`, `dense`, `dropout` and `ngram_dropout`.
    """
    import keras

    layers = keras.layers
    (outputs,) = objective.shape
    initializer = keras.initializers.RandomNormal(stddev=_DEVIATION)
    inputs, sums = weighted_sum(preprocess, int(values["width"]), values, initializer=initializer)
    features = _activated(sums, values)
    if values["dense"]:
        deeper = layers.Dense(int(values["dense"]), use_bias=False, kernel_initializer="he_normal")(features)
        features = layers.Concatenate()([features, _activated(deeper, values)])
    logits = layers.Dense(outputs, name="logits")(features)
    return keras.Model(inputs, objective.finish(logits), name="text_network")


def _activated(features: Any, values: Values) -> Any:
    import keras

    normalized = keras.layers.BatchNormalization(momentum=0.9)(features)
    return keras.layers.Dropout(values["dropout"])(keras.layers.Activation("gelu")(normalized))
