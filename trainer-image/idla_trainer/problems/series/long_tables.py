"""Long tables of series: a row for each series and time."""

import numpy as np
import numpy.typing as npt
from idla_contract.task import Columns

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import as_name, check_present
from idla_trainer.problems.series.covariates import missing_like, read_covariates
from idla_trainer.problems.series.times import TIMESTAMP, Times
from idla_trainer.problems.series.wide_tables import (
    SensorRows,
    as_values,
    check_columns,
    check_numbers,
    free_columns,
    is_index,
    named_values,
)

MOST_SERIES = 1000
"""Series that are forecast together: a request has the window of each."""
_MOST_GAPS = 4
"""The wide table may have this many times as many cells as the long one has rows."""
_SHOWN = 3


def series_columns(table: Table, columns: Columns, times: Times | None) -> tuple[str, ...]:
    """Return the columns that name the series of each row; none where the table is a wide one.

    They are the named ones. Without them one is looked for where half of the rows or more have a time that others have
    too: a column of texts that tells all rows of one time apart.

    Raises:
        TaskError: it is not there, there are no times, several columns would do, or columns of numbers alone.
    """
    if columns.series:
        if times is None:
            raise invalid(
                f"data.columns.series: a row for each series and time needs its time; found no column {TIMESTAMP!r}, "
                f"there are {listed(tuple(table.columns))}. Name the one of the times in data.columns.timestamp"
            )
        return tuple(check_present(table, "series", name) for name in columns.series)
    if times is None:
        return ()
    _, places, counts = np.unique(times, return_inverse=True, return_counts=True)
    if 2 * np.count_nonzero(counts[places] > 1) < len(times):
        return ()
    names = [name for name in free_columns(table, columns) if name not in named_values(columns)]
    fitting = [name for name in names if _tells_apart(table.columns[name], places, counts)]
    texts = [name for name in fitting if table.columns[name].dtype == object]
    if len(texts) == 1 or not fitting:
        return tuple(texts)
    raise invalid(
        f"many rows have the same time, so that there seems to be a row for each series and time; the columns that may "
        f"name the series are {listed(texts or fitting)}. Name the one that does in data.columns.series"
    )


def read_long(
    table: Table, columns: Columns, times: Times, series: tuple[str, ...], *, known: tuple[str, ...] | None = None
) -> SensorRows:
    """Return one sensor for each series, in the order of their first rows; rows are in the order of time.

    Of several `features` each series has as many sensors, called `series.feature`. What a series lacks at a time is
    missing (NaN).

    Args:
        table: a row for each series and time.
        columns: `target` or `features` has the values; default: `target`, else the only other column of numbers.
        times: of the rows [N].
        series: the columns of the series' names, which are joined by `/` where there are several.
        known: names of the series, where there may be no others. Default: those that are found.

    Raises:
        TaskError: a row has no name, there are too many series, one has a time twice, or more than three quarters of
            all times and series have no row.
    """
    names, codes = _named(table, series, known)
    given = bool(columns.series and named_values(columns))
    columns = columns.model_copy(update={"series": series})
    values = value_columns(table, columns)
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
    covariates, read = read_covariates(table, columns)
    spread = {name: missing_like(column, wide.shape[:2]) for name, column in covariates.items()}
    for name, column in covariates.items():
        spread[name][places, codes] = column
    told = (*_told(table, columns, names, values, given=given), *read)
    return SensorRows(moments, sensors, wide.reshape(len(moments), -1), told, series, names, spread)


def _tells_apart(column: Column, places: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> bool:
    """Return whether no two rows of one time have the same name; of numbers there are no more than rows of one time."""
    if column.ndim != 1 or column.dtype.kind not in "Oiuf":
        return False
    names = [as_name(value) for value in column.tolist()]
    different = set(names)
    enough = len(different) == int(counts.max()) if column.dtype != object else 2 * len(different) <= len(names)
    return enough and len(set(zip(names, places.tolist(), strict=True))) == len(names)


def _named(
    table: Table, series: tuple[str, ...], known: tuple[str, ...] | None
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the names of the series, and the number of each row's."""
    rows = list(zip(*(_names(name, table.columns[name]) for name in series), strict=True))
    names = {parts: "/".join(parts) for parts in dict.fromkeys(rows)}
    numbers = {name: number for number, name in enumerate(known if known is not None else names.values())}
    if known is None and len(numbers) < len(names):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise invalid(f"{_words(series)} name different series {quoted(twice)}; write their names without `/`")
    stray = next((name for name in names.values() if name not in numbers), None)
    if stray is not None:
        raise invalid(f"the test file has the series {quoted(stray)}, the other file none of it; leave it out")
    if len(numbers) > MOST_SERIES:
        raise invalid(
            f"{_words(series)} {'names' if len(series) == 1 else 'name'} {len(numbers)} series "
            f"({listed(tuple(numbers), _SHOWN)}); at most {MOST_SERIES} are forecast together. Leave series out, add "
            "some of them up, or give each part of them a workflow of its own"
        )
    return tuple(numbers), np.array([numbers[names[parts]] for parts in rows], np.int64)


def _names(series: str, column: Column) -> list[str]:
    if column.ndim != 1:
        raise invalid(f"data.columns.series: the column {series!r} holds arrays; texts or whole numbers are needed")
    names = [as_name(value) for value in column.tolist()]
    if "" in names:
        row = names.index("")
        raise invalid(f"the column {series!r} names no series in row {row} (counted from 0); give each row one")
    return names


def _words(series: tuple[str, ...]) -> str:
    """Return the columns as a sentence names them."""
    *some, last = map(quoted, series)
    return f"the columns {', '.join(some)} and {last}" if some else f"the column {last}"


def value_columns(table: Table, columns: Columns) -> tuple[str, ...]:
    """Return which columns of a long table are forecast: the named ones, else `target`, else the only one of numbers.

    Raises:
        TaskError: a named one is missing, or there are several.
    """
    check_columns(table, columns)
    named = named_values(columns)
    if named:
        return named
    others = tuple(name for name in free_columns(table, columns) if table.columns[name].dtype.kind in "buif")
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
            f"rows {first} and {second} (counted from 0), or times of one step; leave one out, or name all "
            "columns that tell the series together in data.columns.series. If a clock was put back there at the end of "
            "summer time, write the times with their offset, or in UTC"
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
    table: Table, columns: Columns, names: tuple[str, ...], values: tuple[str, ...], *, given: bool
) -> tuple[str, ...]:
    """Return how the table was understood, where the columns' roles do not say it all."""
    rest = [name for name in free_columns(table, columns) if name not in values]
    if given and not rest:
        return ()
    left = f"; left out: {listed(rest)} (data.columns.knownCovariates is for what is known ahead)" if rest else ""
    series = " and ".join(map(quoted, columns.series))
    told = (
        f"a row for each series and time: {len(names)} series of {series} ({listed(names, _SHOWN)}), "
        f"value {listed(values)}{left}; if that is wrong, set data.columns.series and data.columns.target"
    )
    return (told,)
