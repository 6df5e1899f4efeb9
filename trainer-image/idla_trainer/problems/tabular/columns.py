"""Which columns of a table are the inputs of a record, and what they hold."""

from collections.abc import Collection
from typing import Any

import numpy as np
from idla_contract.columns import ReadAs
from idla_contract.task import Columns
from idla_preprocess import Array
from idla_preprocess.tabular_columns import clear_missing

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import number
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.spool import TextColumn, joined_columns
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import as_name, categorical_columns, check_present, column_of

_MATRIX = 2
_FEWEST_ROWS = 8


def group_column(table: Table, columns: Columns) -> str | None:
    """Return the column of the groups: the named one, else `group` where it is no input by name; None without one.

    Raises:
        TaskError: there is no such column.
    """
    found = column_of(table, "group", columns.group)
    return None if columns.group is None and found in columns.features else found


def feature_columns(
    table: Table, columns: Columns, *, answer: str, group: str | None, missing: Collection[str] = ()
) -> dict[str, Array]:
    """Return the inputs by name: float64 [N] with NaN, or objects [N] of `str`.

    A matrix [N, M] of numbers becomes M columns, `name.0` and so on. A column of texts, and one that is named
    categorical, holds names. The column that is named as that of the time is an input too.

    Args:
        table: the examples.
        columns: the roles; an empty `features` means every column that has no other role.
        answer: the column that is predicted.
        group: the column of the groups.
        missing: what stands for a missing value, as `clear_missing` takes it.

    Raises:
        TaskError: a named column is missing or is the answer, or one holds something else.
    """
    timestamp = () if columns.timestamp is None else (columns.timestamp,)
    named = {"features": columns.features, "categorical": columns.categorical, "types": tuple(columns.types)}
    for role, names in (named | {"timestamp": timestamp}).items():
        for name in names:
            check_present(table, role, name)
            if name == answer:
                raise invalid(f"data.columns.{role}: {name!r} is what is to be predicted; leave it out of the inputs")
    others = {answer, group, columns.label, columns.target, columns.user, columns.item, columns.text}
    names = columns.features or tuple(name for name in table.columns if name not in others)
    names += tuple(name for name in timestamp if name not in names)
    names = tuple(name for name in names if columns.types.get(name) is not ReadAs.IGNORED)
    if not names:
        raise invalid(f"data.columns.features: there is no column besides {answer!r} to learn from")
    found: dict[str, Array] = {}
    for name in names:
        values = table.columns[name]
        if values.ndim == _MATRIX and values.dtype.kind in "buif":
            found |= {f"{name}.{place}": values[:, place].astype(np.float64) for place in range(values.shape[1])}
        else:
            found[name] = _column(name, values, texts=name in categorical_columns(columns))
    return {name: _cleared(values, missing) for name, values in found.items()} if missing else found


def index_columns(columns: dict[str, Array], *, kept: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that only count the rows, one up each time; those in `kept` are not looked at."""
    return tuple(
        name
        for name, values in columns.items()
        if name not in kept
        and values.dtype.kind == "f"
        and len(values) >= _FEWEST_ROWS
        and bool(np.isfinite(values).all() and (np.diff(values) == 1).all())
    )


def answer_column(table: Table, columns: Columns, *, role: str) -> str:
    """Return the column to predict: the one that is named, else the one called as its role, else the last one.

    Args:
        table: the examples.
        columns: the roles.
        role: `label` or `target`; a column that is named as the other one will do too.

    Raises:
        TaskError: there is no such column.
    """
    for named in sorted(("label", "target"), key=lambda other: other != role):
        name = columns.label if named == "label" else columns.target
        if name is not None:
            check_present(table, named, name)
            return name
    return role if role in table.columns else list(table.columns)[-1]


def appended(columns: dict[str, Array], more: dict[str, Array]) -> dict[str, Array]:
    """Return columns with those of a test file below them.

    Raises:
        TaskError: the test file lacks one, or holds texts where the other file holds numbers.
    """
    joined: dict[str, Array] = {}
    for name, values in columns.items():
        if name not in more:
            raise invalid(
                f"data.testStorageUri: its file has no column {name!r}, which the other one has; both need the same"
            )
        below = more[name]
        if values.dtype.kind == "f" and below.dtype.kind != "f":
            row, text = next((row, text) for row, text in enumerate(below) if number(text) is None)
            raise invalid(
                f"data.testStorageUri: its column {name!r} has {quoted(text)} in row {row} (counted from 0), that of "
                "the other file has numbers with a decimal point alone; write both alike, or leave the cell empty "
                "where one is missing"
            )
        joined[name] = joined_columns(values, _texts(below) if values.dtype.kind == "O" else below)
    return joined


def _column(name: str, values: Array, *, texts: bool) -> Any:
    if values.ndim != 1:
        raise invalid(f"data.columns.features: the column {name!r} holds arrays of the shape {list(values.shape[1:])}")
    if values.dtype.kind in "buif" and not texts:
        return np.asarray(values, np.float64)
    if isinstance(values, TextColumn):
        return values
    if values.dtype.kind not in "buifOU" or any(isinstance(value, bytes) for value in values[:1]):
        raise invalid(f"data.columns.features: the column {name!r} holds files or other bytes; leave it out")
    return _texts(values)


def _cleared(values: Any, missing: Collection[str]) -> Any:
    """Return a column as `clear_missing` does; of one in a file no cell is read twice, and none is held."""
    if not isinstance(values, TextColumn):
        return clear_missing(values, missing)
    return values.emptied([row for row, text in enumerate(values) if text.strip() in missing])


def _texts(values: Any) -> Any:
    """Return objects of `str`; 3.0 becomes `3`, NaN an empty text. A `TextColumn` stays one."""
    if isinstance(values, TextColumn):
        return values
    column = np.empty(len(values), dtype=object)
    column[:] = [value if isinstance(value, str) else as_name(float(value)) for value in values.tolist()]
    return column
