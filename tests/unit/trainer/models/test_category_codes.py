"""Numbers in the place of categories: what they are, and that no example sees its own target in them."""

import numpy as np
import pytest
from idla_trainer.models.tabular.category_codes import fit_codes

INDICES = np.array([[0], [0], [1], [1], [1], [2]], np.int32)
TARGETS = np.array([[0.0], [2.0], [4.0], [4.0], [4.0], [10.0]], np.float32)
USUAL = 4.0


def test_a_category_is_its_index_and_a_mean_that_is_drawn_to_the_usual_one() -> None:
    codes = fit_codes(INDICES, TARGETS, 4, seed=1)
    means = [(2.0 + 10 * USUAL) / 12, (12.0 + 10 * USUAL) / 13, (10.0 + 10 * USUAL) / 11, USUAL]
    np.testing.assert_allclose(codes.table, np.column_stack([range(4), means]), rtol=1e-6)
    np.testing.assert_allclose(codes.of(np.array([[3], [0]], np.int32)), codes.table[[3, 0]])


def test_columns_have_numbers_of_their_own() -> None:
    two = np.column_stack([INDICES[:, 0], INDICES[:, 0] + 3]).astype(np.int32)
    codes = fit_codes(two, np.column_stack([TARGETS, -TARGETS]), 6, seed=1)
    assert codes.table.shape == (6, 3)
    np.testing.assert_allclose(codes.table[:3, 1:], codes.table[3:, 1:], rtol=1e-6)
    assert codes.of(two).shape == codes.training.shape == (6, 6)


@pytest.mark.parametrize("example", range(0, 60, 7))
def test_an_example_does_not_see_its_own_target(example: int) -> None:
    generator = np.random.default_rng(0)
    indices = generator.integers(0, 5, (60, 2)).astype(np.int32)
    targets = generator.normal(size=(60, 1)).astype(np.float32)
    other = targets.copy()
    other[example] += 100
    before, after = (fit_codes(indices, given, 5, seed=3).training for given in (targets, other))
    np.testing.assert_array_equal(before[example], after[example])
    assert (before != after).any()


def test_few_examples_have_numbers_all_the_same() -> None:
    codes = fit_codes(INDICES[:1], TARGETS[:1], 4, seed=1)
    assert np.isfinite(codes.training).all()
