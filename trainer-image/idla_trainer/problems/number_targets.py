"""Numbers that are to be predicted, checked, and what a split follows where there are no classes."""

import numpy as np
import numpy.typing as npt

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import Indices
from idla_trainer.failures import not_finite, too_few

_STRATA = 10
_STRATUM = 50
"""Examples from which on targets that are numbers are split by one more of their quantiles."""
_FEWEST = 10


def number_targets(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return targets [N] as float32.

    Raises:
        TaskError: they are too few, not finite as float32, or all the same.
    """
    if len(values) < _FEWEST:
        raise too_few(f"there are {len(values)} examples; at least {_FEWEST} are needed")
    with np.errstate(over="ignore"):
        targets = values.astype(np.float32)
    finite = np.isfinite(targets)
    if not finite.all():
        raise not_finite(
            f"{int(np.count_nonzero(~finite))} of {len(targets)} examples have no finite number to predict; the first "
            f"is example {int(np.argmin(finite))} (counted from 0). Mend or remove them"
        )
    if targets.min() == targets.max():
        raise invalid(
            f"all {len(targets)} examples have the number {targets[0]:g} to predict; there is nothing to learn"
        )
    return targets


def quantile_strata(targets: npt.NDArray[np.float32], groups: Indices) -> tuple[Indices, tuple[str, ...]]:
    """Return the quantile that each target [N] is in, and the names of the quantiles.

    Args:
        targets: [N].
        groups: for each example the position of the first of its group [N], whose mean counts for all of them.
    """
    own, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    means = np.bincount(own, targets.astype(np.float64)) / counts
    ranks = np.argsort(np.argsort(means, kind="stable"), kind="stable")
    count = max(1, min(_STRATA, len(counts) // _STRATUM))
    return (ranks * count // len(counts))[own], tuple(f"quantile {place}" for place in range(count))
