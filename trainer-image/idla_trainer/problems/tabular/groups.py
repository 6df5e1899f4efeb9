"""Records that stay together: equal ones, and those of one group."""

import numpy as np
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.split import Indices


def tied(equal: Indices, owners: list[str]) -> Indices:
    """Return for each record the position of the first that it is tied to, by equality or by owner, over any steps.

    Args:
        equal: position of the first record that a record equals, [N].
        owners: the group of each, [N]; one that is missing ties to none.
    """
    parent = list(range(len(equal)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    first: dict[str, int] = {}
    for position, (same, owner) in enumerate(zip(equal.tolist(), owners, strict=True)):
        for other in (same, position if _is_alone(owner) else first.setdefault(owner, position)):
            one, two = sorted((root(position), root(other)))
            parent[two] = one
    return np.array([root(position) for position in range(len(parent))], dtype=np.int64)


def about_alone(owners: list[str]) -> tuple[str, ...]:
    """Return a sentence on the records that name no group."""
    alone = sum(map(_is_alone, owners))
    return (f"{alone} of {len(owners)} records have no group; each of them is one of its own",) if alone else ()


def _is_alone(owner: str) -> bool:
    """Return whether a cell of the column of groups names none."""
    return owner.strip() in MISSING_TEXTS
