"""The peers of recommendation in numpy: of ratings biases, item neighbours and least squares; of rankings EASE too.

Each learns from the interactions that are known, as numbers of users and items; what has settings takes them by name.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
_ROUNDS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """Who met what."""

    users: Numbers
    items: Numbers
    ratings: Floats
    shape: tuple[int, int]

    def at(self, chosen: npt.NDArray[Any]) -> "Met":
        """Return some of them."""
        return Met(self.users[chosen], self.items[chosen], self.ratings[chosen], self.shape)

    def table(self, values: Floats | float) -> Floats:
        """Return a dense matrix [users, items]."""
        found = np.zeros(self.shape)
        found[self.users, self.items] = values
        return found


def biases(known: Met, damping: float = 5.0) -> tuple[float, Floats, Floats]:
    """Return the mean and what items and users add to it, each drawn to 0 (Koren, Bell and Volinsky 2009)."""
    mean = float(known.ratings.mean())
    item, user = np.zeros(known.shape[1]), np.zeros(known.shape[0])
    users, items = known.shape
    for _ in range(_ROUNDS):
        left = known.ratings - mean - user[known.users]
        item = np.bincount(known.items, left, items) / (np.bincount(known.items, minlength=items) + damping)
        left = known.ratings - mean - item[known.items]
        user = np.bincount(known.users, left, users) / (np.bincount(known.users, minlength=users) + damping)
    return mean, user, item


def by_bias(known: Met, asked: Met) -> Floats:
    """Return mean, user and item together."""
    mean, user, item = biases(known)
    found: Floats = mean + user[asked.users] + item[asked.items]
    return found


def by_neighbours(known: Met, asked: Met, *, most: int, shrink: float) -> Floats:
    """Return the ratings by each item's most alike items that the user rated (Sarwar et al. 2001), over the biases."""
    mean, user, item = biases(known)
    left = known.ratings - mean - user[known.users] - item[known.items]
    table, there = known.table(left), known.table(1.0)
    norms = np.sqrt((table.T**2) @ there) + 1e-9
    both = there.T @ there
    alike = (table.T @ table) / (norms * norms.T) * both / (both + shrink)
    found = by_bias(known, asked)
    for place, (who, what) in enumerate(zip(asked.users.tolist(), asked.items.tolist(), strict=True)):
        rated = np.flatnonzero(there[who])
        rated = rated[rated != what]
        near = np.maximum(alike[what, rated], 0.0)
        best = np.argsort(-near)[:most]
        total = near[best].sum()
        if total > 0:
            found[place] += near[best] @ table[who, rated[best]] / (total + 0.1)
    return found


def by_least_squares(known: Met, asked: Met, *, width: int, ridge: float) -> Floats:
    """Return the ratings by alternating least squares over the biases (Zhou et al. 2008), ridge times the ratings."""
    mean, user, item = biases(known)
    left = known.ratings - mean - user[known.users] - item[known.items]
    random = np.random.default_rng(0)
    rows, columns = (random.normal(0, 0.1, (count, width)) for count in known.shape)
    for _ in range(_ROUNDS):
        rows = _solved(known.users, known.items, left, columns, count=known.shape[0], ridge=ridge)
        columns = _solved(known.items, known.users, left, rows, count=known.shape[1], ridge=ridge)
    found: Floats = by_bias(known, asked) + (rows[asked.users] * columns[asked.items]).sum(axis=1)
    return found


def _solved(own: Numbers, other: Numbers, left: Floats, factors: Floats, *, count: int, ridge: float) -> Floats:
    found = np.zeros((count, factors.shape[1]))
    order = np.argsort(own, kind="stable")
    ends = np.cumsum(np.bincount(own, minlength=count))
    for number, (start, end) in enumerate(zip(np.r_[0, ends[:-1]].tolist(), ends.tolist(), strict=True)):
        if end > start:
            met = order[start:end]
            seen = factors[other[met]]
            penalty = ridge * (end - start) * np.eye(factors.shape[1])
            found[number] = np.linalg.solve(seen.T @ seen + penalty, seen.T @ left[met])
    return found


def popularity(known: Met) -> Floats:
    """Return for each user how often every item was met."""
    return np.broadcast_to(np.bincount(known.items, minlength=known.shape[1]).astype(float), known.shape)


def neighbours(known: Met, *, most: int, shrink: float) -> Floats:
    """Return how alike the items are to those that the user met, by the cosine of their users, the nearest alone."""
    there = known.table(1.0)
    both = there.T @ there
    sizes = np.sqrt(np.diag(both))
    alike = both / (sizes[:, np.newaxis] * sizes + shrink + 1e-9)
    np.fill_diagonal(alike, 0.0)
    if most < len(alike):
        alike[alike < -np.sort(-alike, axis=1)[:, most - 1 : most]] = 0.0
    scores: Floats = there @ alike.T
    return scores


def ease(known: Met, *, ridge: float) -> Floats:
    """Return the scores of linear models of each item by all others in their closed form (Steck 2019)."""
    there = known.table(1.0)
    inverse = np.linalg.inv(there.T @ there + ridge * np.eye(known.shape[1]))
    models = inverse / -np.diag(inverse)
    np.fill_diagonal(models, 0.0)
    scores: Floats = there @ models
    return scores
