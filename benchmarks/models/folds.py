"""Folds that keep the shares of the classes, and equal examples on one side."""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt


def folds(
    labels: Sequence[Hashable], groups: Sequence[Hashable], count: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield the positions to learn from and the positions to test, `count` times; every position is tested once.

    Args:
        labels: of the examples; a group counts as its first example's.
        groups: examples of one group are tested in one fold.
        count: 2 or more.
        seed: of the order in which the groups of a label are dealt out.
    """
    members: dict[Hashable, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    of_label: dict[Hashable, list[list[int]]] = {}
    for positions in members.values():
        of_label.setdefault(labels[positions[0]], []).append(positions)
    fold = np.zeros(len(labels), np.int64)
    random = np.random.default_rng(seed)
    dealt = 0
    for own in of_label.values():
        for place in random.permutation(len(own)):
            fold[own[place]] = dealt % count
            dealt += 1
    for number in range(count):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
