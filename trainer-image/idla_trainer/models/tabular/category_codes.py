"""Numbers in the place of categories, for trees: a category's index, and what it says of the answer.

To cut a category's targets' means in two is as good as to cut its names in any two groups (Breiman et al. 1984, 9.4).
A training example does not see its own target: its numbers come from other parts of the training examples (as in
target encoding with cross fitting, Micci-Barreca 2001).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_PARTS = 5
_DAMPING = 10.0
"""Examples of a category that its mean needs to count half."""

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CategoryCodes:
    """The numbers of every index, and those of the training examples."""

    table: Numbers
    """[indices, 1 + outputs]: the index itself, then the means."""
    training: Numbers
    """[N, C * (1 + outputs)]."""

    def of(self, indices: npt.NDArray[np.int32]) -> Numbers:
        """Return the numbers of examples [N, C] that were not learned from, [N, C * (1 + outputs)]."""
        return self.table[indices].reshape(len(indices), -1)


def fit_codes(indices: npt.NDArray[np.int32], targets: Numbers, size: int, *, seed: int) -> CategoryCodes:
    """Return the numbers of categories by the training examples.

    Args:
        indices: [N, C], those of each column apart from the others'.
        targets: what is to be learned, [N, outputs].
        size: how many indices there are.
        seed: of the parts.
    """
    part = np.random.default_rng(seed).integers(0, _PARTS, len(targets))
    table = _table(indices, targets, size)
    training = np.empty((*indices.shape, table.shape[1]), np.float32)
    for number in range(_PARTS):
        own = part == number
        training[own] = _table(indices[~own], targets[~own], size)[indices[own]]
    return CategoryCodes(table, training.reshape(len(targets), -1))


def _table(indices: npt.NDArray[np.int32], targets: Numbers, size: int) -> Numbers:
    usual = targets.mean(axis=0, dtype=np.float64) if len(targets) else np.zeros(targets.shape[1])
    counts, sums = np.zeros(size), np.zeros((size, targets.shape[1]))
    for column in indices.T:
        counts += np.bincount(column, minlength=size)
        for output, values in enumerate(targets.T):
            sums[:, output] += np.bincount(column, values, minlength=size)
    means = (sums + _DAMPING * usual) / (counts + _DAMPING)[:, None]
    return np.column_stack([np.arange(size), means]).astype(np.float32)
