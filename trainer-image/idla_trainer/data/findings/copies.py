"""Equal examples: one side of the split, another label, the test file."""

from collections.abc import Sequence

import numpy as np

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.split import Indices


def about_copies(
    things: str, equal: Indices, labels: Indices | None = None, classes: Sequence[str] = (), *, but_for: str = ""
) -> tuple[str, ...]:
    """Return how many examples are copies, and how many of these have another label than the first.

    Args:
        things: what the examples are, such as `texts`.
        equal: for each example the position of the first that equals it, [N].
        labels: class numbers [N]; None where nothing is classified.
        classes: names of the class numbers.
        but_for: what is not compared, such as `case and spaces`.
    """
    copies = np.flatnonzero(equal != np.arange(len(equal)))
    if not len(copies):
        return ()
    exactly = f", but for {but_for}" if but_for else ""
    found = [f"{len(copies)} {things} are copies of an earlier one{exactly}; copies stay in the same split"]
    if labels is not None:
        disputed = copies[labels[copies] != labels[equal[copies]]]
        if len(disputed):
            copy, first = int(disputed[0]), int(equal[disputed[0]])
            found.append(
                f"{len(disputed)} copies have another label than the first, such as examples {first} "
                f"({quoted(classes[labels[first]])}) and {copy} ({quoted(classes[labels[copy]])}), counted from 0"
            )
    return tuple(found)


def about_test_file(things: str, groups: Indices, held_out: Indices | None, *, by: str = "") -> tuple[str, ...]:
    """Return how many examples are left out of the training since the test file has them too.

    Args:
        things: what the examples are.
        groups: for each example the position of the first that it stays together with, [N].
        held_out: positions of the test file's examples; None without one.
        by: by what else than equality they are tied to it.
    """
    if held_out is None:
        return ()
    shared = int(np.count_nonzero(np.isin(groups, groups[held_out]))) - len(held_out)
    tied = f", or share its {by}," if by else ""
    return (f"{shared} {things} equal one of the test file{tied}; they are left out of the training",) if shared else ()
