"""Embeddings with fewer columns and fewer rows: where texts and catalogues have their weight."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_trainer.compression.network_graph import Call, Graph

Rows = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]
_LINEAR = frozenset({"Dropout", "SpatialDropout1D", "GlobalAveragePooling1D", "AveragePooling1D", "ZeroPadding1D"})
"""Kinds that treat all columns alike and linearly."""
_READERS = frozenset({"Dense", "Conv1D"})


@dataclass(frozen=True, slots=True)
class Chain:
    """An embedding whose columns are read by one linear layer alone."""

    embedding: str
    reader: str


@dataclass(frozen=True, slots=True)
class Table:
    """An embedding that reads numbers as they come into the network."""

    embedding: str
    tensor: int
    """The input, which nothing else reads."""
    rows: int


def chains(graph: Graph) -> tuple[Chain, ...]:
    """Return the embeddings whose columns can be mixed, as long as the layer that reads them unmixes them."""
    uses = Counter(call.layer for call in graph.calls)
    found = []
    for call in graph.calls:
        reader = _reader(graph, call) if call.kind == "Embedding" and uses[call.layer] == 1 else None
        if reader is not None and uses[reader.layer] == 1:
            found.append(Chain(call.layer, reader.layer))
    return tuple(found)


def tables(graph: Graph) -> tuple[Table, ...]:
    """Return the embeddings whose numbers can be other ones."""
    reads = Counter(tensor for call in graph.calls for tensor in call.inputs)
    uses = Counter(call.layer for call in graph.calls)
    return tuple(
        Table(call.layer, call.inputs[0], call.weights["embeddings"][0])
        for call in graph.calls
        if call.kind == "Embedding" and call.inputs[0] in graph.inputs
        if reads[call.inputs[0]] == 1 and uses[call.layer] == 1
    )


def concentrated(embeddings: Matrix, kernel: Matrix) -> tuple[Matrix, Matrix]:
    """Return the two factors of the same product with as few columns as it has, the heaviest first.

    By the singular values of the product (Eckart and Young 1936): whatever number of its first columns is kept, the
    product is as near to the whole one as any of that rank can be.

    Args:
        embeddings: [rows, columns].
        kernel: [columns, units] or [length, columns, units] of the layer that reads them.
    """
    flat = kernel if kernel.ndim == 2 else np.moveaxis(kernel, 1, 0).reshape(kernel.shape[1], -1)  # noqa: PLR2004
    triangle = np.linalg.qr(embeddings.astype(np.float64), mode="r")
    _, singular, directions = np.linalg.svd(triangle @ flat.astype(np.float64), full_matrices=False)
    rank = max(1, int(np.sum(singular > singular[0] * 1e-6))) if singular[0] > 0 else 1
    rank = min(rank, embeddings.shape[1])
    left = (embeddings @ (flat @ directions[:rank].T)).astype(np.float32)
    right = directions[:rank].astype(np.float32)
    if kernel.ndim == 2:  # noqa: PLR2004 - a matrix
        return left, right
    return left, np.moveaxis(right.reshape(rank, kernel.shape[0], kernel.shape[2]), 0, 1)


def important_rows(embeddings: Matrix, numbers: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return how much each row adds to what the network sees: its length times how often it occurs.

    Args:
        embeddings: [rows, columns].
        numbers: of train examples, any shape.
    """
    counted = np.bincount(numbers.ravel(), minlength=len(embeddings))
    importance: npt.NDArray[np.float64] = counted * np.linalg.norm(embeddings, axis=1)
    return importance


def kept_rows(importance: npt.NDArray[np.float64], keep: float) -> Rows:
    """Return the rows that stay, ascending: the most important ones, and none that never occurs.

    Args:
        importance: of each row.
        keep: share of the rows that may stay.
    """
    most = max(1, int(np.ceil(keep * len(importance))))
    order = np.argsort(-importance, kind="stable")[:most]
    kept: Rows = np.sort(order[importance[order] > 0])
    return kept if len(kept) else np.zeros(1, np.int64)


def renumbered(rows: int, kept: Rows) -> npt.NDArray[np.int32]:
    """Return for each old row its new one; all that are gone share the one after the last, which is to be zero."""
    numbers = np.full(rows, len(kept), np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    return numbers


def with_rows(embeddings: Matrix, kept: Rows) -> Matrix:
    """Return the rows that stay and one of zeros for all others."""
    return np.concatenate([embeddings[kept], np.zeros((1, embeddings.shape[1]), embeddings.dtype)])


def _reader(graph: Graph, start: Call) -> Call | None:
    """Return the linear layer that alone reads what an embedding gives, through layers that mix no columns."""
    tensor = start.outputs[0]
    while True:
        readers = [call for call in graph.calls if tensor in call.inputs]
        if len(readers) != 1 or tensor in graph.outputs:
            return None
        call = readers[0]
        if call.kind in _READERS and call.config.get("groups", 1) == 1:
            return call
        if call.kind not in _LINEAR and not _sums_another_axis(graph, call, tensor):
            return None
        tensor = call.outputs[0]


def _sums_another_axis(graph: Graph, call: Call, tensor: int) -> bool:
    """Tell whether a product leaves the columns of a tensor [N, length, columns] as its last axis."""
    if call.kind != "Dot" or call.config.get("axes") != 1 or call.config.get("normalize"):
        return False
    others = [other for other in call.inputs if other != tensor]
    return len(others) == 1 and len(graph.shapes[others[0]]) == 1
