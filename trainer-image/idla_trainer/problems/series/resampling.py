"""A wide table becomes series on equal steps: one column for each sensor, missing rows as gaps."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from idla_contract.task import Columns

from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.failures import not_finite
from idla_trainer.problems.columns import explain_texts
from idla_trainer.problems.series.times import TIMESTAMP, Times, check_once, times_of

PERIOD_SECONDS = 300
"""Time from one row to the next where nothing tells it."""
_QUARTER = 4
_MOST_GAPS = 4
"""The grid may be this many times as long as the table."""

_Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """Values at equal steps."""

    values: _Values
    """[rows, S], NaN where missing."""
    sensors: tuple[str, ...]
    start: int
    """Seconds of the first row: since 1970 (UTC), or 0 where the data have no timestamps."""
    period_seconds: int
    test_from: int | None = None
    """First row of a test file; None where there is none."""


def resample(table: Table, columns: Columns, period: int | None, *, test: Table | None = None) -> TimeGrid:
    """Return the series of a table, and of a test file that goes on where it ends.

    Args:
        table: one column for each sensor; the column of the role `timestamp` has what `times_of` reads.
        columns: the roles; `features` names the sensors, or `target` the only one; default: all other columns.
        period: seconds from one row to the next, each of which is put on its nearest step; default: the median of the
            timestamps' differences, else 300.
        test: later rows with the same columns.

    Raises:
        TaskError: a column is missing, holds texts or arrays, or the timestamps are no equal steps.
    """
    times = times_of(table, columns)
    if times is not None:
        check_once(table, columns, times)
    sensors, values = _sensors(table, columns)
    test_from = None
    if test is not None:
        named, more = _sensors(test, columns)
        if named != sensors:
            raise invalid(
                f"the test file has the sensors {listed(named)}, the other file {listed(sensors)}; both need the same"
            )
        later = times_of(test, columns)
        if later is not None:
            check_once(test, columns, later)
        if (times is None) != (later is None):
            raise invalid("one of the two files has timestamps and the other has none; give both or neither")
        test_from = len(values)
        values = np.concatenate([values, more])
        times = None if times is None or later is None else np.concatenate([times, later])
    if times is None:
        return TimeGrid(values, sensors, 0, period or PERIOD_SECONDS, test_from)
    return _placed(values, sensors, times, period, test_from)


def _placed(
    values: _Values, sensors: tuple[str, ...], times: Times, period: int | None, test_from: int | None
) -> TimeGrid:
    """Put every row where its time says."""
    order = np.argsort(times, kind="stable")
    if test_from is not None and (order[:test_from] >= test_from).any():
        raise invalid("the test file has timestamps before the end of the other file; its rows must follow")
    steps = np.diff(times[order])
    seconds = period or (int(np.median(steps)) if len(steps) else PERIOD_SECONDS)
    start = int(times.min())
    places = _nearest_steps(times, start, seconds) if period else _steps(times, start, seconds)
    rows = int(places.max()) + 1
    if rows > _MOST_GAPS * len(values):
        raise invalid(
            f"{len(values)} rows are spread over {rows} steps of {seconds} seconds; no more than three quarters of the "
            "steps may be missing. Set task.periodSeconds to the step of the data"
        )
    grid = np.full((rows, len(sensors)), np.nan, np.float32)
    grid[places] = values
    return TimeGrid(grid, sensors, start, seconds, None if test_from is None else int(places[test_from:].min()))


def _steps(times: Times, start: int, seconds: int) -> Times:
    """Return how many steps each time is after the first.

    Raises:
        TaskError: one is no whole number of them.
    """
    places, rest = np.divmod(times - start, seconds)
    if rest.any():
        stray = int(times[int(np.argmax(rest > 0))])
        raise invalid(
            f"the timestamp {_written(stray)} is no whole number of steps of {seconds} seconds after the first, "
            f"{_written(start)}; give equal steps, or set task.periodSeconds: each row is then put on its nearest step"
        )
    return places


def _nearest_steps(times: Times, start: int, seconds: int) -> Times:
    """Return the nearest step of each time.

    Raises:
        TaskError: one is further from it than a quarter of a step, or two rows have the same one.
    """
    places: Times = np.rint((times - start) / seconds).astype(np.int64)
    off = np.abs(times - start - places * seconds)
    if len(off) and off.max() * _QUARTER > seconds:
        stray = int(np.argmax(off))
        raise invalid(
            f"the timestamp {_written(int(times[stray]))} is {int(off[stray])} seconds off the steps of {seconds} "
            f"seconds from {_written(start)} on, more than a quarter of one; set task.periodSeconds to the step of the "
            "data"
        )
    different, counts = np.unique(places, return_counts=True)
    if len(different) < len(places):
        twice = different[int(np.argmax(counts > 1))]
        first, second = (_written(int(times[row])) for row in np.flatnonzero(places == twice)[:2])
        raise invalid(
            f"the timestamps {first} and {second} are nearest to the same step of {seconds} seconds; set "
            "task.periodSeconds to the step of the data, or leave one of the rows out"
        )
    return places


def _sensors(table: Table, columns: Columns) -> tuple[tuple[str, ...], _Values]:
    timestamp = columns.timestamp or TIMESTAMP
    if columns.target is not None and columns.features:
        raise invalid(
            "data.columns: a forecast predicts each column of `features`, or that of `target`; leave out one of the two"
        )
    named = columns.features or tuple(filter(None, [columns.target]))
    names = named or tuple(name for name in table.columns if name != timestamp)
    missing = [name for name in names if name not in table.columns]
    if missing:
        role = "features" if columns.features else "target"
        raise invalid(f"data.columns.{role}: no column {missing[0]!r}; there are {listed(tuple(table.columns))}")
    if not names:
        raise invalid("there is no column of a sensor; a forecast needs a table with one column for each")
    sensors: list[str] = []
    parts: list[npt.NDArray[np.float64]] = []
    for name in names:
        column = table.columns[name]
        if column.dtype.kind not in "buif" or column.ndim > 2:  # noqa: PLR2004 - rows, or rows by sensors
            raise invalid(
                explain_texts(name, column)
                or f"the column {name!r} is not numeric; a forecast needs one column of numbers for each sensor. Name "
                "the sensors in data.columns.features, and the time in data.columns.timestamp"
            )
        wide = column.reshape(len(column), -1)
        sensors += [name] if column.ndim == 1 else [f"{name}.{number}" for number in range(wide.shape[1])]
        parts.append(wide)
    with np.errstate(over="ignore"):
        values = np.concatenate(parts, axis=1).astype(np.float32)
    if np.isinf(values).any():
        row, place = (int(number) for number in np.argwhere(np.isinf(values))[0])
        message = f"the sensor {sensors[place]!r} is infinite in row {row} (counted from 0); mend it or leave it empty"
        raise not_finite(message)
    return tuple(sensors), values


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
