"""Cells of texts become columns: numbers where every cell is one or is missing, else texts."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_preprocess.tabular_columns import MISSING_TEXTS

Column = npt.NDArray[Any]
AsWritten = Callable[[Sequence[str]], Collection[str]]
"""Returns of the names of all columns those whose cells stay as they are written."""
_PADDED = re.compile(r"\s*[+-]?0[0-9]+\s*")
"""A whole number with zeros before it, such as a postal code: the zeros would be lost."""
EXACT = 1 << 53
"""From here on a float64 no longer holds every whole number; longer ones, such as identifiers, stay texts."""


def number(cell: str) -> float | None:
    """Return the number that a cell holds, NaN where it is missing, None where it holds a text."""
    text = cell.strip()
    if text in MISSING_TEXTS:
        return math.nan
    if "_" in text or _PADDED.fullmatch(text):  # Python's own spelling, 1_000, is a name in a data file
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    if abs(value) >= EXACT and text.lstrip("+-").isdigit():
        return None
    return value


def numbers(cells: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Return the numbers of a column, NaN where one is missing, or None where a cell is a text."""
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        value = number(cell)
        if value is None:
            return None
        values[row] = value
    return values


def padded_numbers(cells: Sequence[str] | Column) -> npt.NDArray[np.float64] | None:
    """Return the numbers of a column in which zeros may stand before them, NaN where one is missing, or None."""
    return numbers(without_zeros(cells))


def without_zeros(cells: Sequence[str] | Column) -> list[str]:
    """Return cells without the zeros before whole numbers."""
    return [str(int(cell)) if _PADDED.fullmatch(cell) else cell for cell in cells]


def objects(cells: Iterable[str | bytes]) -> Column:
    """Return texts, or files and other bytes, as a column."""
    listed = list(cells)
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column
