"""A linear classifier of weighted n-grams, as a linear support vector machine on tf-idf is one."""

from typing import Any

from idla_preprocess.text import TextSpec

from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.objective import Objective

NGRAM_DROPOUT = Hyperparameter("ngram_dropout", 0.5, 0, 0.9, "share of n-grams that training leaves out", whole=False)
HYPERPARAMETERS = (NGRAM_DROPOUT,)


def build_ngram_linear(preprocess: TextSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model: a vector for each n-gram, their weighted sum, a square matrix, a bias; needs TensorFlow.

    The matrix begins as the identity. The model stays linear; learning the product of two factors prefers solutions of
    low rank, in which similar classes share what is known of an n-gram (Arora et al. 2019).

    Args:
        preprocess: how many n-grams there are, and how many a text has at most.
        objective: its shape is the width of the vectors.
        values: `ngram_dropout`.
    """
    import keras

    (width,) = objective.shape
    inputs, sums = weighted_sum(preprocess, width, values, initializer="zeros")
    logits = keras.layers.Dense(width, kernel_initializer="identity", name="logits")(sums)
    return keras.Model(inputs, objective.finish(logits), name="ngram_linear")


def weighted_sum(preprocess: TextSpec, width: int, values: Values, *, initializer: Any) -> tuple[list[Any], Any]:
    """Return the two inputs, and the sum [N, width] of the n-grams' vectors, each times its weight.

    Args:
        preprocess: how many n-grams there are, and how many a text has at most.
        width: of each vector.
        values: `ngram_dropout`.
        initializer: of the vectors.
    """
    import keras

    layers = keras.layers
    ids = keras.Input((preprocess.length,), dtype="int32", name="ids")
    weights = keras.Input((preprocess.length,), name="weights")
    vectors = layers.Embedding(preprocess.features, width, embeddings_initializer=initializer, name="ngrams")(ids)
    kept = layers.Dropout(values["ngram_dropout"])(weights)
    return [ids, weights], layers.Dot(axes=1)([kept, vectors])
