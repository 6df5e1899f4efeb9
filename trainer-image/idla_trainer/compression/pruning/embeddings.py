"""Embeddings of a network made smaller: columns that say the most first, and rows that matter little gone."""

from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from typing_extensions import override

from idla_trainer.compression.distill import Arrays
from idla_trainer.compression.keras_graph import Edit, KerasGraph, read_graph, rebuild
from idla_trainer.compression.pruning.vocabulary import (
    Table,
    chains,
    concentrated,
    important_rows,
    kept_rows,
    renumbered,
    tables,
    with_rows,
)

_NUMBER_BYTES = 4


@keras.saving.register_keras_serializable(package="idla")
class Renumbering(keras.layers.Layer):  # type: ignore[misc]
    """Gives every number the one that it has in a smaller vocabulary."""

    def __init__(self, rows: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.rows = rows

    @override
    def build(self, input_shape: Any) -> None:
        """Make the table of the new numbers."""
        del input_shape
        self.numbers = self.add_weight(
            name="numbers", shape=(self.rows,), dtype="int32", initializer="zeros", trainable=False
        )

    @override
    def call(self, inputs: Any) -> Any:
        """Return the new numbers, in the shape of the old ones."""
        return keras.ops.take(self.numbers, inputs, axis=0)

    @override
    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        return {**super().get_config(), "rows": self.rows}


def rotate_embeddings(model: Any) -> Any:
    """Return a new model that answers the same, in whose embeddings the first columns say the most.

    Where an embedding is read by one linear layer alone, it may lose columns without any loss.
    """
    keras_graph = read_graph(model)
    weights = keras_graph.weights()
    edits: dict[str, Edit] = {}
    for chain in chains(keras_graph.graph):
        left, right = concentrated(weights[chain.embedding]["embeddings"], weights[chain.reader]["kernel"])
        edits[chain.embedding] = Edit({"output_dim": left.shape[1]}, {"embeddings": left})
        edits[chain.reader] = Edit(weights={"kernel": right})
    return rebuild(keras_graph, edits)


def drop_embedding_rows(model: Any, inputs: Arrays, *, keep: float) -> Any:
    """Return a new model that knows only the more important numbers of its lists; all others are a row of zeros.

    Only inputs with several numbers an example are touched: of those one may go without the example's being lost. A
    table stays whole where its rows in 8 bits take less than the new numbers would.

    Args:
        model: not changed.
        inputs: train data by input name; rows that it never names go first.
        keep: share of the rows that may stay.
    """
    keras_graph = read_graph(model)
    weights = keras_graph.weights()
    edits, entrances = {}, {}
    for table in tables(keras_graph.graph):
        numbers = _numbers(keras_graph, table, inputs)
        if numbers is None:
            continue
        embeddings = weights[table.embedding]["embeddings"]
        kept = kept_rows(important_rows(embeddings, numbers), keep)
        if (table.rows - len(kept) - 1) * embeddings.shape[1] <= _NUMBER_BYTES * table.rows:
            continue
        edits[table.embedding] = Edit({"input_dim": len(kept) + 1}, {"embeddings": with_rows(embeddings, kept)})
        entrances[table.tensor] = partial(_renumber, table=table, numbers=renumbered(table.rows, kept))
    return rebuild(keras_graph, edits, entrances=entrances)


def _renumber(tensor: Any, *, table: Table, numbers: npt.NDArray[np.int32]) -> Any:
    """Return the new numbers of what comes in before an embedding."""
    layer = Renumbering(table.rows, name=f"{table.embedding}_numbers", dtype="int32")
    found = layer(tensor)
    layer.numbers.assign(numbers)
    return found


def _numbers(keras_graph: KerasGraph, table: Table, inputs: Arrays) -> npt.NDArray[Any] | None:
    shape = keras_graph.graph.shapes[table.tensor]
    place = keras_graph.graph.inputs.index(table.tensor)
    return inputs[keras_graph.model.inputs[place].name] if shape and shape != (1,) else None
