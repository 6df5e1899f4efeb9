"""Images changed at random as training sees them: a pure function of seed, epoch and step, in numpy alone."""

import numpy as np
import numpy.typing as npt

from idla_trainer.models.hyperparameters import Hyperparameter, Values

Images = npt.NDArray[np.float32]
Field = npt.NDArray[np.float64]
_STREAM = 1
"""The stream of random numbers of a seed; the order of the examples is another one."""
_ELASTIC_CELLS = 4
"""Cells of the coarse grid, along each side, whose corners an elastic change moves independently."""

HYPERPARAMETERS = (
    Hyperparameter("shift", 6, 0, 50, "percent of a side by which training moves images at most", whole=False),
    Hyperparameter("rotation", 0, 0, 180, "degrees by which training turns images at most", whole=False),
    Hyperparameter("scale", 0, 0, 90, "percent by which training scales each side at most", whole=False),
    Hyperparameter("shear", 0, 0, 45, "degrees by which training slants images at most", whole=False),
    Hyperparameter("elastic", 0, 0, 25, "percent of a side: standard deviation of a smooth local move", whole=False),
    Hyperparameter("flip", 0, 0, 1, "1 where a mirrored image (left to right) belongs to the same class"),
    Hyperparameter("cutout", 0, 0, 90, "percent of a side of the square that training blanks at most", whole=False),
)
"""Settings of every network for images; all but the move are off unless they are asked for."""
_WARPS = ("shift", "rotation", "scale", "shear", "elastic")


def augmented(images: Images, values: Values, *, seed: int, epoch: int, step: int) -> Images:
    """Return the images [N, H, W, C], each changed in its own way; the input is left as it is.

    One interpolation carries out the move, turn, scaling, slant and elastic change (Simard et al. 2003) together;
    a mirroring and a blanked square (DeVries and Taylor 2017) follow. What comes in from outside, and the square,
    has the median colour of the image's own border. Equal arguments give equal images.

    Args:
        images: raw pixels.
        values: settings by name, see `HYPERPARAMETERS`; a missing one is off.
        seed: of the training.
        epoch: counted from 0.
        step: of the epoch, counted from 0.
    """
    random = np.random.default_rng([seed, _STREAM, epoch, step])
    fill = _border(images)
    changed = images
    if any(values.get(name, 0) > 0 for name in _WARPS):
        changed = _sampled(changed, *_places(images.shape, values, random), fill)
    if values.get("flip", 0) > 0:
        mirrored = random.integers(2, size=len(images), dtype=bool)
        changed = np.where(mirrored[:, np.newaxis, np.newaxis, np.newaxis], changed[:, :, ::-1], changed)
    if values.get("cutout", 0) > 0:
        changed = _blanked(changed, values["cutout"] / 100, random, fill)
    return changed


def _border(images: Images) -> Images:
    """Return the median of each image's border by channel, [N, 1, 1, C]."""
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return np.median(np.concatenate(sides, axis=1), axis=1)[:, np.newaxis, np.newaxis].astype(np.float32)


def _places(shape: tuple[int, ...], values: Values, random: np.random.Generator) -> tuple[Field, Field]:
    """Return the rows and the columns [N, H, W] of the places in the image whose colour each pixel gets."""
    count, height, width, _ = shape

    def drawn(name: str) -> Field:
        return random.uniform(-1, 1, (count, 1, 1)) * values.get(name, 0)

    angle, slant = np.deg2rad(drawn("rotation")), np.tan(np.deg2rad(drawn("shear")))
    tall, wide = 1 + drawn("scale") / 100, 1 + drawn("scale") / 100
    down, right = drawn("shift") / 100 * height, drawn("shift") / 100 * width
    y = np.arange(height)[np.newaxis, :, np.newaxis] - (height - 1) / 2
    x = np.arange(width)[np.newaxis, np.newaxis, :] - (width - 1) / 2
    turned_y = (np.cos(angle) * y - np.sin(angle) * x) / tall
    turned_x = (np.sin(angle) * y + np.cos(angle) * x) / wide
    rows = turned_y + (height - 1) / 2 + down
    columns = turned_x + slant * turned_y + (width - 1) / 2 + right
    strength = values.get("elastic", 0) / 100
    if strength > 0:
        rows = rows + strength * height * _smooth(count, height, width, random)
        columns = columns + strength * width * _smooth(count, height, width, random)
    return rows, columns


def _smooth(count: int, height: int, width: int, random: np.random.Generator) -> Field:
    """Return smooth fields [N, H, W] with a standard deviation of 1 at the corners of a coarse grid."""
    corners = random.standard_normal((count, _ELASTIC_CELLS + 1, _ELASTIC_CELLS + 1))
    return _spread(height) @ corners @ _spread(width).T


def _spread(side: int) -> Field:
    """Return the weights [side, corners] of the corners at each pixel: a cosine ease between the two next ones."""
    place = np.linspace(0, _ELASTIC_CELLS, side)[:, np.newaxis] - np.arange(_ELASTIC_CELLS + 1)
    return np.where(np.abs(place) < 1, (1 + np.cos(np.pi * place)) / 2, 0.0)


def _sampled(images: Images, rows: Field, columns: Field, fill: Images) -> Images:
    """Return the images' colours at places between pixels, by bilinear interpolation; outside is the fill."""
    count, height, width, channels = images.shape
    frame = np.empty((count, height + 2, width + 2, channels), np.float32)
    frame[:] = fill
    frame[:, 1:-1, 1:-1] = images
    flat = frame.reshape(-1, channels)
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top, left = np.minimum(rows.astype(np.int64), height), np.minimum(columns.astype(np.int64), width)
    below = (rows - top).astype(np.float32)[..., np.newaxis]
    beside = (columns - left).astype(np.float32)[..., np.newaxis]
    first = (np.arange(count)[:, np.newaxis, np.newaxis] * (height + 2) + top) * (width + 2) + left
    upper = flat[first] * (1 - beside) + flat[first + 1] * beside
    lower = flat[first + width + 2] * (1 - beside) + flat[first + width + 3] * beside
    sampled: Images = upper * (1 - below) + lower * below
    return sampled


def _blanked(images: Images, share: float, random: np.random.Generator, fill: Images) -> Images:
    """Return the images, each without a rectangle of up to a share of each side around a place in it."""
    count, height, width, _ = images.shape
    half = random.uniform(0, share / 2, (count, 1))

    def within(side: int) -> npt.NDArray[np.bool_]:
        return np.abs(np.arange(side) + 0.5 - random.uniform(0, side, (count, 1))) < half * side

    blank = within(height)[:, :, np.newaxis, np.newaxis] & within(width)[:, np.newaxis, :, np.newaxis]
    return np.where(blank, fill, images)
