"""Images change at random, the same way for the same seed, epoch and step, and only as their settings say."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.models.hyperparameters import Values
from idla_trainer.models.image.augmentation import HYPERPARAMETERS, augmented

Images = npt.NDArray[np.float32]
EVERYTHING = {"shift": 10, "rotation": 20, "scale": 20, "shear": 10, "elastic": 3, "flip": 1, "cutout": 30}
MANY = 400

settings = st.fixed_dictionaries({one.name: st.floats(one.minimum, one.maximum) for one in HYPERPARAMETERS})
shapes = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]))


def random_images(*shape: int) -> Images:
    return np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)


def changed(images: Images, values: Values, *, seed: int = 1, epoch: int = 2, step: int = 3) -> Images:
    return augmented(images, values, seed=seed, epoch=epoch, step=step)


def dot(side: int, row: int, column: int) -> Images:
    """Return many equal images, black but for one pixel."""
    images = np.zeros((MANY, side, side, 1), np.float32)
    images[:, row, column] = 1
    return images


def centres(images: Images) -> Any:
    """Return the mean row and column [N, 2] of the brightness."""
    side = np.arange(images.shape[1])
    return np.stack([images.sum((2, 3)) @ side, images.sum((1, 3)) @ side], axis=1) / images.sum((1, 2, 3))[:, None]


@given(shapes, settings)
def test_shape_type_and_range_stay(shape: tuple[int, ...], values: dict[str, float]) -> None:
    images = random_images(*shape)
    before = images.copy()
    after = changed(images, values)
    assert (after.shape, after.dtype.name) == (images.shape, "float32")
    np.testing.assert_array_equal(images, before)
    assert images.min() - 1e-3 <= after.min()
    assert after.max() <= images.max() + 1e-3


@given(shapes, settings)
def test_one_colour_stays_one_colour(shape: tuple[int, ...], values: dict[str, float]) -> None:
    np.testing.assert_allclose(changed(np.full(shape, 7, np.float32), values), 7, rtol=1e-6)


def test_equal_arguments_give_equal_images_and_others_give_others() -> None:
    images = random_images(4, 8, 8, 3)
    first = changed(images, EVERYTHING)
    np.testing.assert_array_equal(first, changed(images, EVERYTHING))
    for other in ({"seed": 9}, {"epoch": 9}, {"step": 9}):
        assert not np.array_equal(first, changed(images, EVERYTHING, **other))
    assert len({image.tobytes() for image in changed(np.repeat(images[:1], 4, axis=0), EVERYTHING)}) == 4


@pytest.mark.parametrize("values", [{}, {one.name: 0.0 for one in HYPERPARAMETERS}], ids=["no settings", "all off"])
def test_without_settings_nothing_changes(values: dict[str, float]) -> None:
    images = random_images(3, 5, 7, 3)
    np.testing.assert_array_equal(changed(images, values), images)


def test_a_shift_moves_by_no_more_than_it_says() -> None:
    moved = centres(changed(dot(21, 10, 10), {"shift": 20})) - 10
    assert 3.8 < np.abs(moved).max() <= 4.2
    assert np.abs(moved.mean(axis=0)).max() < 0.5


def test_a_rotation_keeps_the_distance_from_the_middle() -> None:
    away = centres(changed(dot(31, 15, 25), {"rotation": 90})) - 15
    np.testing.assert_allclose(np.hypot(*away.T), 10, atol=0.5)
    angles = np.rad2deg(np.arctan2(*away.T))
    assert 85 < angles.max() <= 93
    assert -93 <= angles.min() < -85


def test_a_scaling_keeps_the_direction_from_the_middle() -> None:
    away = centres(changed(dot(31, 15, 25), {"scale": 50}))
    np.testing.assert_allclose(away[:, 0], 15, atol=1e-3)
    assert 4.5 <= (away[:, 1] - 15).min() < 5.5
    assert 14 < (away[:, 1] - 15).max() <= 15.5


def test_a_shear_moves_sideways_and_not_in_the_middle() -> None:
    beside = centres(changed(dot(31, 5, 15), {"shear": 20}))
    np.testing.assert_allclose(beside[:, 0], 5, atol=1e-3)
    assert 3 < np.abs(beside[:, 1] - 15).max() <= 10 * np.tan(np.deg2rad(20)) + 0.1
    np.testing.assert_allclose(centres(changed(dot(31, 15, 15), {"shear": 20})), 15, atol=1e-3)


def test_an_elastic_change_moves_neighbours_alike_and_distant_places_apart() -> None:
    one, next_to_it, far = (
        centres(changed(dot(41, row, 20), {"elastic": 3})) - [row, 20] for row in (10, 12, 30)
    )  # fmt: skip
    assert np.abs(one).mean() > 0.3
    assert np.abs(one - next_to_it).mean() < np.abs(one - far).mean() / 2


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    images = random_images(MANY, 3, 4, 1)
    after = changed(images, {"flip": 1})
    same, mirrored = (after == images).all((1, 2, 3)), (after == images[:, :, ::-1]).all((1, 2, 3))
    assert (same ^ mirrored).all()
    assert 0.4 < mirrored.mean() < 0.6


def test_a_cutout_blanks_one_rectangle_with_the_colour_of_the_border() -> None:
    images = np.full((MANY, 20, 20, 1), 5, np.float32)
    images[:, 1:-1, 1:-1] = 9
    after = changed(images, {"cutout": 50})
    blank = (after == 5)[:, 1:-1, 1:-1, 0]
    assert np.isin(after, [5, 9]).all()
    assert (blank == (blank.any(2)[:, :, None] & blank.any(1)[:, None, :])).all()
    assert 8 <= max(blank.any(2).sum(1).max(), blank.any(1).sum(1).max()) <= 10


def test_what_comes_in_has_the_colour_of_the_border() -> None:
    images = np.full((MANY, 9, 9, 1), 200, np.float32)
    images[:, 3:6, 3:6] = 0
    corners = changed(images, {"shift": 30, "rotation": 45})[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.median(corners) == 200
    assert (np.isclose(corners, 200).mean()) > 0.95
