"""The search for the least value of a smooth function."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.models.lbfgs import Vector, minimize


def banana(place: Vector) -> tuple[float, Vector]:
    """Rosenbrock's function: a bent valley with the least value at [1, 1]."""
    x, y = place
    value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    return float(value), np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


def bowl(place: Vector) -> tuple[float, Vector]:
    """Return a bowl that is a thousand times steeper one way than another."""
    steep = np.geomspace(1, 1000, len(place))
    return float((steep * (place - 2) ** 2).sum() / 2), steep * (place - 2)


def test_the_valley_is_followed_to_its_end() -> None:
    assert minimize(banana, np.array([-1.2, 1.0]), steps=200) == pytest.approx([1, 1], abs=1e-2)


def test_a_steep_bowl_has_its_bottom_found() -> None:
    assert minimize(bowl, np.zeros(50), steps=200) == pytest.approx(np.full(50, 2.0), abs=1e-2)


def rounded(place: Vector) -> tuple[float, Vector]:
    """Return a bowl in 32-bit numbers, small and high enough that many steps fall by less than can be told."""
    near = place.astype(np.float32) - np.float32(2)
    steep = np.geomspace(1e-3, 1, len(place), dtype=np.float32)
    return float(np.float32(0.066) + (steep * near * near).sum() / np.float32(2)), (steep * near).astype(np.float64)


@pytest.mark.parametrize("seed", range(10))
def test_a_short_step_is_not_taken_for_the_bottom(seed: int) -> None:
    start = np.random.default_rng(seed).normal(2, 0.1, 30)
    assert np.abs(rounded(minimize(rounded, start, steps=200))[1]).max() < 2e-4


def test_nothing_is_lower_than_the_bottom() -> None:
    bottom = np.full(3, 2.0)
    assert minimize(bowl, bottom, steps=200).tolist() == bottom.tolist()


def test_a_place_without_a_value_is_not_gone_to() -> None:
    def edge(place: Vector) -> tuple[float, Vector]:
        """Return a slope that ends where there is no logarithm any more."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return float((place - 3 * np.log(place)).sum()), 1 - 3 / place

    assert minimize(edge, np.array([0.1, 0.2]), steps=200) == pytest.approx([3, 3], abs=1e-2)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=2), st.integers(0, 20))
def test_it_never_ends_higher_than_it_began(start: list[float], steps: int) -> None:
    begun = np.array(start)
    assert banana(minimize(banana, begun, steps=steps))[0] <= banana(begun)[0]
