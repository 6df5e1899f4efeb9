"""Columns of a table by the roles that a task gives them, read as numbers, labels or names."""

import numpy as np
import numpy.typing as npt

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column, mostly_numbers, padded_numbers
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.spool import TextColumn
from idla_trainer.data.table import Table

_SHOWN = 8


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


def numbers_of(table: Table, role: str, name: str, *, remedy: str = "") -> npt.NDArray[np.float64]:
    """Return a column of numbers [N].

    Raises:
        TaskError: it holds something else; `remedy` ends the message.
    """
    values = table.columns[name]
    if values.ndim == 1 and values.dtype.kind in "buif":
        return values.astype(np.float64)
    padded = padded_numbers(values) if values.ndim == 1 and all(isinstance(value, str) for value in values) else None
    if padded is None:
        raise invalid(
            f"data.columns.{role}: {explain_texts(name, values) or f'the column {name!r} holds no numbers{remedy}'}"
        )
    return padded


def explain_texts(name: str, values: Column) -> str:
    """Return which cell of a column of numbers holds a text; an empty text where it is no column of numbers."""
    found = mostly_numbers(values) if values.ndim == 1 and all(isinstance(value, str) for value in values) else None
    if found is None:
        return ""
    (row, text), count = found.strays[0], len(found.strays)
    return (
        f"the column {name!r} has {quoted(text)} in row {row} (counted from 0), which is no number; {count} of "
        f"{len(values)} rows have such a text. Mend or remove them, or leave the cell empty where one may be missing"
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
        raise invalid(f"data.columns.label: the column {name!r} holds {described(values)}; texts or numbers are needed")
    known: dict[object, str] = {}
    return [known.setdefault(value, as_name(value)) for value in values.tolist()]


def described(values: npt.NDArray[np.generic]) -> str:
    """Return what a column holds that is no column of texts."""
    if values.ndim != 1:
        return f"arrays of the shape {list(values.shape[1:])}"
    if values.dtype == object:
        return "encoded files or other bytes"
    return f"numbers ({values.dtype})"


def as_name(value: object) -> str:
    """Return a value as the name that it is: 3.0 is `3`, True is `true`, a missing number is empty."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    if np.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() else repr(value)
