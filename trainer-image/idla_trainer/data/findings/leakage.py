"""Target leakage: columns that alone predict the target, as one does that is filled in when the answer is known.

A record is answered by those of the others that are nearest to it in one column: by the most frequent class among those
with the same value, else by the next lower and the next higher one. It never answers itself, so that names which are
all different tell nothing.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from idla_preprocess import Array

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.split import drawn, equal_records

_FEWEST = 30
"""Records from which on an agreement is no accident."""
_MOST = 20_000
"""Records that are looked at."""
_WRONG = 0.01
"""Share of each class that may be answered wrongly; one record, since each border between two classes costs half."""
_EXPLAINED = 0.99
"""Share of the variance of the target's ranks."""
_SHOWN = 3

_Numbers = npt.NDArray[np.int64]
_Shares = npt.NDArray[np.float64]


def sample(part: _Numbers) -> _Numbers:
    """Return positions of the records that are looked at: of more than 20,000 so many at random, always the same."""
    return drawn(part, _MOST, seed=0)


def about_leakage(columns: Mapping[str, Array], targets: Array, *, classes: int) -> tuple[str, ...]:
    """Return a sentence on the columns that predict the target by themselves.

    Args:
        columns: of the training part, [N] each: numbers, where NaN is missing, or texts.
        targets: class numbers or numbers [N].
        classes: how many there are; 0 for numbers.
    """
    chosen = np.unique(equal_records(columns))
    if len(chosen) < _FEWEST:
        return ()
    told = targets[chosen]
    found = []
    for name, values in columns.items():
        share = _classes_told(values[chosen], told, classes) if classes else _numbers_told(values[chosen], told)
        if share is not None:
            found.append(f"{quoted(name)} ({100 * share:.1f} %)")
    if not found:
        return ()
    shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    measure = "right answers by its nearest values" if classes else "of the target's order explained"
    message = (
        f"possible target leakage: the target is predicted by one column alone ({measure}): {shown}; leave out what is "
        "only known with the answer, by data.columns.features"
    )
    return (message,)


def _classes_told(values: Array, labels: Array, classes: int) -> float | None:
    """Return the share of right answers where hardly any of each class is wrong, else None."""
    right = _right(_ranks(values), labels.astype(np.int64), ordered=values.dtype.kind == "f")
    counts = np.bincount(labels, minlength=classes)
    wrong = np.bincount(labels, 1 - right, minlength=classes)
    return float(right.mean()) if (wrong <= np.maximum(1, _WRONG * counts)).all() else None


def _numbers_told(values: Array, targets: Array) -> float | None:
    """Return the share of the variance of the target's ranks that the column explains where it is high, else None."""
    wanted = _ranks(targets).astype(np.float64)
    if wanted.max() == 0:
        return None
    answers = _means(_ranks(values), wanted, ordered=values.dtype.kind == "f")
    explained = 1 - float(np.mean((wanted - answers) ** 2)) / float(np.var(wanted))
    return explained if explained >= _EXPLAINED else None


def _ranks(values: Array) -> _Numbers:
    """Return the place of each value [N] among the different ones; NaN is one of them."""
    return np.unique(values.astype(np.str_) if values.dtype.kind == "O" else values, return_inverse=True)[1]


def _right(ranks: _Numbers, labels: _Numbers, *, ordered: bool) -> _Shares:
    """Return for each record how far the others answer it rightly: 0, 0.5 for a draw, or 1."""
    width = int(labels.max()) + 1
    pairs, place, count = np.unique(ranks * width + labels, return_inverse=True, return_counts=True)
    own = count[place] - 1
    rising = np.lexsort((count, pairs // width))
    last = np.cumsum(np.bincount(pairs // width)) - 1  # of each value, in the order of rising counts
    before = last - 1
    highest = count[rising[last]]
    shared = (before >= 0) & (pairs[rising[before]] // width == np.arange(len(last)))
    second = np.where(shared, count[rising[before]], 0)
    rival = np.where(count[place] == highest[ranks], second[ranks], highest[ranks])
    right = np.where(own > rival, 1.0, np.where((own == rival) & (own > 0), 0.5, 0.0))
    if not ordered:
        return right
    alone = np.bincount(ranks)[ranks] == 1
    along = np.argsort(ranks, kind="stable")
    agrees = np.zeros(len(ranks))
    same = (labels[along][1:] == labels[along][:-1]).astype(np.float64)
    agrees[along] = (np.append(same, same[-1]) + np.append(same[0], same)) / 2
    return np.where(alone, agrees, right)


def _means(ranks: _Numbers, targets: _Shares, *, ordered: bool) -> _Shares:
    """Return for each record the mean target of the others: of those with its value, else of the two beside it."""
    counts = np.bincount(ranks)[ranks]
    sums = np.bincount(ranks, targets)[ranks]
    overall = (targets.sum() - targets) / (len(targets) - 1)
    means = np.where(counts > 1, (sums - targets) / np.maximum(counts - 1, 1), overall)
    if not ordered:
        return means
    along = np.argsort(ranks, kind="stable")
    lined = targets[along]
    beside = np.empty(len(ranks))
    beside[along] = (np.append(lined[1:], lined[-2]) + np.append(lined[1], lined[:-1])) / 2
    return np.where(counts > 1, means, beside)
