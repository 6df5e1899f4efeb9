"""Wide tables of series: a row for each time, and a column for each sensor."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ReadAs
from idla_contract.task import Columns
from idla_preprocess import Array
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.failures import TaskError, not_finite
from idla_trainer.problems.columns import described
from idla_trainer.problems.number_columns import read_number_columns
from idla_trainer.problems.series.covariates import read_covariates
from idla_trainer.problems.series.times import TIMESTAMP, Times, times_of

Values = npt.NDArray[np.float32]
_TELLING = 10
"""Steps of rounding that the values of a sensor have to be apart at least."""
_INDEX = re.compile(r"|0|index|unnamed: ?0", re.IGNORECASE)
"""What an index without a name of its own is called in a file with a line of names."""


@dataclass(frozen=True, slots=True, eq=False)
class SensorRows:
    """All sensors' values at the times that a file has."""

    times: Times | None
    """Seconds since 1970 (UTC) [rows], each once; None where there are none."""
    sensors: tuple[str, ...]
    values: Values
    """[rows, S], NaN where missing."""
    told: tuple[str, ...] = ()
    """What is not plain in how the file was read."""
    series: tuple[str, ...] = ()
    """The columns that name the series of each row of a long table; empty: the table is wide."""
    series_names: tuple[str, ...] = ()
    """What they have, in the order of the sensors."""
    covariates: Mapping[str, Array] = field(default_factory=dict)
    """What is known ahead, by name [rows], or [rows, series] of a long table: numbers, NaN where missing, or texts."""


def read_wide(table: Table, columns: Columns, times: Times | None) -> SensorRows:
    """Return the columns of `features`, or that of `target`, as sensors; default: all but the time and a bare index.

    Raises:
        TaskError: a column is missing, or holds texts, arrays of more axes or an infinite number.
    """
    names, told = _sensor_columns(table, columns)
    check_columns(table, columns)
    if not names:
        raise invalid("there is no column of a sensor; a forecast needs a table with one column for each")
    covariates, read = read_covariates(table, columns)
    sensors: list[str] = []
    parts: list[npt.NDArray[np.float64]] = []
    numbers, manners = sensor_numbers(table, names, columns)
    for name, column in numbers.items():
        wide = column.reshape(len(column), -1)
        sensors += [name] if column.ndim == 1 else [f"{name}.{number}" for number in range(wide.shape[1])]
        parts.append(wide)
    return SensorRows(times, tuple(sensors), as_values(parts, sensors), (*told, *manners, *read), covariates=covariates)


def check_columns(table: Table, columns: Columns) -> None:
    """Make sure that what is to be forecast is named in one way, by columns that are there.

    Raises:
        TaskError: it is not.
    """
    if columns.target is not None and columns.features:
        raise invalid(
            "data.columns: a forecast predicts each column of `features`, or that of `target`; leave out one of the two"
        )
    missing = [name for name in named_values(columns) if name not in table.columns]
    if missing:
        role = "features" if columns.features else "target"
        raise invalid(f"data.columns.{role}: no column {missing[0]!r}; there are {listed(tuple(table.columns))}")


def named_values(columns: Columns) -> tuple[str, ...]:
    """Return the columns that are named to be forecast."""
    return columns.features or tuple(filter(None, [columns.target]))


def free_columns(table: Table, columns: Columns) -> tuple[str, ...]:
    """Return the columns that have no role and are not to be ignored."""
    others = {columns.timestamp or TIMESTAMP, *columns.series, *columns.known_covariates}
    return tuple(name for name in table.columns if name not in others and columns.types.get(name) is not ReadAs.IGNORED)


