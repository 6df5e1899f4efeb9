"""Layers in the form in which they are served: the same weights and answers with fewer operations."""

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from idla_trainer.compression.keras_graph import Edit, read_graph, rebuild
from idla_trainer.compression.network_graph import Call, Graph

_MATRIX = 2
"""Axes of what a dense layer multiplies without any reshaping."""


class FlatDense(keras.layers.Dense):  # type: ignore[misc] # Keras is untyped
    """A dense layer [N, ..., in] to [N, ..., units] that multiplies one matrix [rows, in].

    Keras' own one asks for the number of examples at run time, which costs some ten operations for each call.
    """

    @override
    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the products; of a tensor with unknown axes beside the first as Keras does it."""
        between = tuple(inputs.shape[1:-1])
        if not between or None in between:
            return super().call(inputs, training=training)
        flat = keras.ops.reshape(inputs, (-1, inputs.shape[-1]))
        return keras.ops.reshape(super().call(flat, training=training), (-1, *between, self.units))


class Lookup(keras.layers.Embedding):  # type: ignore[misc] # Keras is untyped
    """An embedding of numbers that are never negative.

    Keras' own one counts negative numbers from the end, which costs three operations for each call.
    """

    @override
    def call(self, inputs: Any) -> Any:
        """Return the rows of these numbers."""
        whole = inputs if inputs.dtype in {"int32", "int64"} else keras.ops.cast(inputs, "int32")
        return tf.gather(self.embeddings, whole)


def rewrite_for_serving(model: Any) -> Any:
    """Return a new model that answers the same with fewer operations; the given one where nothing is to be gained.

    Also the given one where it cannot be read as a graph. It is not changed.
    """
    try:
        keras_graph = read_graph(model)
        layers = dict(keras_graph.layers())
        edits = {}
        for call in keras_graph.graph.calls:
            kind = _kind(keras_graph.graph, call, type(layers[call.layer]))
            if kind is not None:
                edits[call.layer] = Edit(kind=kind)
        return rebuild(keras_graph, edits) if edits else model
    except (TypeError, ValueError, NotImplementedError):
        return model


def _kind(graph: Graph, call: Call, kind: type) -> type | None:
    """Return the class that takes the place of a layer's."""
    given = call.inputs[0] if call.inputs else None
    if kind is keras.layers.Dense and len(graph.shapes[call.inputs[0]]) >= _MATRIX:
        return FlatDense
    if kind is keras.layers.Embedding and given in graph.inputs:
        return Lookup
    return None
