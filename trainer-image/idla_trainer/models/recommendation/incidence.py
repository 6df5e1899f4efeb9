"""Who met what, as a sparse matrix of users and items in plain numpy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float64]
Product = Callable[[Matrix], Matrix]
"""A matrix times a dense one."""
_AT_ONCE = 1 << 22
"""Numbers that a product makes at a time."""
_MORE = 16
_ROUNDS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """A sparse matrix, row after row; what stands twice counts twice.

    Attributes:
        columns: of each entry [N].
        values: of each entry [N].
        ends: where each row ends [rows].
        width: number of columns.
    """

    columns: Numbers
    values: Matrix
    ends: Numbers
    width: int

    @classmethod
    def of(
        cls, rows: npt.NDArray[Any], columns: npt.NDArray[Any], values: npt.ArrayLike, shape: tuple[int, int]
    ) -> "Incidence":
        """Return the matrix of a shape whose entries are at `rows` and `columns` [N]; the order in a row is kept."""
        order = np.argsort(rows, kind="stable")
        numbers = np.broadcast_to(np.asarray(values, np.float64), len(rows))
        ends = np.cumsum(np.bincount(rows, minlength=shape[0]))
        return cls(columns[order].astype(np.int64), numbers[order], ends, shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of rows and columns."""
        return len(self.ends), self.width

    @property
    def rows(self) -> Numbers:
        """Return the row of each entry [N]."""
        return np.repeat(np.arange(len(self.ends)), self.counts)

    @property
    def counts(self) -> Numbers:
        """Return how many entries each row has."""
        return np.diff(self.ends, prepend=0)

    @property
    def transposed(self) -> "Incidence":
        """Return the same with rows and columns changed over."""
        return Incidence.of(self.columns, self.rows, self.values, (self.width, len(self.ends)))

    def scaled(self, values: Matrix) -> "Incidence":
        """Return the matrix with other values [N] at the same places."""
        return Incidence(self.columns, values, self.ends, self.width)

    def times(self, other: Matrix) -> Matrix:
        """Return the product [rows, M] with a dense matrix [columns, M]."""
        found = np.zeros((len(self.ends), other.shape[1]))
        for first, last in self._blocks(other.shape[1]):
            begin = self.ends[first - 1] if first else 0
            part = slice(begin, self.ends[last - 1])
            filled = first + np.flatnonzero(self.counts[first:last])
            if len(filled):
                products = other[self.columns[part]] * self.values[part, None]
                found[filled] = np.add.reduceat(products, (self.ends - self.counts)[filled] - begin, axis=0)
        return found

    def row(self, number: int) -> slice:
        """Return where the entries of a row are."""
        return slice(int(self.ends[number - 1]) if number else 0, int(self.ends[number]))

    def _blocks(self, width: int) -> Iterator[tuple[int, int]]:
        """Yield ranges of rows whose products are not too large; a row is never cut."""
        first = 0
        while first < len(self.ends):
            begin = self.ends[first - 1] if first else 0
            last = int(np.searchsorted(self.ends, begin + max(1, _AT_ONCE // width), side="right"))
            last = max(first + 1, last)
            yield first, last
            first = last


def spectrum(matrix: Incidence, rank: int, *, seed: int) -> Matrix:
    """Return the first right singular vectors [columns, rank], the heaviest first, of length 1 each.

    There are fewer than `rank` where the matrix has fewer rows or columns.
    """
    back = matrix.transposed
    _, right = factored(matrix.times, back.times, matrix.shape, rank, seed=seed)
    return right.T


def factored(
    times: Product, transposed: Product, shape: tuple[int, int], rank: int, *, seed: int
) -> tuple[Matrix, Matrix]:
    """Return the best two factors [rows, rank] and [rank, columns] of a matrix, which is known by its products alone.

    By subspace iteration from random columns (Halko, Martinsson and Tropp 2011). The rows of the second factor are
    right singular vectors, the heaviest first. The rank is at most the smaller side of the matrix.
    """
    most = min(shape)
    rank = min(rank, most)
    basis = np.random.default_rng(seed).standard_normal((shape[1], min(rank + _MORE, most)))
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(transposed(times(np.linalg.qr(basis)[0])))[0]
    image = times(basis)
    _, _, turned = np.linalg.svd(image, full_matrices=False)
    return image @ turned[:rank].T, turned[:rank] @ basis.T
