"""The examples in four parts: stratified by class, seeded, and equal examples never in two parts."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt
from idla_contract.task import Split
from idla_preprocess import Array

from idla_trainer.data.findings.names import SHOWN, listed, quoted
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.failures import too_few

Indices = npt.NDArray[np.int64]
GATE_FROM = 100
"""Validation examples from which on half of them become the gate split."""
FEWEST = 5
"""Examples that every class needs."""
_WHOLE = 100
_DIGEST = 8
_AT_ONCE = 1 << 16
"""Records that are looked at together."""
_Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Parts:
    """Positions of the examples, ascending in each part."""

    train: Indices
    validation: Indices
    gate: Indices
    """Empty where validation is small."""
    test: Indices

    @property
    def for_gate(self) -> Indices:
        """Return where the compression is evaluated: the gate split, or validation where there is none."""
        return self.gate if len(self.gate) else self.validation

    @property
    def judging(self) -> Indices:
        """Return validation and gate together, ascending: all that is neither learned from nor tested."""
        return np.sort(np.concatenate([self.validation, self.gate]))

    def merged(self) -> Self:
        """Return the parts where all but the test is learned from; nothing can be chosen by them any more."""
        known = np.sort(np.concatenate([self.train, self.judging]))
        return replace(self, train=known, validation=known[:0], gate=known[:0])


def split(
    labels: Indices, groups: Indices, classes: Sequence[str], shares: Split, *, held_out: Indices | None = None
) -> Parts:
    """Return the parts of examples with classes; equal arguments give equal parts.

    A share is rounded up to whole examples, train gets the rest. Every class is spread over the parts in the same
    shares, with at least one example each. Equal examples of one class stay in one part, so that sizes can differ by a
    few where there are some.

    Args:
        labels: class numbers [N].
        groups: numbers [N] that equal examples share.
        classes: names of the class numbers, for messages.
        shares: of the parts.
        held_out: positions of a test split that is given; the shares of training and validation go on for the rest.

    Raises:
        TaskError: the shares are no whole, a class has too few examples, or a part would have none.
    """
    parts = cut_by_class(labels, groups, classes, shares, held_out=held_out)
    check_parts(parts)
    return parts


def cut_by_class(
    labels: Indices, groups: Indices, classes: Sequence[str], shares: Split, *, held_out: Indices | None = None
) -> Parts:
    """Return the parts as `split` does; one may be empty.

    Raises:
        TaskError: the shares are no whole, or a class has too few examples.
    """
    check_shares(shares)
    free = free_positions(len(labels), held_out)
    counts = np.bincount(labels[free], minlength=len(classes))
    check_counts(classes, counts, free=held_out is None)
    sizes = sizes_of(counts, len(free), shares, with_test=held_out is None)
    generator = np.random.default_rng(shares.seed)
    cuts = [
        _cut(generator.permutation(free[labels[free] == number]), groups, sizes[number])
        for number in range(len(counts))
    ]
    train, validation, gate, test = (np.sort(np.concatenate(chosen)) for chosen in zip(*cuts, strict=True))
    return Parts(train, validation, gate, test if held_out is None else np.sort(held_out))


def drawn(positions: Indices, most: int, *, seed: int) -> Indices:
    """Return the positions [N], of more than so many as many at random, ascending."""
    if len(positions) <= most:
        return positions
    return np.sort(np.random.default_rng(seed).choice(positions, most, replace=False))


@lru_cache(maxsize=8)
def rows_to_look_at(rows: int, most: int) -> Indices:
    """Return the rows of a table by which something is told of all of them, ascending; the same each time.

    They are kept: to draw them from millions takes longer than to look at them, and each column asks.
    """
    found = drawn(np.arange(rows), most, seed=0)
    found.setflags(write=False)
    return found


def free_positions(examples: int, held_out: Indices | None) -> Indices:
    """Return the positions, ascending, that are not held out for a given test split."""
    return np.arange(examples) if held_out is None else np.setdiff1d(np.arange(examples), held_out)


def check_shares(shares: Split) -> None:
    """Make sure that the shares are a whole.

    Raises:
        TaskError: they are not.
    """
    total = shares.train_percent + shares.validation_percent + shares.test_percent
    if total != _WHOLE:
        raise invalid(
            f"data.split has the shares {shares.train_percent} + {shares.validation_percent} + {shares.test_percent} "
            f"= {total} percent; they must make 100"
        )


def check_parts(parts: Parts) -> None:
    """Make sure that there is something to learn from, to choose by and to measure on.

    Raises:
        TaskError: a part is empty.
    """
    for name, part in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
        if not len(part):
            raise too_few(f"the {name} split is empty, since almost all examples are equal; give more different ones")


def equal_groups(rows: Array) -> Indices:
    """Return for each row of an array [N, ...] the position of the first row that equals it."""
    return first_of_equal(row.tobytes() for row in rows.reshape(len(rows), -1))


def first_of_equal(contents: Iterable[bytes]) -> Indices:
    """Return for each content the position of the first that equals it; only digests of 8 bytes are kept."""
    digests = b"".join(hashlib.blake2b(content, digest_size=_DIGEST).digest() for content in contents)
    return _first_of_each(np.frombuffer(digests, np.uint64))


def equal_records(columns: Mapping[str, Array]) -> Indices:
    """Return for each record the position of the first that equals it; missing values are equal.

    Args:
        columns: [N] each: numbers, where NaN is missing, or texts.
    """
    keys = np.zeros(len(next(iter(columns.values()))), np.uint64)
    for values in columns.values():
        for start in range(0, len(keys), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            keys[part] = _mixed(keys[part] + _coded(values[part]))
    return _first_of_each(keys)


def _coded(values: Array) -> _Keys:
    """Return a number for each value [N], the same for equal ones."""
    if values.dtype.kind == "f":
        plain = np.where(np.isnan(values), np.nan, values + 0.0)  # -0.0 becomes 0.0
        return plain.astype(np.float64).view(np.uint64)
    return np.fromiter((hash(str(text)) for text in values), np.int64, len(values)).view(np.uint64)


def _mixed(keys: _Keys) -> _Keys:
    """Return numbers that differ in half of their bits where `keys` differ in one (Steele et al. 2014, SplitMix)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))


