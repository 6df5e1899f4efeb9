"""Long tables of series: a row for each series and time."""

import numpy as np
import numpy.typing as npt
from idla_contract.task import Columns

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import as_name
from idla_trainer.problems.series.covariates import missing_like, read_covariates
from idla_trainer.problems.series.series_columns import named_series
from idla_trainer.problems.series.times import TIMESTAMP, Times
from idla_trainer.problems.series.wide_tables import (
    SensorRows,
    as_values,
    check_columns,
    free_columns,
    is_index,
    named_values,
    sensor_numbers,
)

_MOST_GAPS = 4
"""The wide table may have this many times as many cells as the long one has rows."""
_SHOWN = 3


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
    names, codes = named_series(table, series, known)
    given = bool(columns.series and named_values(columns))
    columns = columns.model_copy(update={"series": series})
    values = value_columns(table, columns)
    moments, places = np.unique(times, return_inverse=True)
    _check_once(table, columns, names, places * len(names) + codes)
    if len(moments) * len(names) > _MOST_GAPS * len(times):
        raise _sparse(names, codes, len(moments))
    numbers, manners = sensor_numbers(table, values, columns)
    for name, column in numbers.items():
        if column.ndim > 1:
            raise invalid(f"the column {name!r} holds arrays; a row for each series and time has one number")
    long = as_values([column.reshape(len(times), 1) for column in numbers.values()], list(values))
    wide = np.full((len(moments), len(names), len(values)), np.nan, np.float32)
    wide[places, codes] = long
    sensors = names if len(values) == 1 else tuple(f"{name}.{value}" for name in names for value in values)
    covariates, read = read_covariates(table, columns)
    spread = {name: missing_like(column, wide.shape[:2]) for name, column in covariates.items()}
    for name, column in covariates.items():
        spread[name][places, codes] = column
    told = (*_told(table, columns, names, values, given=given), *_about_steps(times, codes), *manners, *read)
    return SensorRows(moments, sensors, wide.reshape(len(moments), -1), told, series, names, spread)


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


def _about_steps(times: Times, codes: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """Return whether the series have times beside those of others, so that the common steps lack many values."""
    order = np.lexsort((times, codes))
    own = np.diff(times[order])[np.diff(codes[order]) == 0]
    together = np.diff(np.unique(times))
    if not len(own) or not len(together) or np.median(own) < 2 * np.median(together):
        return ()
    step, common = int(np.median(own)), int(np.median(together))
    told = (
        f"most rows of a series are {step} seconds apart, those of all together {common}: such steps lack many values. "
        f"If the series only have other times, set task.periodSeconds: {step}; each row is then put on its nearest step"
    )
    return (told,)


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
