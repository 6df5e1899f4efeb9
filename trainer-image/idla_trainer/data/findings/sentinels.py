"""Numbers that stand for a missing one, such as -999: far from all others, and in several records."""

from collections.abc import Mapping

import numpy as np
from idla_preprocess import Array

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.split import rows_to_look_at

_SENTINELS = tuple(float(f"{sign}{'9' * digits}") for digits in range(1, 8) for sign in ("-", ""))
_FEWEST = 2
"""Records that have it, and other numbers that there are."""
_MOST = 20_000
"""Records that are looked at."""
_FAR = 1.0
"""Ranges of all others that it is away from the nearest of them, at least."""


def about_sentinels(columns: Mapping[str, Array], *, cure: str) -> tuple[str, ...]:
    """Return a sentence on each column of numbers [N] in which one may stand for a missing number.

    Args:
        columns: NaN where a number is missing; others are not looked at.
        cure: what to do where it does, with `{}` for the number.
    """
    numbers = {name: values for name, values in columns.items() if values.dtype.kind == "f"}
    rows = rows_to_look_at(max(map(len, numbers.values()), default=0), _MOST)
    some = {name: values[rows] for name, values in numbers.items()}
    found = ((name, _sentinel(values)) for name, values in some.items())
    return tuple(
        f"{quoted(name)} has {told[0]:g} in {told[1]} of {len(some[name])} records, far from all others "
        f"({told[2]:g} to {told[3]:g}); if it stands for a missing number, {cure.format(format(told[0], 'g'))}"
        for name, told in found
        if told is not None
    )


def _sentinel(values: Array) -> tuple[float, int, float, float] | None:
    """Return the number, how many have it, and the least and the largest of the others."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    for value in {float(known.min()), float(known.max())} & set(_SENTINELS):
        others = known[known != value]
        count = len(known) - len(others)
        if count < _FEWEST or len(others) < _FEWEST:
            continue
        least, most = float(others.min()), float(others.max())
        if min(abs(value - least), abs(value - most)) > _FAR * (most - least) > 0:
            return value, count, least, most
    return None
