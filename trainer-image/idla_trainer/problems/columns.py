"""Columns of a table by the roles that a task gives them, read as numbers, labels or names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ReadAs
from idla_contract.task import Columns
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column, objects, padded_numbers
from idla_trainer.data.formats.number_styles import MARKS, NumberColumn, read_numbers, way_of
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.spool import TextColumn
from idla_trainer.data.table import Table

_SHOWN = 8
_LONG = re.compile(r"[+-]?[1-9]\d{15,30}", re.ASCII)
"""A whole number of more digits than a double holds: an identifier, but where numbers are asked for."""
_MATRIX = 2
_FLAT = {True: ". Write it by its .ravel()", False: ". Where each column is a class, write its .argmax(axis=1)"}
"""How labels [N, M] become labels [N], by whether M is 1."""


def check_present(table: Table, role: str, name: str) -> str:
    """Return the name of a column that a table has.

    Raises:
        TaskError: it has none of this name.
    """
    if name in table.columns:
        return name
    kind = "names" if table.named else "numbers, since it has no line of names,"
    raise invalid(
        f"data.columns.{role}: found {name!r}; the columns' {kind} are {listed(list(table.columns), _SHOWN)}. Correct "
        "the name, or data.delimiter or data.header"
    )


def column_of(table: Table, role: str, named: str | None) -> str | None:
    """Return the column of a role: the named one, else the one that is called as the role; None without one.

    Raises:
        TaskError: there is no column of the given name.
    """
    if named is not None:
        return check_present(table, role, named)
    return role if role in table.columns else None


def categorical_columns(columns: Columns) -> tuple[str, ...]:
    """Return the inputs that a user calls names."""
    typed = (name for name, kind in columns.types.items() if kind is ReadAs.CATEGORY)
    return tuple(dict.fromkeys((*columns.categorical, *typed)))


def numbers_of(table: Table, role: str, name: str, *, remedy: str = "") -> npt.NDArray[np.float64]:
    """Return a column of numbers [N].

    Raises:
        TaskError: it holds something else; `remedy` ends the message.
    """
    values = table.columns[name]
    if values.ndim == 1 and values.dtype.kind in "buif":
        return values.astype(np.float64)
    texts = values.ndim == 1 and all(isinstance(value, str) for value in values)
    found = _plain_or_styled(values) if texts else None
    if found is None:
        shown = f", such as {quoted(values[0])}" if texts else ""
        why = (texts and explain_texts(name, values)) or f"the column {name!r} holds no numbers{shown}{remedy}"
        raise invalid(f"data.columns.{role}: {why}")
    return found


def _plain_or_styled(values: Column) -> npt.NDArray[np.float64] | None:
    padded = padded_numbers([repr(float(text)) if _LONG.fullmatch(text.strip()) else text for text in values])
    if padded is not None:
        return padded
    found = read_numbers(values)
    return None if found is None or found.strays else found.values


def explain_texts(name: str, values: Column) -> str:
    """Return which cell of a column of numbers holds a text; an empty text where it is no column of numbers."""
    found = read_numbers(values)
    if found is None:
        mixed = mixture(values)
        if not mixed.numbers:
            return ""
        if mixed.odd is not None:
            return _explain_odd(name, mixed.odd, mixed.known - mixed.numbers, len(values))
        return f"the column {name!r} has {mixed.in_words}; write all of them alike"
    if not found.strays:
        shown = f"{found.manner} ({found.example(values)})"
        return f"the column {name!r} has numbers with {shown}; write a decimal point alone"
    return _explain_odd(name, found.strays[0], len(found.strays), len(values))


def _explain_odd(name: str, odd: tuple[int, str], count: int, rows: int) -> str:
    return (
        f"the column {name!r} has {quoted(odd[1])} in row {odd[0]} (counted from 0), which is no number; {count} of "
        f"{rows} rows have such a text. Mend or remove them, or leave the cell empty where one may be missing"
    )


@dataclass(frozen=True, slots=True)
class Mixture:
    """What the cells of a column of texts are, one by one."""

    known: int
    """Those that are not missing."""
    numbers: int
    """Those of them that hold a number, in whichever style."""
    odd: tuple[int, str] | None
    """Row, counted from 0, and text of the first one that holds none."""
    ways: tuple[tuple[int, str], ...]
    """Row and text of the first number in each way to write one."""

    @property
    def in_words(self) -> str:
        """Return which numbers are written in different ways, of two ways or more."""
        (first, one), (second, other) = self.ways[:2]
        return f"numbers written in different ways, {quoted(one)} in row {first} and {quoted(other)} in row {second}"


def mixture(cells: Sequence[str] | Column, rows: Sequence[int] | None = None) -> Mixture:
    """Return what the cells in some rows are, by default in all of them."""
    ways: dict[str, tuple[int, str]] = {}
    known, numbers, odd = 0, 0, None
    for row in range(len(cells)) if rows is None else rows:
        text = cells[row]
        if text.strip() in MISSING_TEXTS | MARKS:
            continue
        way = way_of(text)
        known, numbers = known + 1, numbers + bool(way)
        odd = (row, text) if odd is None and not way else odd
        if way:
            ways.setdefault(way, (row, text))
    return Mixture(known, numbers, odd, tuple(ways.values()))


def explain_style(table: Table, name: str) -> tuple[str, ...]:
    """Return a sentence on the style in which the numbers of a column of texts are written, if it is one."""
    values = table.columns[name]
    found = read_numbers(values) if values.dtype == object and padded_numbers(values) is None else None
    return () if found is None or not found.manner else (tell_style(name, values, found),)


def tell_style(name: str, cells: Column, found: NumberColumn) -> str:
    """Return how the numbers of a column were read that are written in a style."""
    return (
        f"{quoted(name)} has numbers with {found.manner}: {found.example(cells)}; if that is wrong, write a decimal "
        "point alone"
    )


def labels_of(table: Table, name: str) -> list[str]:
    """Return the labels as texts; what is missing is empty.

    Raises:
        TaskError: there is no such column, or it holds something else.
    """
    values = table.columns[check_present(table, "label", name)]
    if isinstance(values, TextColumn):
        return values.tolist()
    if values.ndim != 1 or not all(isinstance(value, str | float | int | np.generic) for value in values):
        cure = _FLAT[values.shape[1] == 1] if values.ndim == _MATRIX else ""
        raise invalid(
            f"data.columns.label: the column {name!r} holds {described(values)}; texts or numbers are needed{cure}"
        )
    known: dict[object, str] = {}
    return [known.setdefault(value, as_name(value)) for value in values.tolist()]


def described(values: npt.NDArray[np.generic]) -> str:
    """Return what a column holds that is no column of texts."""
    if values.ndim != 1:
        return f"arrays of the shape {list(values.shape[1:])}"
    if values.dtype == object:
        return "encoded files or other bytes"
    if values.dtype.kind == "f" and np.isnan(values).all():
        return "nothing: every cell is empty"
    return f"numbers ({values.dtype})"


def names_of(values: Column) -> Column:
    """Return a column of numbers [N] as names; one of texts stays what it is."""
    return values if values.dtype.kind == "O" else objects(map(as_name, values.tolist()))


def as_name(value: object) -> str:
    """Return a value as the name that it is: 3.0 is `3`, True is `true`, a missing number is empty."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    if np.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() else repr(value)
