"""Tables of series, wide or long, become series on equal steps: one column for each sensor, missing rows as gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from idla_contract.task import Columns
from idla_preprocess import Array

from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.problems.series.business_days import BusinessDays, business_days
from idla_trainer.problems.series.calendar_steps import CalendarSteps, calendar_steps
from idla_trainer.problems.series.covariates import check_roles, joined, missing_like
from idla_trainer.problems.series.long_tables import read_long
from idla_trainer.problems.series.series_columns import series_columns
from idla_trainer.problems.series.times import Times, check_once, times_of
from idla_trainer.problems.series.wide_tables import SensorRows, Values, read_wide

PERIOD_SECONDS = 300
"""Time from one row to the next where nothing tells it."""
_QUARTER = 4
_MOST_GAPS = 4
"""The grid may be this many times as long as the table."""
_DAY = 86400
_SUMMER_TIME = 3600
"""Seconds that days of a place with summer time may be longer or shorter."""
_MONTH = 28 * _DAY
"""Seconds from which on a step may be one of the calendar."""


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """Values at equal steps, in seconds or by the calendar."""

    values: Values
    """[rows, S], NaN where missing."""
    sensors: tuple[str, ...]
    start: int
    """Seconds of the first row: since 1970 (UTC), or 0 where the data have no timestamps."""
    period_seconds: int
    test_from: int | None = None
    """First row of a test file; None where there is none."""
    told: tuple[str, ...] = ()
    """What is not plain in how the files were read."""
    series: tuple[str, ...] = ()
    """The columns that name the series of each row of a long table; empty: the table is wide."""
    series_names: tuple[str, ...] = ()
    """What they have, in the order of the sensors."""
    covariates: Mapping[str, Array] = field(default_factory=dict)
    """What is known ahead, by name [rows], or [rows, series] of a long table: numbers, NaN where missing, or texts."""
    times: Times | None = None
    """Seconds of each row where the steps are those of the calendar, whose mean is `period_seconds`."""
    period: str | None = None
    """Such a step in words."""

    def seconds_of(self, rows: npt.NDArray[np.int64]) -> Times:
        """Return the time of some rows."""
        return self.start + rows * self.period_seconds if self.times is None else self.times[rows]


def resample(table: Table, columns: Columns, period: int | None, *, test: Table | None = None) -> TimeGrid:
    """Return the series of a table, and of a test file that goes on where it ends.

    Args:
        table: as `read_wide` reads it, or `read_long` where `series_columns` finds some; the column of the role
            `timestamp` has what `times_of` reads.
        columns: the roles.
        period: seconds from one row to the next, each of which is put on its nearest step; default: the median of the
            timestamps' differences, else 300. Steps of months, quarters or years are those of the calendar.
        test: later rows with the same columns.

    Raises:
        TaskError: a column is missing, holds texts or arrays, or the timestamps are no equal steps.
    """
    found = _read(table, columns, period)
    if test is None:
        return _on_steps(found, period, None)
    more = _read(test, columns, period, like=found)
    if more.sensors != found.sensors:
        raise invalid(
            f"the test file has the sensors {listed(more.sensors)}, the other file {listed(found.sensors)}; both need "
            "the same"
        )
    if found.times is None or more.times is None:
        if found.times is not more.times:
            raise invalid("one of the two files has timestamps and the other has none; give both or neither")
        times = None
    else:
        times = np.concatenate([found.times, more.times])
    values = np.concatenate([found.values, more.values])
    covariates = {name: joined(column, more.covariates[name]) for name, column in found.covariates.items()}
    both = replace(found, times=times, values=values, covariates=covariates)
    return _on_steps(both, period, len(found.values))


def _read(table: Table, columns: Columns, period: int | None, *, like: SensorRows | None = None) -> SensorRows:
    """Return the rows of a wide or a long table; `like` are those of the file that it goes on with."""
    check_roles(table, columns)
    if like is not None and like.series:
        columns = columns.model_copy(update={"series": like.series})
    times = times_of(table, columns)
    series = series_columns(table, columns, times)
    if times is None or not series:
        if times is not None:
            check_once(table, columns, times)
        return read_wide(table, columns, times)
    if period and period < _MONTH:
        start = int((times if like is None or like.times is None else like.times).min())
        times = start + _rounded(times, start, period) * period
    return read_long(table, columns, times, series, known=None if like is None else like.series_names)


def _on_steps(found: SensorRows, period: int | None, test_from: int | None) -> TimeGrid:
    if found.times is None:
        grid = TimeGrid(
            found.values, found.sensors, 0, period or PERIOD_SECONDS, test_from, covariates=found.covariates
        )
    else:
        grid = _placed(found, found.times, period, test_from)
    return replace(grid, told=found.told, series=found.series, series_names=found.series_names)


def _placed(found_rows: SensorRows, times: Times, period: int | None, test_from: int | None) -> TimeGrid:
    """Put every row where its time says."""
    order = np.argsort(times, kind="stable")
    if test_from is not None and (order[:test_from] >= test_from).any():
        raise invalid("the test file has timestamps before the end of the other file; its rows must follow")
    steps = np.diff(times[order])
    seconds = period or (int(np.median(steps)) if len(steps) else PERIOD_SECONDS)
    start = int(times.min())
    found = _by_calendar(times, start, seconds, period)
    if found is None:
        places = _nearest_steps(times, start, seconds) if period else _steps(times, start, seconds)
        length = f"{seconds} seconds"
    else:
        places = _calendar_places(found) if isinstance(found, CalendarSteps) else found.places
        seconds, length = found.seconds, found.words
    rows = int(places.max()) + 1
    if rows > _MOST_GAPS * len(times):
        raise invalid(
            f"{len(times)} rows are spread over {rows} steps of {length}, from {_written(start)} to "
            f"{_written(int(times.max()))}; no more than three quarters of the steps may be missing. Set "
            "task.periodSeconds to the step of the data, or leave out rows far from the others"
        )
    first = None if test_from is None else int(places[test_from:].min())
    covariates = {name: _spread(column, places, rows) for name, column in found_rows.covariates.items()}
    grid = TimeGrid(
        _spread(found_rows.values, places, rows), found_rows.sensors, start, seconds, first, covariates=covariates
    )
    return grid if found is None else replace(grid, times=found.filled(), period=found.words)


def _by_calendar(times: Times, start: int, seconds: int, period: int | None) -> CalendarSteps | BusinessDays | None:
    """Return the steps of the calendar that times have, None where they have none."""
    if ((times - start) % seconds).any():
        found = calendar_steps(times, period)
        if found is not None:
            return found
    return None if period else business_days(times)


def _spread(values: Array, places: Times, rows: int) -> Array:
    """Return values [N, ...] at their places, and what is missing at the others."""
    spread = missing_like(values, (rows, *values.shape[1:]))
    spread[places] = values
    return spread


def _calendar_places(found: CalendarSteps) -> Times:
    """Return how many steps each time is after the first.

    Raises:
        TaskError: one is no whole number of them.
    """
    stray = found.stray()
    if stray is not None:
        raise invalid(
            f"the timestamp {_written(int(found.times[stray]))} is no whole number of steps of {found.words} after the "
            f"first, {_written(int(found.times.min()))}; give equal steps"
        )
    return found.places // found.months


def _steps(times: Times, start: int, seconds: int) -> Times:
    """Return how many steps each time is after the first.

    Raises:
        TaskError: one is no whole number of them.
    """
    places, rest = np.divmod(times - start, seconds)
    if seconds % _DAY == 0 and (np.minimum(rest, seconds - rest) <= _SUMMER_TIME).all():
        return _nearest_steps(times, start, seconds)
    if rest.any():
        stray = int(times[int(np.argmax(rest > 0))])
        raise invalid(
            f"the timestamp {_written(stray)} is no whole number of steps of {seconds} seconds after the first, "
            f"{_written(start)}; give equal steps, or set task.periodSeconds ({seconds}, if that is the step): each "
            "row is then put on its nearest step"
        )
    return places


def _nearest_steps(times: Times, start: int, seconds: int) -> Times:
    """Return the nearest step of each time, each once.

    Raises:
        TaskError: one is further from it than a quarter of a step, or two rows have the same one.
    """
    places = _rounded(times, start, seconds)
    different, counts = np.unique(places, return_counts=True)
    if len(different) < len(places):
        twice = different[int(np.argmax(counts > 1))]
        first, second = (_written(int(times[row])) for row in np.flatnonzero(places == twice)[:2])
        raise invalid(
            f"the timestamps {first} and {second} are nearest to the same step of {seconds} seconds; set "
            "task.periodSeconds to the step of the data, or leave one of the rows out"
        )
    return places


def _rounded(times: Times, start: int, seconds: int) -> Times:
    """Return the nearest step of each time.

    Raises:
        TaskError: one is further from it than a quarter of a step.
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
    return places


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
