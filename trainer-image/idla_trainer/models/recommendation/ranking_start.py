"""Where the training of a ranking begins: which items are met by the same users, in closed form."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from idla_trainer.models.recommendation.incidence import Incidence, Matrix, factored, spectrum

_DENSE = 8192
"""Users or items up to which a square matrix of them is inverted."""
_BALANCE = 0.3
"""Power of an item's count by which popular items count less, where nothing is inverted."""
_ROUNDS = 25
_SOME = 256
"""Users by which scores become logits."""
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What scores every item for every user: `users @ items + biases`, as logits; row 0 of the users is zero."""

    users: Matrix
    """[users + 1, width]."""
    items: Matrix
    """[width, items]."""
    biases: Matrix
    """[items]; all that an unknown user is scored by."""


@dataclass(frozen=True, slots=True)
class _Relation:
    """A matrix [items, items] of what meeting one item says for another, known by its products."""

    times: Callable[[Matrix], Matrix]
    transposed: Callable[[Matrix], Matrix]


def ranked(met: Incidence, *, width: int, ridge: float, half_life: float, seed: int) -> Scores:
    """Return the scores of who met what, without any step of descent.

    What an item says for the others is the linear model of each item by all others with a ridge, in its closed form
    (Steck 2019). A user is the sum over the items that were met, the latest ones weighing most, and of that matrix
    of users and items the heaviest `width` factors are kept. Where both users and items are more than 8,192, the
    relation is the projection on the first factors of the normalised matrix instead.

    Args:
        met: 1 for each meeting [users, items], the earliest of a user first.
        width: factors.
        ridge: of the linear models, in meetings.
        half_life: an item that so many later ones follow counts half of the latest one; `inf` where there is no order.
        seed: of the random numbers that the factors begin with.
    """
    weights = met.scaled(0.5 ** (_followers(met) / half_life))
    relation = _relation(met, width, ridge, seed)
    back = weights.transposed
    biases = relation.transposed(back.times(np.ones((len(met.ends), 1))))[:, 0] / len(met.ends)

    def times(right: Matrix) -> Matrix:
        return weights.times(relation.times(right)) - biases @ right

    def transposed(left: Matrix) -> Matrix:
        return relation.transposed(back.times(left)) - np.outer(biases, left.sum(axis=0))

    users, items = factored(times, transposed, met.shape, width, seed=seed)
    slope, offset = _logistic(met, users, items, biases)
    padded = np.pad(users * slope, ((1, 0), (0, width - users.shape[1])))
    return Scores(users=padded, items=np.pad(items, ((0, width - len(items)), (0, 0))), biases=slope * biases + offset)


def _followers(met: Incidence) -> Matrix:
    """Return how many later meetings of the same user follow each one."""
    return (met.ends[met.rows] - 1 - np.arange(len(met.columns))).astype(np.float64)


def _relation(met: Incidence, width: int, ridge: float, seed: int) -> _Relation:
    users, items = met.shape
    if min(users, items) > _DENSE:
        return _projection(met, width, seed)
    if items <= users:
        return _by_items(met, ridge)
    return _by_users(met, ridge)


def _by_items(met: Incidence, ridge: float) -> _Relation:
    """Return the linear models by the inverse of a matrix [items, items]."""
    back, gram = met.transposed, np.empty((met.width, met.width))
    for first in range(0, met.width, _DENSE // 8):
        some = np.eye(met.width)[:, first : first + _DENSE // 8]
        gram[:, first : first + _DENSE // 8] = back.times(met.times(some))
    inverse = np.linalg.inv(gram + ridge * np.eye(met.width))
    weights: Matrix = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return _Relation(lambda right: weights @ right, lambda left: weights.T @ left)


def _by_users(met: Incidence, ridge: float) -> _Relation:
    """Return the same by the inverse of a matrix [users, users], by the identity of Woodbury."""
    back, users = met.transposed, len(met.ends)
    inverse = np.linalg.inv(met.times(back.times(np.eye(users))) + ridge * np.eye(users))

    def precision(right: Matrix) -> Matrix:
        return (right - back.times(inverse @ met.times(right))) / ridge

    diagonal = np.empty(met.width)
    for item in range(met.width):
        who = back.columns[back.row(item)]
        values = back.values[back.row(item)]
        diagonal[item] = (1 - values @ inverse[np.ix_(who, who)] @ values) / ridge
    return _Relation(
        lambda right: right - precision(right / diagonal[:, None]),
        lambda left: left - precision(left) / diagonal[:, None],
    )


def _projection(met: Incidence, width: int, seed: int) -> _Relation:
    by_user = np.maximum(met.counts, 1)
    by_item = np.maximum(np.bincount(met.columns, minlength=met.width), 1) ** _BALANCE
    normalised = met.scaled(met.values / np.sqrt(by_user[met.rows]) / by_item[met.columns])
    vectors, scale = spectrum(normalised, width, seed=seed), by_item[:, None]
    return _Relation(
        lambda right: vectors @ (vectors.T @ (right * scale)) / scale,
        lambda left: vectors @ (vectors.T @ (left / scale)) * scale,
    )


def _logistic(met: Incidence, users: Matrix, items: Matrix, biases: Matrix) -> tuple[float, float]:
    """Return slope and offset by which the scores become logits of what was met, by Newton's steps on some users."""
    some = np.flatnonzero(met.counts)[:: max(1, len(met.ends) // _SOME)]
    scores = (users[some] @ items + biases).ravel()
    size = np.abs(scores).max() or 1.0
    truth = np.zeros((len(some), met.width))
    for place, user in enumerate(some.tolist()):
        truth[place, met.columns[met.row(user)]] = 1.0
    share = float(np.clip(truth.mean(), _SMALLEST, 1 - _SMALLEST))
    seen, wanted = np.stack([scores / size, np.ones(len(scores))]), truth.ravel()
    found = np.array([0.0, np.log(share / (1 - share))])
    loss = _cross_entropy(found @ seen, wanted)
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-(found @ seen)))
        curvature = (seen * (chances * (1 - chances))) @ seen.T + _SMALLEST * np.eye(2)
        step = np.linalg.solve(curvature, seen @ (wanted - chances))
        while (lower := _cross_entropy((found + step) @ seen, wanted)) > loss and np.abs(step).max() > _SMALLEST:
            step = step / 2
        if lower >= loss:
            break
        found, loss = found + step, lower
    return max(float(found[0]), _SMALLEST) / size, float(found[1])


def _cross_entropy(logits: Matrix, truth: Matrix) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - truth * logits))
