"""Users as examples of a ranking: what they met before, and what they met next."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.result import FailureReason
from idla_contract.task import Split
from idla_preprocess.interactions import Names, numbers_of

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import Indices, Parts
from idla_trainer.data.split_by_time import split_latest
from idla_trainer.failures import TaskError
from idla_trainer.problems.recommendation.columns import Interactions

_SCORES = 1 << 27
"""Scores of all items that the users of a part may have together; of more users so many are drawn."""
_NUMBER_BYTES = 4


@dataclass(frozen=True, slots=True, eq=False)
class RankedUsers:
    """One example for each user and part."""

    users: npt.NDArray[Any]
    """Names [N]."""
    targets: npt.NDArray[np.int32]
    """[N, L], as `Ranking` says."""
    parts: Parts
    most: int
    """Users that a part is evaluated on; of more so many are drawn."""


def split_interactions(found: Interactions, owners: Indices, shares: Split, held_out: Indices | None) -> Parts:
    """Return the parts of the interactions: of each user the latest ones are the test, without times random ones.

    Raises:
        TaskError: no user has enough of them.
    """
    times = found.times
    if times is None:
        times = np.random.default_rng(shares.seed).permutation(len(found)).astype(np.float64)
    try:
        return split_latest(owners, times, shares, held_out=held_out)
    except TaskError as error:
        if error.reason is not FailureReason.TOO_FEW_EXAMPLES:
            raise
        message = (
            f"{len(found)} interactions of {len(np.unique(owners))} users are too few of each: of "
            f"{shares.test_percent} % of a user's to test and {shares.validation_percent} % to validate no whole one "
            "is left. Give users with more interactions"
        )
        raise TaskError(FailureReason.TOO_FEW_EXAMPLES, message) from error


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The examples of a part, of which each has any number of items."""

    users: Indices
    """Numbers, ascending."""
    rows: Indices
    """Place of the user of each item in `users` [M], ascending."""
    values: npt.NDArray[np.int32]
    """Of the targets [M], the earliest of a user first."""

    @property
    def length(self) -> int:
        """Return how many items a user has at most."""
        return int(np.bincount(self.rows).max(initial=1))

    def fill(self, targets: npt.NDArray[np.int32]) -> None:
        """Write the items into the rows of the part [users, L]."""
        counts = np.bincount(self.rows, minlength=len(self.users))
        targets[self.rows, np.arange(len(self.rows)) - (np.cumsum(counts) - counts)[self.rows]] = self.values


@dataclass(frozen=True, slots=True, eq=False)
class _Numbered:
    """Interactions as numbers."""

    owners: Indices
    """Number of each one's user [N]."""
    items: Indices
    """Number of each one's item, 0 for one that cannot be ranked [N]."""
    unknown: int
    """What an item that cannot be ranked is as a wanted one."""
    times: npt.NDArray[np.float64]

    def part(self, wanted: Indices, seen: Indices, users: Indices) -> _Part:
        """Return the examples of some users, who want what is theirs in one part and have seen what is in another."""
        positions = np.concatenate([wanted, seen])
        numbers = self.items[wanted]
        values = np.concatenate([np.where(numbers > 0, numbers, self.unknown), -self.items[seen]])
        order = np.lexsort((self.times[positions], self.owners[positions]))
        order = order[(values[order] != 0) & np.isin(self.owners[positions[order]], users)]
        rows = np.searchsorted(users, self.owners[positions[order]])
        return _Part(users, rows, values[order].astype(np.int32))


def ranked_users(
    found: Interactions, owners: Indices, parts: Parts, items: Names, *, seed: int, memory: int
) -> RankedUsers:
    """Return the users as examples: in each part they want what is theirs in it, and have seen what was learned from.

    A user of the test part has seen the validation part as well.

    Args:
        found: the interactions.
        owners: number of each one's user [N].
        parts: of the interactions.
        items: names of the items that can be ranked.
        seed: of the draw of users, where there are too many.
        memory: bytes that the targets may take.

    Raises:
        TaskError: they take more.
    """
    numbered = _Numbered(
        owners=owners,
        items=numbers_of(found.items.astype(np.str_), items).astype(np.int64),
        unknown=len(items) + 1,
        times=np.zeros(len(found)) if found.times is None else found.times,
    )
    most = max(1, _SCORES // len(items))
    learned, nothing = parts.train, parts.train[:0]
    tried = np.concatenate([parts.train, parts.validation, parts.gate])
    made = [numbered.part(learned, nothing, np.unique(owners[learned]))]
    for wanted, seen in ((parts.validation, learned), (parts.gate, learned), (parts.test, tried)):
        made.append(numbered.part(wanted, seen, _drawn(np.unique(owners[wanted]), most, seed)))
    bounds = list(pairwise(np.cumsum([0, *(len(one.users) for one in made)]).tolist()))
    _, first = np.unique(owners, return_index=True)
    return RankedUsers(
        users=found.users[first][np.concatenate([one.users for one in made])],
        targets=_targets(made, bounds, memory),
        parts=Parts(*(np.arange(start, end) for start, end in bounds)),
        most=most,
    )


def _targets(made: Sequence[_Part], bounds: Sequence[tuple[int, int]], memory: int) -> npt.NDArray[np.int32]:
    """Return the targets of all parts, one part behind the other."""
    rows, length = bounds[-1][1], max(one.length for one in made)
    _check_memory(rows, length, memory)
    targets = np.zeros((rows, length), np.int32)
    for one, (start, end) in zip(made, bounds, strict=True):
        one.fill(targets[start:end])
    return targets


def _drawn(users: Indices, most: int, seed: int) -> Indices:
    if len(users) <= most:
        return users
    return np.sort(np.random.default_rng(seed).choice(users, most, replace=False))


def _check_memory(rows: int, length: int, memory: int) -> None:
    if rows * length * _NUMBER_BYTES <= memory:
        return
    message = (
        f"data.storageUri: {rows} examples of users of whom one has {length} items would take "
        f"{rows * length * _NUMBER_BYTES} bytes, {memory} are free for them; leave out users with unusually many "
        "interactions, or raise spec.resources.limits.memory"
    )
    raise invalid(message)
