"""Long tables of series: a row for each series and time."""

import numpy as np
import numpy.typing as npt
from idla_contract.task import Columns

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import as_name, check_present
from idla_trainer.problems.series.times import TIMESTAMP, Times
from idla_trainer.problems.series.wide_tables import (
    SensorRows,
    as_values,
    check_columns,
    check_numbers,
    is_index,
    named_values,
)

MOST_SERIES = 1000
"""Series that are forecast together: a request has the window of each."""
_MOST_GAPS = 4
"""The wide table may have this many times as many cells as the long one has rows."""
_SHOWN = 3


def series_column(table: Table, columns: Columns, times: Times | None) -> str | None:
    """Return the column that names the series of each row; None where the table is a wide one.

    It is the named one. Without one it is looked for where half of the rows or more have a time that others have too:
    a column of texts that tells all rows of one time apart.

    Raises:
        TaskError: it is not there, there are no times, several columns would do, or columns of numbers alone.
    """
    if columns.series is not None:
        if times is None:
            raise invalid(
                f"data.columns.series: a row for each series and time needs its time; found no column {TIMESTAMP!r}, "
                f"there are {listed(tuple(table.columns))}. Name the one of the times in data.columns.timestamp"
            )
        return check_present(table, "series", columns.series)
    if times is None:
        return None
    _, places, counts = np.unique(times, return_inverse=True, return_counts=True)
    if 2 * np.count_nonzero(counts[places] > 1) < len(times):
        return None
    roles = {columns.timestamp or TIMESTAMP, *named_values(columns)}
    fitting = [
        name for name in table.columns if name not in roles and _tells_apart(table.columns[name], places, counts)
    ]
    texts = [name for name in fitting if table.columns[name].dtype == object]
    if len(texts) == 1 or not fitting:
        return texts[0] if texts else None
    raise invalid(
        f"many rows have the same time, so that there seems to be a row for each series and time; the columns that may "
        f"name the series are {listed(texts or fitting)}. Name the one that does in data.columns.series"
    )


def read_long(
    table: Table, columns: Columns, times: Times, series: str, *, known: tuple[str, ...] | None = None
) -> SensorRows:
    """Return one sensor for each series, in the order of their first rows; rows are in the order of time.

    Of several `features` each series has as many sensors, called `series.feature`. What a series lacks at a time is
    missing (NaN).

    Args:
        table: a row for each series and time.
        columns: `target` or `features` has the values; default: `target`, else the only other column of numbers.
        times: of the rows [N].
        series: the column of the series' names.
        known: names of the series, where there may be no others. Default: those that are found.

    Raises:
        TaskError: a row has no name, there are too many series, one has a time twice, or more than three quarters of
            all times and series have no row.
    """
    names, codes = _named(series, table.columns[series], known)
    values = value_columns(table, columns, series)
    moments, places = np.unique(times, return_inverse=True)
    _check_once(table, columns, names, places * len(names) + codes)
    if len(moments) * len(names) > _MOST_GAPS * len(times):
        raise _sparse(names, codes, len(moments))
    for name in values:
        check_numbers(name, table.columns[name])
    long = as_values([table.columns[name].reshape(len(times), 1) for name in values], list(values))
    wide = np.full((len(moments), len(names), len(values)), np.nan, np.float32)
    wide[places, codes] = long
    sensors = names if len(values) == 1 else tuple(f"{name}.{value}" for name in names for value in values)
    told = _told(table, columns, series, names, values)
    return SensorRows(moments, sensors, wide.reshape(len(moments), -1), told, series, names)


