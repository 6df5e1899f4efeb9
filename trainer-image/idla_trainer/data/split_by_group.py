"""A split in which whole groups of examples go into one part, each class in its share as far as the groups allow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from idla_contract.task import Split

from idla_trainer.data.findings.names import SHOWN, quoted
from idla_trainer.data.split import (
    GATE_FROM,
    Indices,
    Parts,
    are_distinct,
    check_counts,
    check_shares,
    cut_by_class,
    free_positions,
    halves,
    sizes_of,
    split,
)
from idla_trainer.failures import TaskError, too_few

_TRAIN, _VALIDATION, _TEST = range(3)
_NOWHERE = -1


def split_tied(
    strata: Indices,
    groups: Indices,
    classes: Sequence[str],
    shares: Split,
    *,
    held_out: Indices | None = None,
    whole: bool = False,
) -> Parts:
    """Return the parts where a group is never torn apart; equal arguments give equal parts.

    Where each group has one class, the parts are those of `split`, unless they lack a class that enough groups have.
    Else every class is given to each part that it has groups for, and the largest groups go first to the part that
    lacks most of what they have; the shares differ by no more than a group or two. What is in the group of an example
    of a given test split is in no other part.

    Args:
        strata: class numbers [N].
        groups: for each example the position of the first of its group [N].
        classes: names of the class numbers, for messages.
        shares: of the parts.
        held_out: positions of a test split that is given.
        whole: whether all but the test is learned from, as `Parts.merged` says.

    Raises:
        TaskError: as `split`; or a class that shares groups with others is in fewer groups than there are parts, or
            all groups together are fewer.
    """
    known = None if held_out is None else np.flatnonzero(np.isin(groups, groups[held_out]))
    parts = _parts(strata, groups, classes, shares, known)
    if held_out is not None:
        parts = replace(parts, test=held_out)
    return parts.merged() if whole else parts


def _parts(strata: Indices, groups: Indices, classes: Sequence[str], shares: Split, held_out: Indices | None) -> Parts:
    free = free_positions(len(strata), held_out)
    if are_distinct(groups[free]):
        return split(strata, groups, classes, shares, held_out=held_out)
    found = _Groups.of(strata[free], groups[free], len(classes))
    check_shares(shares)
    check_counts(classes, np.bincount(strata[free], minlength=len(classes)), free=held_out is None)
    count = 3 if held_out is None else 2
    _check_groups(found, classes, count)
    if not found.mixed.any():
        parts = cut_by_class(strata, groups, classes, shares, held_out=held_out)
        if _are_covered(parts, strata, found.holders, count):
            return parts
    return _shared_out(found, free, shares, held_out)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Examples in the order of their groups."""

    order: Indices
    """Positions of the examples, group after group [N]."""
    labels: Indices
    """Their classes [N]."""
    begins: Indices
    """Where each group begins in them, and the end [groups + 1]."""
    own: Indices
    """Number of each one's group [N]."""
    classes: int

    @classmethod
    def of(cls, labels: Indices, groups: Indices, classes: int) -> "_Groups":
        """Return the groups of examples by a number [N] that those of one share."""
        order = np.argsort(groups, kind="stable")
        _, first, own = np.unique(groups[order], return_index=True, return_inverse=True)
        return cls(order, labels[order], np.r_[first, len(order)].astype(np.int64), own, classes)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.begins) - 1

    @property
    def sizes(self) -> Indices:
        """Return the examples of each [groups]."""
        return np.diff(self.begins)

    @property
    def mixed(self) -> npt.NDArray[np.bool_]:
        """Return which have more than one class [groups]."""
        return np.bincount(self._pairs() // self.classes, minlength=len(self)) > 1

    @property
    def holders(self) -> Indices:
        """Return how many have each class [classes]."""
        return np.bincount(self._pairs() % self.classes, minlength=self.classes)

    def holding(self) -> list[Indices]:
        """Return those that have each class."""
        pairs = self._pairs()
        order = np.argsort(pairs % self.classes, kind="stable")
        return np.split(pairs[order] // self.classes, np.cumsum(self.holders)[:-1])

    def labels_in(self, group: int) -> Indices:
        """Return the classes of the examples of one."""
        return self.labels[self.begins[group] : self.begins[group + 1]]

    def _pairs(self) -> Indices:
        return np.unique(self.own * self.classes + self.labels)


def _check_groups(found: _Groups, classes: Sequence[str], count: int) -> None:
    """Make sure that there are groups for each part.

    Raises:
        TaskError: there are too few of all, or of a class that shares groups with others.
    """
    if len(found) < count:
        raise _too_few_groups(f"all {len(found.order)} examples are in {len(found)}", count)
    shared = np.zeros(len(classes), bool)
    shared[found.labels[found.mixed[found.own]]] = True
    few = np.flatnonzero(shared & (found.holders < count))
    if len(few):
        shown = ", ".join(f"{quoted(classes[number])} is in {found.holders[number]}" for number in few[:SHOWN])
        more = ", ..." if len(few) > SHOWN else ""
        raise _too_few_groups(f"of {len(found)} groups {shown}{more}", count)


def _too_few_groups(what: str, count: int) -> TaskError:
    parts = "training, validation and test" if count > _TEST else "training and validation"
    return too_few(
        f"equal examples, and those of one group, stay in one part; so {parts} together need {count} groups or more "
        f"with each class, but {what}. Give more different examples or groups, or correct their labels"
    )


def _are_covered(parts: Parts, labels: Indices, holders: Indices, count: int) -> bool:
    """Return whether each part has every class that enough groups have."""
    evaluated = (parts.judging, parts.test)[: count - 1]
    found = [np.bincount(labels[part], minlength=len(holders)) > 0 for part in (parts.train, *evaluated)]
    return all(has[holders >= count].all() and has.any() for has in found)


def _shared_out(found: _Groups, free: Indices, shares: Split, held_out: Indices | None) -> Parts:
    generator = np.random.default_rng(shares.seed)
    counts = np.bincount(found.labels, minlength=found.classes)
    wanted = sizes_of(counts, len(free), shares, with_test=held_out is None)
    targets = np.stack([wanted[:, 0], wanted[:, 1] + wanted[:, 2], wanted[:, 3]])[: 3 if held_out is None else 2]
    part = _assigned(found, targets, generator)[found.own]
    train, validation, test = (np.sort(free[found.order[part == number]]) for number in range(3))
    gate = validation[:0]
    if len(validation) >= GATE_FROM:
        validation, gate = _halved(found, free, part == _VALIDATION, generator)
    return Parts(train, validation, gate, test if held_out is None else np.sort(held_out))


def _halved(
    found: _Groups, free: Indices, chosen: npt.NDArray[np.bool_], generator: np.random.Generator
) -> tuple[Indices, Indices]:
    """Return validation and gate of the chosen examples; the gate is empty where one group is almost all."""
    some = _Groups.of(found.labels[chosen], found.own[chosen], found.classes)
    counts = np.bincount(some.labels, minlength=found.classes)
    gate = halves(counts)
    part = _assigned(some, np.stack([counts - gate, gate]), generator)[some.own]
    positions = free[found.order[chosen]][some.order]
    pair = np.sort(positions[part == 0]), np.sort(positions[part == 1])
    return pair if min(map(len, pair)) >= GATE_FROM // 4 else (np.sort(positions), positions[:0])


def _assigned(found: _Groups, targets: Indices, generator: np.random.Generator) -> Indices:
    """Return the part of each group [groups].

    Args:
        found: the groups.
        targets: examples of each class that a part should have [parts, classes].
        generator: decides between groups of equal size.
    """
    draft = _Draft(found, targets.astype(np.float64))
    shuffled = generator.permutation(len(found))
    ranks = np.empty_like(shuffled)
    ranks[shuffled] = np.arange(len(found))
    ascending = shuffled[np.argsort(found.sizes[shuffled], kind="stable")]
    place = np.empty_like(ascending)
    place[ascending] = np.arange(len(found))
    holding = found.holding()
    for number in np.argsort(found.holders, kind="stable").tolist():
        draft.cover(number, holding[number][np.argsort(place[holding[number]])])
    for group in ascending[::-1][found.sizes[ascending[::-1]] > 1].tolist():
        if draft.part[group] == _NOWHERE:
            draft.put_where_most_lacks(group)
    draft.fill(ascending[(found.sizes[ascending] == 1) & (draft.part[ascending] == _NOWHERE)])
    return draft.part


class _Draft:
    """Which groups are in which part so far, and what each part lacks."""

    def __init__(self, found: _Groups, targets: npt.NDArray[np.float64]) -> None:
        """Begin with empty parts of the wanted numbers of examples [parts, classes]."""
        self.part = np.full(len(found), _NOWHERE)
        self._found = found
        self._lacking = targets.copy()
        self._weights = 1 / np.maximum(targets.sum(axis=0), 1)
        self._has = np.zeros(targets.shape, bool)

    def cover(self, number: int, holders: Indices) -> None:
        """Give each part without this class the smallest group left that has it; where they are few, first training.

        Args:
            number: of the class.
            holders: groups that have it, the smallest first.
        """
        left = holders[self.part[holders] == _NOWHERE]
        wanting = np.flatnonzero(~self._has[:, number])
        first = [part for part in (_TRAIN, _TEST, _VALIDATION) if part in wanting][: len(left)]
        small = [part for part in (_VALIDATION, _TEST, _TRAIN) if part in first]
        for part, group in zip(small, left.tolist(), strict=False):
            self._put(group, part)

    def put_where_most_lacks(self, group: int) -> None:
        """Put a group into the part that lacks most of what it has, each class counted by its size."""
        labels = self._found.labels_in(group)
        self._put(group, int(np.argmax(self._lacking[:, labels] @ self._weights[labels])))

    def fill(self, groups: Indices) -> None:
        """Share out groups of one example each by what the parts lack of its class."""
        labels = self._found.labels[self._found.begins[groups]]
        for number in np.unique(labels).tolist():
            some = groups[labels == number]
            lacking = np.maximum(self._lacking[:, number], 0)
            ends = np.rint(np.cumsum(lacking) / lacking.sum() * len(some)).astype(np.int64)
            self.part[some] = np.searchsorted(ends, np.arange(len(some)), side="right")

    def _put(self, group: int, part: int) -> None:
        labels = self._found.labels_in(group)
        self.part[group] = part
        np.subtract.at(self._lacking[part], labels, 1)
        self._has[part, labels] = True
