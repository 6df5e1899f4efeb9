"""The timestamps of a table: ISO 8601, seconds since 1970, dates as whole numbers, or dates of any one order."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from idla_contract.task import Columns
from idla_preprocess import Array
from idla_preprocess.dates import DateForm, Moments

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import as_name
from idla_trainer.problems.series.months import month_times

TIMESTAMP = "timestamp"
Times = npt.NDArray[np.int64]

_LATEST = 253402300799
"""The last second of the year 9999."""
_ORDERS = (DateForm.DAY_FIRST, DateForm.MONTH_FIRST, DateForm.YEAR_FIRST)
_ALLOWED = "ISO 8601, such as 2024-05-01T08:15:00Z, or seconds since 1970"
_FINER = (10**3, 10**6, 10**9)
"""Milliseconds, microseconds and nanoseconds of a second: what programs write as the time since 1970."""
_DIGITS = re.compile(r"[0-9]{13,19}")


def times_of(table: Table, columns: Columns) -> Times | None:
    """Return the seconds since 1970 (UTC) of each row, [N]; None where the table has no timestamps.

    Whole numbers beyond seconds are milliseconds, microseconds or nanoseconds, all of one kind. Months, quarters and
    years are read as `month_times` says. A time without an offset counts as UTC. Whole numbers
    such as 20240131 are dates where all of them are. Dates such as 31.01.2024 are read in the one order of day, month
    and year that fits all of them; where two do, in the one whose steps are the most equal.

    Raises:
        TaskError: there is no such column, a row has no time in it, or day and month cannot be told apart.
    """
    name = columns.timestamp or TIMESTAMP
    column = table.columns.get(name)
    if column is None:
        if columns.timestamp is not None:
            raise invalid(f"data.columns.timestamp: no column {name!r}; there are {listed(tuple(table.columns))}")
        return None
    months = month_times(column)
    if months is not None:
        return months
    if column.dtype.kind in "iuf" and column.ndim == 1:
        return _of_numbers(column)
    texts = [value if isinstance(value, str) else "" for value in column.tolist()]
    if all(map(_DIGITS.fullmatch, texts)) and texts:  # too long for a double, so they stay texts
        return _of_numbers(np.array([int(text) for text in texts], np.uint64))
    return _of_texts(texts)


def check_once(table: Table, columns: Columns, times: Times) -> None:
    """Make sure that no time stands twice.

    Raises:
        TaskError: one does; the message shows it as it stands.
    """
    order = np.argsort(times, kind="stable")
    equal = np.flatnonzero(np.diff(times[order]) == 0)
    if not len(equal):
        return
    timestamp = columns.timestamp or TIMESTAMP
    first, second = sorted(int(row) for row in order[equal[0] : equal[0] + 2])
    shown = as_name(table.columns[timestamp][first])
    found = f"the timestamp {quoted(shown)} stands twice, in the rows {first} and {second} (counted from 0)"
    raise invalid(
        f"{found}; each row needs its own. If a clock was put back there at the end of summer time, write the times "
        "with their offset, or in UTC; if the rows are of several series, name the column that tells them in "
        "data.columns.series"
    )


def _of_numbers(column: Array) -> Times:
    for unit in _FINER:
        if np.isfinite(column).all() and column.min() > _LATEST * unit // 1000 and column.max() <= _LATEST * unit:
            return (column // unit).astype(np.int64)
    right = np.isfinite(column) & (column >= 0) & (column <= _LATEST)
    if not right.all():
        row = int(np.argmin(right))
        raise invalid(f"the timestamp of row {row} (counted from 0) is {column[row]!s}; allowed: seconds since 1970")
    numbers = np.round(column).astype(np.int64)
    dates = _read(list(map(str, numbers.tolist())), DateForm.WHOLE)
    return numbers if dates is None else dates


def _of_texts(texts: Sequence[str]) -> Times:
    isos = list(map(_moment, texts))
    stray = next((row for row, moment in enumerate(isos) if moment is None), None)
    if stray is None:
        return np.array(isos, np.int64)
    fitting = {order: times for order in _ORDERS if (times := _read(texts, order)) is not None}
    if not fitting:
        raise invalid(
            f"the timestamp of row {stray} (counted from 0) is {quoted(texts[stray])}; allowed: {_ALLOWED}, or dates "
            "of one order, such as 31.01.2024 08:15"
        )
    steps = {order: len(np.unique(np.diff(np.sort(times)))) for order, times in fitting.items()}
    best = min(steps, key=steps.__getitem__)
    if list(steps.values()).count(steps[best]) > 1 and len(texts) > 1:
        raise invalid(
            f"the timestamps, such as {quoted(texts[stray])}, may be {' or '.join(fitting)}: no day is above 12; write "
            f"{_ALLOWED}"
        )
    return fitting[best]


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _read(texts: Sequence[str], form: DateForm) -> Times | None:
    """Return the seconds since 1970 of texts that are all dates in a form, else None."""
    seconds = Moments.read(texts, form).instant
    return None if np.isnan(seconds).any() or not len(texts) else np.round(seconds).astype(np.int64)
