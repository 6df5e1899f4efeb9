"""Where the training of ratings begins: a closed form on who rated what, and how."""

from dataclasses import dataclass

import numpy as np

from idla_trainer.models.recommendation.incidence import Incidence, Matrix, spectrum

_SWEEPS = 10
_STEADY = 200.0
"""Ridge of the weights that all users share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What predicts a standardised rating: `user bias + item bias + users . items`; row 0 is the unknown one's."""

    users: Matrix
    """[users + 1, width]."""
    items: Matrix
    """[items + 1, width]."""
    user_biases: Matrix
    """[users + 1]."""
    item_biases: Matrix
    """[items + 1]."""


def rated(own: Incidence, *, width: int, damping: float, caution: float, seed: int) -> Factors:
    """Return the factors of ratings, without any step of descent.

    Who rates an item says what it is, before any rating does: an item's factors are the first singular vectors of the
    normalised matrix of who rated what. A user's factors are the ridge regression of the user's ratings on them. The
    biases are shrunken means around what the factors of an item, and the number of ratings, let expect.

    Args:
        own: the ratings [users, items], standardised.
        width: factors; more than users or items there cannot be, the rest are zero.
        damping: variance of a rating over that of the biases.
        caution: variance of a rating over that of a user's factors.
        seed: of the random numbers that the spectrum begins with.
    """
    features = _features(own, width, seed=seed)
    user_biases, item_biases = _biases(own, features, damping)
    left = own.values - user_biases[own.rows] - item_biases[own.columns]
    tastes = _regressed(own.scaled(left), features, caution)
    return Factors(
        users=_padded(tastes, width),
        items=_padded(features, width),
        user_biases=_padded(user_biases[:, None], 1)[:, 0],
        item_biases=_padded(item_biases[:, None], 1)[:, 0],
    )


def _features(own: Incidence, width: int, *, seed: int) -> Matrix:
    """Return what the users of an item say of it [items, width], 1 in the mean square."""
    by_user = np.maximum(own.counts, 1)
    by_item = np.maximum(np.bincount(own.columns, minlength=own.width), 1)
    normalised = own.scaled(1 / np.sqrt(by_user[own.rows] * by_item[own.columns]))
    features: Matrix = spectrum(normalised, width, seed=seed) * np.sqrt(own.width)
    return features


def _biases(own: Incidence, features: Matrix, damping: float) -> tuple[Matrix, Matrix]:
    """Return the biases of users and items, by turns."""
    back = own.transposed
    user_biases, item_biases = np.zeros(len(own.ends)), np.zeros(own.width)
    for _ in range(_SWEEPS):
        item_biases = _shrunken(back.scaled(back.values - user_biases[back.columns]), features, damping)
        left = own.values - item_biases[own.columns]
        user_biases = _shrunken(own.scaled(left), np.zeros((len(own.ends), 0)), damping)
    return user_biases, item_biases


def _shrunken(own: Incidence, features: Matrix, damping: float) -> Matrix:
    """Return the mean of each row, drawn to what its features and its number of entries let expect."""
    counts = own.counts.astype(np.float64)
    seen = np.column_stack([np.ones(len(counts)), np.log(np.maximum(counts, 1)), features])
    sums = np.bincount(own.rows, own.values, minlength=len(counts))
    trust = counts / (counts + damping)
    gram = (seen * trust[:, None]).T @ seen + _STEADY * np.eye(seen.shape[1])
    expected = seen @ np.linalg.solve(gram, seen.T @ (trust * sums / np.maximum(counts, 1)))
    shrunken: Matrix = expected + (sums - counts * expected) / (counts + damping)
    return shrunken


def _regressed(own: Incidence, features: Matrix, caution: float) -> Matrix:
    """Return for each row the weights [rows, width] by which features give its entries, drawn to zero."""
    weights, ridge = np.zeros((len(own.ends), features.shape[1])), caution * np.eye(features.shape[1])
    for number in np.flatnonzero(own.counts).tolist():
        part = own.row(number)
        seen = features[own.columns[part]]
        weights[number] = np.linalg.solve(seen.T @ seen + ridge, seen.T @ own.values[part])
    return weights


def _padded(rows: Matrix, width: int) -> Matrix:
    """Return rows with one of zeros before them for whoever is unknown, and columns of zeros up to a width."""
    return np.pad(rows, ((1, 0), (0, width - rows.shape[1])))
