"""Embeddings with fewer columns and rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.compression.network_graph import Call, Graph
from idla_trainer.compression.pruning.vocabulary import (
    Chain,
    Table,
    chains,
    concentrated,
    important_rows,
    kept_rows,
    renumbered,
    tables,
    with_rows,
)


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 30),
    columns=st.integers(1, 8),
    units=st.integers(1, 8),
    deep=st.booleans(),
)
def test_concentrated_factors_have_the_same_product(
    *, seed: int, rows: int, columns: int, units: int, deep: bool
) -> None:
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(rows, columns)).astype(np.float32)
    kernel = rng.normal(size=(3, columns, units) if deep else (columns, units)).astype(np.float32)
    left, right = concentrated(embeddings, kernel)
    assert left.shape[1] == right.shape[-2] <= min(rows, columns, kernel.size // columns)
    assert np.allclose(left @ right, embeddings @ kernel, atol=1e-3)


def test_the_first_columns_are_the_best_of_their_number() -> None:
    rng = np.random.default_rng(1)
    embeddings, kernel = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(6, 5)).astype(np.float32)
    left, right = concentrated(embeddings, kernel)
    product = embeddings @ kernel
    singular = np.linalg.svd(product, compute_uv=False)
    for width in range(1, 6):
        error = np.linalg.norm(product - left[:, :width] @ right[:width])
        assert error == pytest.approx(np.sqrt((singular[width:] ** 2).sum()), abs=1e-3)


def test_an_empty_product_keeps_a_column() -> None:
    left, right = concentrated(np.zeros((4, 3), np.float32), np.ones((3, 2), np.float32))
    assert (left.shape, right.shape) == ((4, 1), (1, 2))


def _graph(*calls: Call, outputs: tuple[int, ...]) -> Graph:
    return Graph(calls, {0: (9,), 1: (9,), 2: (9, 4), 3: (4,), 4: (4,), 5: (2,)}, (0, 1), outputs)


VECTORS = Call("vectors", "Embedding", {}, {"embeddings": (7, 4)}, (0,), (2,))
SUMS = Call("sums", "Dot", {"axes": 1}, {}, (1, 2), (3,))
DROPPED = Call("dropped", "Dropout", {}, {}, (3,), (4,))
CURVED = Call("curved", "Activation", {"activation": "relu"}, {}, (3,), (4,))
READ = Call("read", "Dense", {}, {"kernel": (4, 2)}, (4,), (5,))


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        pytest.param(_graph(VECTORS, SUMS, DROPPED, READ, outputs=(5,)), (Chain("vectors", "read"),), id="sum"),
        pytest.param(_graph(VECTORS, SUMS, CURVED, READ, outputs=(5,)), (), id="curved"),
        pytest.param(_graph(VECTORS, SUMS, DROPPED, READ, outputs=(5, 3)), (), id="seen elsewhere"),
    ],
)
def test_columns_are_mixed_where_one_linear_layer_reads_them(graph: Graph, found: tuple[Chain, ...]) -> None:
    assert chains(graph) == found
    assert tables(graph) == (Table("vectors", 0, 7),)


def test_rows_that_matter_stay() -> None:
    embeddings = np.array([[1.0], [2.0], [4.0], [8.0], [0.5]], np.float32)
    importance = important_rows(embeddings, np.array([[0, 1, 1], [2, 4, 4]]))
    assert importance.tolist() == [1.0, 4.0, 4.0, 0.0, 1.0]
    importance = np.array([0.0, 4.0, 2.0, 0.0, 1.0])
    assert kept_rows(importance, 1.0).tolist() == [1, 2, 4]
    kept = kept_rows(importance, 0.4)
    assert kept.tolist() == [1, 2]
    numbers_after = renumbered(5, kept)
    assert numbers_after.tolist() == [2, 0, 1, 2, 2]
    assert with_rows(embeddings, kept)[numbers_after].ravel().tolist() == [0.0, 2.0, 4.0, 0.0, 0.0]
