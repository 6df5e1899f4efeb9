"""Examples with named values, of TFRecord files, become columns."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from idla_trainer.data.formats.column_inference import EXACT, Column, objects
from idla_trainer.data.formats.refusals import empty, invalid

MOST_COLUMNS = 1 << 14
_CELL = 8
_NUMBERS = "buif"
_SHOWN = 40


class Values:
    """The columns of the examples so far; a name that an example lacks is a missing value of it."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self.size = 0
        """Bytes that they take, about."""
        self._path = path
        self._cells: dict[str, list[Any]] = {}

    def add(self, example: Mapping[str, Any]) -> None:
        """Append an example of numbers, truth values, texts, bytes, None, and lists or arrays of numbers.

        Raises:
            TaskError: another value, or too many names.
        """
        for name, value in example.items():
            cells = self._cells.setdefault(name, [])
            if len(cells) < self.rows:
                cells.extend([None] * (self.rows - len(cells)))
            kept = self._kept(name, value)
            cells.append(kept)
            self.size += _CELL + (kept.nbytes if isinstance(kept, np.ndarray) else sys.getsizeof(kept))
        self.rows += 1
        if len(self._cells) > MOST_COLUMNS:
            raise invalid(f"{self._path.name} has more than {MOST_COLUMNS} columns; put the numbers of one into a list")

    def columns(self) -> dict[str, Column]:
        """Return the columns [N] or [N, ...], in the order in which their names came.

        Raises:
            TaskError: there is no example, or arrays of one name have different shapes.
        """
        if not self.rows:
            raise empty(f"{self._path.name} holds no example")
        found: dict[str, Column] = {}
        for name in list(self._cells):
            cells = self._cells.pop(name)
            found[name] = self._column(name, cells + [None] * (self.rows - len(cells)))
        return found

    def _kept(self, name: str, value: Any) -> Any:
        if value is None or isinstance(value, str | bytes | int | float):
            return value
        try:
            array = np.asarray(value)
        except ValueError:
            array = None
        if array is None or array.dtype.kind not in _NUMBERS:
            message = (
                f"example {self.rows} of {self._path.name} has {str(value)[:_SHOWN]!r} as {name[:_SHOWN]!r}; allowed: "
                "a number, a text, or a list of numbers in which all rows have one length"
            )
            raise invalid(message)
        return array

    def _column(self, name: str, cells: list[Any]) -> Column:
        kinds = {type(cell) for cell in cells} - {type(None)}
        if np.ndarray in kinds:
            return self._array(name, cells)
        if bytes in kinds:
            return objects(_as_bytes(cell) for cell in cells)
        if str not in kinds and not any(type(cell) is int and abs(cell) >= EXACT for cell in cells):
            return np.array([math.nan if cell is None else cell for cell in cells], dtype=np.float64)
        return objects(_text(cell) for cell in cells)

    def _array(self, name: str, cells: list[Any]) -> Column:
        shapes = {np.shape(cell) if cell is not None else None for cell in cells}
        if len(shapes) > 1:
            first = np.shape(cells[0]) if cells[0] is not None else None
            other = next(at for at, cell in enumerate(cells) if (None if cell is None else np.shape(cell)) != first)
            message = (
                f"{name[:_SHOWN]!r} of example {other} of {self._path.name} has another shape than that of example 0: "
                f"{_shape(cells[other])}, not {_shape(cells[0])}; give all of them one shape"
            )
            raise invalid(message)
        stacked = np.stack(cells)
        return stacked if stacked.dtype == np.uint8 else stacked.astype(np.float32)


def _shape(cell: Any) -> str:
    return "none" if cell is None else str(list(np.shape(cell)))


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _as_bytes(cell: Any) -> bytes:
    if isinstance(cell, bytes):
        return cell
    return b"" if cell is None else _text(cell).encode("utf-8", "replace")