def _first_of_each(keys: _Keys) -> Indices:
    """Return for each key [N] the position of the first that equals it."""
    order = np.argsort(keys, kind="stable")
    along = keys[order]
    begins = np.flatnonzero(np.r_[True, along[1:] != along[:-1]])
    first = np.empty_like(order)
    first[order] = np.repeat(order[begins], np.diff(begins, append=len(order)))
    return first


def are_distinct(groups: Indices) -> bool:
    """Return whether no two examples are of one group [N]."""
    return not len(groups) or int(np.bincount(groups).max()) == 1


def check_counts(classes: Sequence[str], counts: npt.NDArray[np.int64], *, free: bool) -> None:
    """Make sure that every class has enough examples; `free` is whether no test file is given.

    Raises:
        TaskError: one has not.
    """
    if not free and not counts.all():
        lacking = [name for name, count in zip(classes, counts.tolist(), strict=True) if not count]
        raise too_few(
            f"{len(lacking)} of {len(counts)} classes have no example outside the test file: {listed(lacking)}. Give "
            f"at least {FEWEST} examples of each to learn from, or take the class out of the test file"
        )
    few = [
        f"{quoted(name)} has {count}" for name, count in zip(classes, counts.tolist(), strict=True) if count < FEWEST
    ]
    if few:
        shown = ", ".join(few[:SHOWN]) + (", ..." if len(few) > SHOWN else "")
        raise too_few(
            f"every class needs at least {FEWEST} examples, but {len(few)} of {len(counts)} classes have fewer: "
            f"{shown}. Add examples or leave these classes out"
        )


def sizes_of(counts: npt.NDArray[np.int64], examples: int, shares: Split, *, with_test: bool) -> npt.NDArray[np.int64]:
    """Return how many examples of each class [classes, 4] go to train, validation, gate and test."""
    test, percent = np.zeros_like(counts), shares.validation_percent
    if with_test:
        test = _allocate(counts, _share(examples, shares.test_percent), counts - 2)
    else:
        percent = -(-percent * _WHOLE // (_WHOLE - shares.test_percent))
    validation = _allocate(counts, _share(examples, percent), counts - test - 1)
    gate = halves(validation) if validation.sum() >= GATE_FROM else np.zeros_like(counts)
    return np.stack([counts - test - validation, validation - gate, gate, test], axis=1)


def _share(examples: int, percent: int) -> int:
    return -(-examples * percent // 100)


def halves(validation: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return half of each count; of the odd ones every second is rounded up."""
    odd = np.flatnonzero(validation % 2)
    gate = validation // 2
    gate[odd[1::2]] += 1
    return gate


def _allocate(counts: npt.NDArray[np.int64], total: int, most: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return `total` spread over the classes in proportion, each from 1 to `most`; the largest remainders first."""
    quota = counts * total / counts.sum()
    sizes: npt.NDArray[np.int64] = np.clip(np.floor(quota).astype(np.int64), 1, most)
    while sizes.sum() < total and (sizes < most).any():
        missing = np.where(sizes < most, quota - sizes, -np.inf)
        sizes[int(np.argmax(missing))] += 1
    return sizes


def _cut(shuffled: Indices, groups: Indices, sizes: npt.NDArray[np.int64]) -> list[Indices]:
    """Cut a shuffled class into consecutive parts; equal examples stand together, in the part where the first is."""
    if are_distinct(groups[shuffled]):
        return np.split(shuffled, np.cumsum(sizes)[:-1])
    _, first, group = np.unique(groups[shuffled], return_index=True, return_inverse=True)
    order = np.argsort(first[group], kind="stable")
    begins = np.searchsorted(first[group][order], first[group][order])
    assigned = np.repeat(np.arange(len(sizes)), sizes)[begins]
    return [shuffled[order][assigned == number] for number in range(len(sizes))]