def _tells_apart(column: Column, places: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> bool:
    """Return whether no two rows of one time have the same name; of numbers there are no more than rows of one time."""
    if column.ndim != 1 or column.dtype.kind not in "Oiuf":
        return False
    names = [as_name(value) for value in column.tolist()]
    different = set(names)
    enough = len(different) == int(counts.max()) if column.dtype != object else 2 * len(different) <= len(names)
    return enough and len(set(zip(names, places.tolist(), strict=True))) == len(names)


def _named(series: str, column: Column, known: tuple[str, ...] | None) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the names of the series, and the number of each row's."""
    if column.ndim != 1:
        raise invalid(f"data.columns.series: the column {series!r} holds arrays; texts or whole numbers are needed")
    numbers = {name: number for number, name in enumerate(known or ())}
    names = [as_name(value) for value in column.tolist()]
    for row, name in enumerate(names):
        if not name:
            raise invalid(f"the column {series!r} names no series in row {row} (counted from 0); give each row one")
        if known is None:
            numbers.setdefault(name, len(numbers))
        elif name not in numbers:
            raise invalid(f"the test file has the series {quoted(name)}, the other file none of it; leave it out")
    if len(numbers) > MOST_SERIES:
        raise invalid(
            f"the column {series!r} names {len(numbers)} series ({listed(tuple(numbers), _SHOWN)}); at most "
            f"{MOST_SERIES} are forecast together. Leave series out, add some of them up, or give each part of them a "
            "workflow of its own"
        )
    return tuple(numbers), np.array([numbers[name] for name in names], np.int64)


def value_columns(table: Table, columns: Columns, series: str) -> tuple[str, ...]:
    """Return which columns of a long table are forecast: the named ones, else `target`, else the only one of numbers.

    Raises:
        TaskError: a named one is missing, or there are several.
    """
    check_columns(table, columns)
    named = named_values(columns)
    if named:
        return named
    others = tuple(
        name
        for name, column in table.columns.items()
        if name not in {series, columns.timestamp or TIMESTAMP} and column.dtype.kind in "buif"
    )
    others = tuple(name for name in others if not is_index(table, name)) or others
    if "target" in others:
        return ("target",)
    if len(others) != 1:
        found = f"the columns of numbers are {listed(others)}" if others else "there is no column of numbers"
        raise invalid(
            f"a table with a row for each series and time has one value in it; {found}. Name the one to forecast in "
            "data.columns.target"
        )
    return others


def _check_once(table: Table, columns: Columns, names: tuple[str, ...], cells: npt.NDArray[np.int64]) -> None:
    order = np.argsort(cells, kind="stable")
    equal = np.flatnonzero(np.diff(cells[order]) == 0)
    if len(equal):
        first, second = (int(row) for row in order[equal[0] : equal[0] + 2])
        shown = as_name(table.columns[columns.timestamp or TIMESTAMP][first])
        raise invalid(
            f"the series {quoted(names[cells[first] % len(names)])} has the timestamp {quoted(shown)} twice, in the "
            f"rows {first} and {second} (counted from 0), or times of one step; leave one out, or join the columns "
            "that tell the series together into one. If a clock was put back there at the end of summer time, write "
            "the times with their offset, or in UTC"
        )


def _sparse(names: tuple[str, ...], codes: npt.NDArray[np.int64], moments: int) -> Exception:
    counts = np.bincount(codes, minlength=len(names))
    least = np.argsort(counts, kind="stable")[:_SHOWN].tolist()
    shown = ", ".join(f"{quoted(names[number])} has {counts[number]}" for number in least)
    return invalid(
        f"{len(names)} series have {moments} different times, of which no more than three quarters may be missing: "
        f"{shown}. Leave short series out; where all have the same step, but other times, set task.periodSeconds: each "
        "row is then put on its nearest step"
    )


def _told(
    table: Table, columns: Columns, series: str, names: tuple[str, ...], values: tuple[str, ...]
) -> tuple[str, ...]:
    """Return how the table was understood, where the columns' roles do not say it all."""
    rest = [name for name in table.columns if name not in {series, columns.timestamp or TIMESTAMP, *values}]
    if columns.series is not None and named_values(columns) and not rest:
        return ()
    left = f"; left out: {listed(rest)}" if rest else ""
    told = (
        f"a row for each series and time: {len(names)} series of {quoted(series)} ({listed(names, _SHOWN)}), value "
        f"{listed(values)}{left}; if that is wrong, set data.columns.series and data.columns.target"
    )
    return (told,)
