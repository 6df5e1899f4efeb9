"""MiniLM (Wang et al. 2020), the encoder of sentences that all-MiniLM-L6-v2 has the weights of, as one Keras layer."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from typing_extensions import override

WIDTH = 384
"""Numbers of an embedding."""
_VOCABULARY, _POSITIONS = 30522, 512
_BLOCKS, _HEADS, _INNER = 6, 12, 1536
_HEAD = WIDTH // _HEADS
_EPSILON = 1e-12
_HIDDEN = -1e4
"""Added to the score of a padding position: far enough that its share is 0 in float32."""
_TABLES = {"words": (_VOCABULARY, WIDTH), "positions": (_POSITIONS, WIDTH)}
_NORMS = ("embeddings.LayerNorm", *(f"encoder.layer.{block}.{part}.LayerNorm" for block in range(_BLOCKS) for part in
          ("attention.output", "output")))  # fmt: skip
_DENSE = {
    "attention.self.query": (WIDTH, WIDTH),
    "attention.self.key": (WIDTH, WIDTH),
    "attention.self.value": (WIDTH, WIDTH),
    "attention.output.dense": (WIDTH, WIDTH),
    "intermediate.dense": (WIDTH, _INNER),
    "output.dense": (_INNER, WIDTH),
}
"""Of each block: inputs and outputs."""


class MiniLM(keras.layers.Layer):  # type: ignore[misc] # Keras is untyped
    """Tokens [N, length] of int32 to embeddings [N, 384] of length 1: the mean over all tokens but the padding, 0.

    Its weights never learn. It begins with none: `assign` gives it those of a file.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "trainable": False})

    @override
    def build(self, input_shape: Any) -> None:
        shapes: dict[str, tuple[int, ...]] = {**_TABLES}
        for name in _NORMS:
            shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
        for block in range(_BLOCKS):
            for part, shape in _DENSE.items():
                name = f"encoder.layer.{block}.{part}"
                shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[1:]}
        self._tensors = {
            name: self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name.replace(".", "_"))
            for name, shape in shapes.items()
        }

    def assign(self, stored: Mapping[str, Any]) -> None:
        """Take the weights of the published file, by its names.

        Raises:
            KeyError, ValueError: one is missing, or has another shape.
        """
        # Every text is of the first kind of the two that the encoder can tell apart.
        kind = stored["embeddings.token_type_embeddings.weight"][0]
        tables = {
            "words": stored["embeddings.word_embeddings.weight"],
            "positions": stored["embeddings.position_embeddings.weight"] + kind,
        }
        for name, variable in self._tensors.items():
            array = tables[name] if name in tables else np.transpose(stored[name])
            variable.assign(array)

    @override
    def call(self, tokens: Any) -> Any:
        length = tokens.shape[1] or ops.shape(tokens)[1]
        there = ops.cast(ops.not_equal(tokens, 0), "float32")
        hidden = ops.reshape((1.0 - there) * _HIDDEN, (-1, 1, 1, length))
        seen = ops.take(self._tensors["words"], tokens, axis=0) + self._tensors["positions"][:length]
        seen = self._normalized(ops.reshape(seen, (-1, WIDTH)), "embeddings.LayerNorm")
        for block in range(_BLOCKS):
            seen = self._block(seen, f"encoder.layer.{block}", hidden, length)
        kept = ops.expand_dims(there, -1)
        sums = ops.sum(ops.reshape(seen, (-1, length, WIDTH)) * kept, axis=1)
        means = sums / ops.maximum(ops.sum(kept, axis=1), 1.0)
        return means * ops.rsqrt(ops.maximum(ops.sum(means * means, axis=-1, keepdims=True), _EPSILON))

    @override
    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], WIDTH)

    def _block(self, seen: Any, name: str, hidden: Any, length: Any) -> Any:
        """Return rows [N * length, 384] after attention and two dense layers."""
        query, key, value = (
            ops.transpose(
                ops.reshape(self._dense(seen, f"{name}.attention.self.{part}"), (-1, length, _HEADS, _HEAD)),
                (0, 2, 1, 3),
            )
            for part in ("query", "key", "value")
        )
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * _HEAD**-0.5 + hidden
        mixed = ops.transpose(ops.matmul(ops.softmax(scores, axis=-1), value), (0, 2, 1, 3))
        attended = self._dense(ops.reshape(mixed, (-1, WIDTH)), f"{name}.attention.output.dense")
        seen = self._normalized(attended + seen, f"{name}.attention.output.LayerNorm")
        inner = ops.gelu(self._dense(seen, f"{name}.intermediate.dense"), approximate=False)
        return self._normalized(self._dense(inner, f"{name}.output.dense") + seen, f"{name}.output.LayerNorm")

    def _dense(self, rows: Any, name: str) -> Any:
        return ops.matmul(rows, self._tensors[f"{name}.weight"]) + self._tensors[f"{name}.bias"]

    def _normalized(self, rows: Any, name: str) -> Any:
        centred = rows - ops.mean(rows, axis=-1, keepdims=True)
        spread = ops.rsqrt(ops.mean(centred * centred, axis=-1, keepdims=True) + _EPSILON)
        return centred * spread * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
