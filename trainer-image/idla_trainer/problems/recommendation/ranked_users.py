"""Users as examples of a ranking: what they met before, and what they met next."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.result import FailureReason
from idla_contract.task import Split
from idla_preprocess.interactions import Names, numbers_of

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import Indices, Parts, drawn
from idla_trainer.data.split_by_time import split_latest
from idla_trainer.failures import TaskError, too_few
from idla_trainer.problems.recommendation.columns import Interactions

_SCORES = 1 << 27
"""Scores of all items that the users of a part may have together; of more users so many are drawn."""
_NUMBER_BYTES = 4
_PARTS = 4


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
        raise too_few(
            f"{len(found)} interactions of {len(np.unique(owners))} users are too few of each: of "
            f"{shares.test_percent} % of a user's to test and {shares.validation_percent} % to validate no whole one "
            "is left. Give users with more interactions"
        ) from error


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
    part, positions, values = _entries(found, owners, parts, items, seed)
    times = np.zeros(len(found)) if found.times is None else found.times
    order = np.lexsort((times[positions], owners[positions], part))
    part, owner = part[order], owners[positions[order]]
    begins = np.append(True, (np.diff(part) != 0) | (np.diff(owner) != 0))  # of each user in each part
    ends = np.cumsum(np.bincount(part[begins], minlength=_PARTS))
    _, first = np.unique(owners, return_index=True)
    return RankedUsers(
        users=found.users[first][owner[begins]],
        targets=_rows_of(np.cumsum(begins) - 1, values[order], memory),
        parts=Parts(*np.split(np.arange(ends[-1]), ends[:-1])),
        most=max(1, _SCORES // len(items)),
    )


def _entries(
    found: Interactions, owners: Indices, parts: Parts, items: Names, seed: int
) -> tuple[Indices, Indices, Indices]:
    """Return what the examples of all parts are made of, in any order.

    Returns:
        The number of the part, 0 to 3, the position of the interaction, and what it is as a target, never 0; [M] each.
    """
    numbers = numbers_of(found.items.astype(np.str_), items).astype(np.int64)
    as_wanted = np.where(numbers > 0, numbers, len(items) + 1)
    learned, tried = parts.train, np.concatenate([parts.train, parts.validation, parts.gate])
    blocks: list[tuple[Indices, Indices, Indices]] = []
    for wanted, seen in (
        (learned, learned[:0]),
        (parts.validation, learned),
        (parts.gate, learned),
        (parts.test, tried),
    ):
        users = np.unique(owners[wanted])
        if blocks:
            users = drawn(users, max(1, _SCORES // len(items)), seed=seed)
        positions, values = np.concatenate([wanted, seen]), np.concatenate([as_wanted[wanted], -numbers[seen]])
        chosen = (values != 0) & np.isin(owners[positions], users)
        blocks.append((np.full(np.count_nonzero(chosen), len(blocks)), positions[chosen], values[chosen]))
    part, positions, values = (np.concatenate(columns) for columns in zip(*blocks, strict=True))
    return part, positions, values


def _rows_of(rows: Indices, values: Indices, memory: int) -> npt.NDArray[np.int32]:
    """Return values [M] side by side in the row [rows, L] that each belongs to; `rows` [M] ascend."""
    counts = np.bincount(rows)
    _check_memory(len(counts), int(counts.max()), memory)
    targets = np.zeros((len(counts), int(counts.max())), np.int32)
    targets[rows, np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]] = values
    return targets


def _check_memory(rows: int, length: int, memory: int) -> None:
    if rows * length * _NUMBER_BYTES <= memory:
        return
    raise invalid(
        f"data.storageUri: {rows} examples of users of whom one has {length} items would take "
        f"{rows * length * _NUMBER_BYTES} bytes, {memory} are free for them; leave out users with unusually many "
        "interactions, or raise spec.resources.limits.memory"
    )
