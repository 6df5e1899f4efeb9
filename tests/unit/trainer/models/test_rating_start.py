"""The closed form that a training of ratings begins with, and the sparse matrix under it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.models.recommendation import incidence
from idla_trainer.models.recommendation.incidence import Incidence, spectrum
from idla_trainer.models.recommendation.rating_start import Factors, rated


def places(rows: int, columns: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1)), min_size=1, max_size=60)


def of(found: list[tuple[int, int]], shape: tuple[int, int]) -> tuple[Incidence, npt.NDArray[np.float64]]:
    """Return a sparse matrix and the same as a dense one."""
    rows, columns = np.array(found).T
    values = np.random.default_rng(len(found)).normal(size=len(found))
    dense = np.zeros(shape)
    np.add.at(dense, (rows, columns), values)
    return Incidence.of(rows, columns, values, shape), dense


@given(found=places(7, 5), at_once=st.sampled_from([1, 8, 1 << 22]))
def test_a_product_is_that_of_the_dense_matrix(found: list[tuple[int, int]], at_once: int) -> None:
    sparse, dense = of(found, (7, 5))
    other = np.random.default_rng(0).normal(size=(5, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incidence, "_AT_ONCE", at_once)
        np.testing.assert_allclose(sparse.times(other), dense @ other, atol=1e-12)
        np.testing.assert_allclose(sparse.transposed.times(dense), dense.T @ dense, atol=1e-12)


def test_the_spectrum_is_that_of_the_dense_matrix() -> None:
    random = np.random.default_rng(3)
    sparse, dense = of([(int(row), int(column)) for row, column in random.integers(0, (40, 30), (400, 2))], (40, 30))
    wanted = np.linalg.svd(dense)[2][:4].T
    found = spectrum(sparse, 4, seed=0)
    np.testing.assert_allclose(np.abs((found * wanted).sum(axis=0)), 1.0, atol=1e-6)


def test_a_spectrum_has_no_more_columns_than_the_matrix_has_ranks() -> None:
    sparse, _ = of([(0, 0), (1, 2)], (2, 5))
    assert spectrum(sparse, 64, seed=0).shape == (5, 2)


def drawn(seed: int = 0) -> tuple[Any, Any, npt.NDArray[np.float64]]:
    """Return ratings where users of two tastes meet items of two kinds, mostly those that they like."""
    random = np.random.default_rng(seed)
    users, items = random.integers(0, 60, 6000), random.integers(0, 80, 6000)
    alike = (users % 2) == (items % 2)
    met = alike | (random.random(6000) < 0.3)
    users, items, alike = users[met], items[met], alike[met]
    return users + 1, items + 1, np.where(alike, 1.0, -1.0) + random.normal(0, 0.3, len(users))


def rate(factors: Factors, users: Any, items: Any) -> npt.NDArray[np.float64]:
    products = (factors.users[users] * factors.items[items]).sum(axis=1)
    found: npt.NDArray[np.float64] = factors.user_biases[users] + factors.item_biases[items] + products
    return found


def start(width: int = 8, **changed: Any) -> Factors:
    users, items, ratings = drawn()
    settings: dict[str, Any] = {"width": width, "damping": 5.0, "caution": 10.0, "seed": 0}
    standard = (ratings - ratings.mean()) / ratings.std()
    return rated(Incidence.of(users - 1, items - 1, standard, (60, 80)), **(settings | changed))


def test_tastes_are_found() -> None:
    users, items, ratings = drawn(seed=1)
    left = (ratings - ratings.mean()) / ratings.std() - rate(start(), users, items)
    assert np.mean(left**2) < 0.35


def test_strangers_get_the_mean_of_the_known_one() -> None:
    factors = start()
    unknown, user, item = np.zeros(1, int), np.array([3]), np.array([5])
    assert rate(factors, unknown, unknown).tolist() == [0.0]
    assert rate(factors, user, unknown).tolist() == [factors.user_biases[3]]
    assert rate(factors, unknown, item).tolist() == [factors.item_biases[5]]


def test_factors_past_the_rank_are_zero() -> None:
    factors = start(width=100)
    assert factors.items.shape == (81, 100)
    assert not factors.items[:, 60:].any()


def test_equal_seeds_give_equal_factors() -> None:
    one, two = start(), start()
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in Factors.__slots__)


def test_caution_draws_tastes_to_zero() -> None:
    bold, careful = start(caution=1.0), start(caution=1e5)
    assert np.abs(careful.users).max() < np.abs(bold.users).max() / 100