def sensor_numbers(table: Table, names: Sequence[str], columns: Columns) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return columns of numbers, or of rows of them, by name, and how the cells of some were read that are texts.

    A column of texts that is nearly all numbers, or is said to be numbers, is one; its other cells are missing.

    Raises:
        TaskError: one holds something else.
    """
    texts = {name: table.columns[name] for name in names if _are_texts(table.columns[name])}
    read = read_number_columns(texts, columns)
    found = {name: read.columns.get(name, table.columns[name]) for name in names}
    for name, column in found.items():
        if column.dtype.kind not in "buif" or column.ndim > 2:  # noqa: PLR2004 - rows, or rows by sensors
            raise invalid(_no_numbers(table, name))
    told = tuple(
        f"{quoted(name)} is read as numbers: {note}" + (_first_stray(texts[name], found[name]) if strays else "")
        for name, (note, strays) in read.notes.items()
    )
    return found, told


def _first_stray(texts: Column, numbers: Array) -> str:
    """Return where the first cell is that holds a text and no number."""
    strays = (row for row in np.flatnonzero(np.isnan(numbers)) if texts[row].strip() not in MISSING_TEXTS)
    return f", first in row {next(strays)} (counted from 0); such cells count as missing"


def _are_texts(column: Column) -> bool:
    return column.dtype.kind == "O" and column.ndim == 1 and all(isinstance(value, str) for value in column)


def _no_numbers(table: Table, name: str) -> str:
    """Return what a column holds that is no column of numbers, and where to name it."""
    column = table.columns[name]
    if not _are_texts(column):
        return f"the column {name!r} holds {described(column)}; a forecast needs a column of numbers for each sensor"
    shown = quoted(next(filter(None, column), ""))
    try:
        times_of(table, Columns(timestamp=name))
    except TaskError:
        return (
            f"the column {name!r} is not numeric, such as {shown}; a forecast needs one column of numbers for each "
            "sensor. Name the sensors in data.columns.features, and the time in data.columns.timestamp; of a table "
            "with a row for each series and time, the column that names the series in data.columns.series; what is "
            "known for the time that is forecast in data.columns.knownCovariates"
        )
    return f"the column {name!r} holds times, such as {shown}; name it in data.columns.timestamp"


def as_values(parts: list[npt.NDArray[np.float64]], sensors: list[str]) -> Values:
    """Return columns [rows, some of S] side by side.

    Raises:
        TaskError: a number is infinite.
    """
    with np.errstate(over="ignore"):
        values = np.concatenate(parts, axis=1).astype(np.float32)
    if np.isinf(values).any():
        row, place = (int(number) for number in np.argwhere(np.isinf(values))[0])
        message = f"the sensor {sensors[place]!r} is infinite in row {row} (counted from 0); mend it or leave it empty"
        raise not_finite(message)
    _check_precision(parts, sensors)
    return values


def _check_precision(parts: list[npt.NDArray[np.float64]], sensors: list[str]) -> None:
    """Make sure that 32 bits tell the values of each sensor apart.

    Raises:
        TaskError: rounding to them is as large as a tenth of what a sensor varies by.
    """
    wide = np.concatenate(parts, axis=1).astype(np.float64)
    lost = np.abs(wide - wide.astype(np.float32))
    known = np.isfinite(wide)
    low, high = np.where(known, wide, np.inf).min(axis=0), np.where(known, wide, -np.inf).max(axis=0)
    coarse = np.where(known, lost, 0).max(axis=0) * _TELLING > high - low
    coarse &= high > low
    if coarse.any():
        place = int(np.argmax(coarse))
        raise invalid(
            f"the sensor {sensors[place]!r} has values from {low[place]:.15g} to {high[place]:.15g}, which 32-bit "
            "numbers do not tell apart; subtract a constant from all of them, such as the least one"
        )


def is_index(table: Table, name: str) -> bool:
    """Return whether a column is an index that a program wrote beside the data: it has no name and counts the rows."""
    values = table.columns[name]
    if not table.named or not _INDEX.fullmatch(name) or values.ndim != 1 or values.dtype.kind not in "iuf":
        return False
    return bool(len(values) > 1 and (np.diff(values) == 1).all())


def _sensor_columns(table: Table, columns: Columns) -> tuple[tuple[str, ...], tuple[str, ...]]:
    named = named_values(columns)
    if named:
        return named, ()
    names = free_columns(table, columns)
    index = tuple(name for name in names if is_index(table, name))
    if not index or len(index) == len(names):
        return names, ()
    told = f"{quoted(index[0])} only counts the rows and is left out; name it in data.columns.features to forecast it"
    return tuple(name for name in names if name not in index), (told,)
