"""CSV files: one example a line."""

import csv
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from idla_trainer.data.formats.files import DAMAGE, LineError, bounded_lines, opened_text
from idla_trainer.data.formats.refusals import empty, invalid, too_large, unreadable

DEFAULT_LABEL = "label"
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class _Layout:
    header: bool
    columns: int
    label: int
    """Index of the label's column."""


def read_csv(path: Path, label_column: str | None, memory: int) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Return square grey images [N, side, side, 1] and the labels of a CSV file, compressed by gzip or not.

    A first line of names is told from an example by its texts. Without one the last column is the label. An empty
    pixel is NaN.

    Args:
        path: the file.
        label_column: the label's name in the first line; default `label`, else the last column.
        memory: bytes that the examples may take; reading ends where they take more.

    Raises:
        TaskError: unreadable, too large, no example, no such column, lines of different length, a text among the
            pixels, or a number of pixels that is no square.
    """
    try:
        with opened_text(path) as text:
            return _read(path, csv.reader(bounded_lines(text)), label_column, memory)
    except (csv.Error, LineError, *DAMAGE) as error:
        raise unreadable(path, "CSV", str(error)) from error


def _read(
    path: Path, lines: Iterator[list[str]], label_column: str | None, memory: int
) -> tuple[npt.NDArray[np.float32], list[str]]:
    rows = (row for row in lines if row)
    first = next(rows, None)
    if first is None:
        raise empty("the file has no line; it needs one example a line")
    second = next(rows, None)
    layout = _layout(first, second, label_column)
    side = math.isqrt(layout.columns - 1)
    if side == 0 or side * side != layout.columns - 1:
        message = (
            f"a line has {layout.columns - 1} pixels beside the label; a CSV file holds square grey images, "
            "such as 64 pixels for 8 x 8. Use an NPZ file for other shapes"
        )
        raise invalid(message)
    pixels, labels = array("f"), list[str]()
    size = 0
    for row in chain([] if layout.header else [first], [] if second is None else [second], rows):
        _add(row, layout, pixels, labels)
        size += len(labels[-1]) + pixels.itemsize * (layout.columns - 1)
        if size > memory:
            raise too_large(path, size, memory)
    if not labels:
        raise empty("the file has a line of names but no example")
    return np.frombuffer(pixels, dtype=np.float32).reshape(len(labels), side, side, 1), labels


def _layout(first: list[str], second: list[str] | None, label_column: str | None) -> _Layout:
    """Tell a line of names from an example, and find the label."""
    names = [cell.strip() for cell in first]
    wanted = label_column or DEFAULT_LABEL
    header = (
        wanted in names
        or any(not _is_number(cell) for cell in names[:-1])
        or (second is not None and len(second) == len(names) and _is_number(second[-1]) and not _is_number(names[-1]))
    )
    if label_column is not None and label_column not in names:
        found = f"the first line names {_few(names)}" if header else "the file has no line of names"
        message = f"there is no label column {label_column!r}: {found}. Correct data.columns.label or the file"
        raise invalid(message)
    label = names.index(wanted) if header and wanted in names else len(names) - 1
    return _Layout(header, len(names), label)


def _add(row: list[str], layout: _Layout, pixels: "array[float]", labels: list[str]) -> None:
    example = len(labels)
    if len(row) != layout.columns:
        message = f"example {example} has {len(row)} columns, the first line has {layout.columns}"
        raise invalid(message)
    labels.append(row.pop(layout.label))
    try:
        pixels.extend(map(float, row))
    except ValueError:
        del pixels[example * (layout.columns - 1) :]
        pixels.extend(_pixel(cell, example, column) for column, cell in enumerate(row))


def _pixel(cell: str, example: int, column: int) -> float:
    text = cell.strip()
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError as error:
        message = f"example {example} has the text {text[:40]!r} as pixel {column}; pixels are numbers"
        raise invalid(message) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _few(names: list[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[-_SHOWN:])
    return f"{shown} as the last of {len(names)}" if len(names) > _SHOWN else shown
