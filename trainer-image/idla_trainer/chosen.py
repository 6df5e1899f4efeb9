"""Columns at some positions."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
from idla_preprocess import Array, Arrays
from typing_extensions import override


class Chosen(Mapping[str, Array]):
    """Columns at some positions; each is taken when it is asked for, so that they are never in memory together."""

    def __init__(self, columns: Arrays, part: npt.NDArray[np.int64]) -> None:
        """Bind columns [N] and positions."""
        self._columns = columns
        self._part = part

    @override
    def __getitem__(self, name: str) -> Array:
        """Return a column at the positions."""
        return self._columns[name][self._part]

    @override
    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._columns)

    @override
    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self._columns)
