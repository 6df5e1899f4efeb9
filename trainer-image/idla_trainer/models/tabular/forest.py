"""Layers that walk decision trees: they take the very way of each tree, in float and in compressed files alike."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from idla_trainer.models.tabular.trees import Trees


class Forest(keras.layers.Layer):  # type: ignore[misc] # Keras is untyped
    """The sum of many decision trees, numbers [N, F] to [N, outputs].

    All trees are walked side by side, one split a step (the tree traversal of Nakandala et al. 2020, Hummingbird): with
    a hundred leaves a tree, their products of matrices need a hundred times as many weights. Thresholds are the bits of
    32-bit floats in whole numbers, which no conversion rounds: a rounded one would send examples the other way.

    Args:
        trees: how many there are.
        nodes: splits and leaves of all of them.
        depth: splits from a root to a leaf at most.
        outputs: numbers that a leaf holds.
    """

    def __init__(self, trees: int, nodes: int, depth: int, outputs: int, **options: Any) -> None:
        super().__init__(**options)
        self.trees, self.nodes, self.depth, self.outputs = trees, nodes, depth, outputs

    def build(self, shape: Any) -> None:
        """Make trees of one leaf each, which say 0."""
        del shape
        whole = {"dtype": "int32", "initializer": "zeros", "trainable": False}
        self.roots = self.add_weight(shape=(self.trees,), name="roots", **whole)
        self.columns = self.add_weight(shape=(self.nodes,), name="columns", **whole)
        self.thresholds = self.add_weight(shape=(self.nodes,), name="thresholds", **whole)
        self.left = self.add_weight(shape=(self.nodes,), name="left", **whole)
        self.values = self.add_weight(
            shape=(self.nodes, self.outputs), name="values", initializer="zeros", trainable=False
        )

    def call(self, numbers: Any) -> Any:
        """Return the sums; the child on the right stands beside the one on the left, and a leaf is its own child."""
        place = tf.tile(self.roots.value[None, :], [tf.shape(numbers)[0], 1])
        for _ in range(self.depth):
            thresholds = tf.bitcast(tf.gather(self.thresholds.value, place), tf.float32)
            found = tf.gather(numbers, tf.gather(self.columns.value, place), batch_dims=1)
            place = tf.gather(self.left.value, place) + tf.cast(found >= thresholds, tf.int32)
        return tf.reduce_sum(tf.gather(self.values.value, place), axis=1)

    def compute_output_shape(self, shape: Any) -> tuple[Any, int]:
        """Return [N, outputs]."""
        return shape[0], self.outputs

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        own = {"trees": self.trees, "nodes": self.nodes, "depth": self.depth, "outputs": self.outputs}
        return {**super().get_config(), **own}


class Codes(keras.layers.Layer):  # type: ignore[misc] # Keras is untyped
    """Numbers of each category, indices [N, C] to [N, C * width], kept as bits for the reason that `Forest` has.

    Args:
        size: how many indices there are.
        width: numbers of each.
    """

    def __init__(self, size: int, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.size, self.width = size, width

    def build(self, shape: Any) -> None:
        """Make a table of zeros."""
        self.columns = shape[-1]
        self.table = self.add_weight(
            shape=(self.size, self.width), name="table", dtype="int32", initializer="zeros", trainable=False
        )

    def call(self, indices: Any) -> Any:
        """Return the numbers side by side."""
        found = tf.bitcast(tf.gather(self.table.value, indices), tf.float32)
        return tf.reshape(found, [-1, self.columns * self.width])

    def compute_output_shape(self, shape: Any) -> tuple[Any, int]:
        """Return [N, C * width]."""
        return shape[0], shape[-1] * self.width

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        return {**super().get_config(), "size": self.size, "width": self.width}


def bits_of(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return the bits of numbers as whole ones of the same shape."""
    return np.ascontiguousarray(numbers, np.float32).view(np.int32)


def weights_of(trees: Trees) -> list[npt.NDArray[Any]]:
    """Return the weights of a `Forest` that is as these trees."""
    return [trees.roots, trees.columns, bits_of(trees.thresholds), trees.left, trees.values]
