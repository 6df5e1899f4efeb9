"""What a network sees of a record: its numbers, piecewise-linear encodings of them, and its categories."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_preprocess.tabular import NUMBERS, TabularSpec
from idla_preprocess.tabular_columns import CATEGORIES

from idla_trainer.models.hyperparameters import Hyperparameter

NOISE = Hyperparameter("noise", 0.1, 0, 1, "deviation of the noise that training adds to scaled numbers", whole=False)
EMBEDDING = Hyperparameter("embedding", 8, 1, 64, "width of a category's embedding")
_EMBEDDED = 0.05
"""Deviation of the first embeddings: a category that training never saw says next to nothing."""


def features(preprocess: TabularSpec, *, noise: float, width: int) -> tuple[list[Any], Any]:
    """Return Keras inputs, and a tensor [N, F] of what is known of a record, most of it from -3 to 3.

    Args:
        preprocess: the columns.
        noise: deviation of the normal noise that training adds to the scaled numbers.
        width: of a category's embedding; narrower where a column has fewer values.
    """
    import keras

    layers = keras.layers
    inputs, seen = [], []
    if preprocess.numbers:
        numbers = keras.Input((preprocess.width,), name=NUMBERS)
        inputs.append(numbers)
        disturbed = layers.GaussianNoise(noise)(numbers) if noise else numbers
        seen += [disturbed, _pieces(preprocess, disturbed)]
    if preprocess.categories:
        indices = keras.Input((len(preprocess.categories),), dtype="int32", name=CATEGORIES)
        inputs.append(indices)
        narrow = min(width, max(column.size for column in preprocess.categories))
        initializer = keras.initializers.RandomNormal(stddev=_EMBEDDED)
        table = layers.Embedding(preprocess.table_size, narrow, embeddings_initializer=initializer)
        seen.append(layers.Flatten()(table(indices)))
    return inputs, seen[0] if len(seen) == 1 else layers.Concatenate(name="seen")(seen)


def _pieces(preprocess: TabularSpec, numbers: Any) -> Any:
    """Return how far each number has come through each of its bins, 0 to 1 (Gorishniy et al., 2022).

    A dense layer with weights that follow from the bins, and a ReLU that ends at 1: nothing of it is trained.
    """
    import keras

    kernel, bias = piece_weights(preprocess)
    dense = keras.layers.Dense(len(bias), trainable=False, name="pieces")
    pieces = dense(numbers)
    dense.set_weights([kernel, bias])
    return keras.layers.ReLU(max_value=1.0)(pieces)


def piece_weights(preprocess: TabularSpec) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return kernel [width, bins] and bias [bins] with which (x - low) / (high - low) of every bin is a dense layer."""
    bins = [
        (place, low, high)
        for place, column in enumerate(preprocess.numbers)
        for low, high in itertools.pairwise(column.edges)
    ]
    kernel, bias = np.zeros((preprocess.width, len(bins)), np.float32), np.zeros(len(bins), np.float32)
    for number, (place, low, high) in enumerate(bins):
        kernel[place, number] = 1 / (high - low)
        bias[number] = -low / (high - low)
    return kernel, bias
