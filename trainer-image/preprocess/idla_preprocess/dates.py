"""Dates and times as texts, thousands at a time: in which order they are written, and which moment each is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array

LONGEST_DATE = 48
"""Characters of a cell that may be a date; a longer one would make all cells of a column as wide in memory."""
_AT_ONCE = 1 << 16
"""Texts that are read together."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 4
"""Digits of a year."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
"""Of a whole number that can be a date."""
_LATEST = 253402300799
"""The last second of the year 9999."""
_CLOCK = (
    r"(?:(?:T|,?\s+)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])[Mm])?\s*(?:[Zz]|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?)?"
)
_DATE = re.compile(r"(?P<first>\d{1,4})(?P<between>[./-])(?P<middle>\d{1,2})(?P=between)(?P<last>\d{1,4})" + _CLOCK)
_WHOLE_DATE = re.compile(r"(?P<first>\d{4})(?P<middle>\d\d)(?P<last>\d\d)" + _CLOCK)
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_DIGITS = ("first", "middle", "last", "hour", "minute", "second", "fraction", "hours", "minutes")

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class DateForm(StrEnum):
    """The order in which a column writes its dates, one for all cells; with or without a time and an offset."""

    YEAR_FIRST = "year-month-day"
    """ISO 8601, and `2024/01/31 13:00`."""
    DAY_FIRST = "day.month.year"
    """`31.01.2024 13:00`, also with other signs between."""
    MONTH_FIRST = "month/day/year"
    """`01/31/2024 1:00 PM`, also with other signs between."""
    WHOLE = "whole numbers of year, month and day"
    """`20240131`, from 1900 to 2100."""
    SECONDS = "seconds since 1970"


_PLACES = {
    DateForm.YEAR_FIRST: (0, 1, 2),
    DateForm.DAY_FIRST: (2, 1, 0),
    DateForm.MONTH_FIRST: (2, 0, 1),
    DateForm.WHOLE: (0, 1, 2),
}
"""Places of year, month and day."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Dates and times [N], NaN where a text is none."""

    clock: npt.NDArray[np.float64]
    """Seconds from 1970-01-01 00:00 on the clock that the text shows."""
    instant: npt.NDArray[np.float64]
    """Seconds since 1970 in UTC; a text without an offset counts as UTC."""

    @classmethod
    def read(cls, texts: Sequence[str] | Array, form: DateForm) -> Self:
        """Return what the texts [N] say in a form, with or without spaces around them."""
        clock, offset = np.zeros(len(texts)), np.zeros(len(texts))
        for start in range(0, len(texts), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            clock[part], offset[part] = _read(texts[part], form)
        return cls(clock, clock - offset)


@dataclass(frozen=True, slots=True, eq=False)
class _Fields:
    """The numbers in texts [N]."""

    found: Flags
    """Whether a text has the wanted layout."""
    digits: dict[str, Numbers]
    """By the names of `_DIGITS`, 0 where a text has none."""
    lengths: Numbers
    """Digits of first, middle and last, [N, 3]."""
    half: Numbers
    """0 without AM and PM, else 1 and 2."""
    behind: Numbers
    """-1 where the offset is negative, else 1."""
    fraction: npt.NDArray[np.float64]
    """Of a second."""


def _read(texts: Sequence[str] | Array, form: DateForm) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return clock and offset in seconds, [N] each."""
    if form is DateForm.SECONDS:
        seconds = [float(text) if _SECONDS.fullmatch(text) else np.nan for text in map(str.strip, texts)]
        known = np.array(seconds, np.float64)
        return np.where(known <= _LATEST, known, np.nan), np.zeros(len(texts))
    fields = _fields(texts, _WHOLE_DATE if form is DateForm.WHOLE else _DATE)
    days, right = _days(fields, form)
    time, timely = _time(fields)
    hours, minutes = fields.digits["hours"], fields.digits["minutes"]
    offset = fields.behind * (hours * _HOUR + minutes * _MINUTE)
    right &= timely & (hours <= 23) & (minutes <= 59)  # noqa: PLR2004 - a day, an hour
    return np.where(right, days * _DAY + time, np.nan), offset.astype(np.float64)


def _days(fields: _Fields, form: DateForm) -> tuple[Numbers, Flags]:
    """Return days since 1970, and whether there is such a date."""
    year, month, day = (fields.digits[_DIGITS[place]] for place in _PLACES[form])
    long = fields.lengths[:, _PLACES[form][0]] == _YEAR
    short = (fields.lengths[:, list(_PLACES[form][1:])] <= 2).all(axis=1)  # noqa: PLR2004 - digits of day and month
    right = fields.found & long & short & (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)  # noqa: PLR2004
    if form is DateForm.WHOLE:
        right &= (year >= _FIRST_YEAR) & (year <= _LAST_YEAR)
    months = np.where(right, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    first, after = (each.astype("datetime64[D]").astype(np.int64) for each in (months, months + 1))
    return first + day - 1, right & (day <= after - first)


def _time(fields: _Fields) -> tuple[npt.NDArray[np.float64], Flags]:
    """Return seconds since midnight, and whether a clock can show them."""
    hour, minute, second = (fields.digits[name] for name in ("hour", "minute", "second"))
    noon = fields.half > 0
    right = np.where(noon, (hour >= 1) & (hour <= 12), hour <= 23) & (minute <= 59) & (second <= 59)  # noqa: PLR2004
    hour = np.where(noon, hour % 12 + 12 * (fields.half - 1), hour)
    return hour * _HOUR + minute * _MINUTE + second + fields.fraction, right


def _fields(texts: Sequence[str] | Array, pattern: re.Pattern[str]) -> _Fields:
    """Return the numbers in texts: those that differ in their digits alone are read together."""
    cells = np.array([text if len(text) <= LONGEST_DATE else "" for text in map(str.strip, texts)], np.str_)
    codes = cells.view(np.uint32).reshape(len(cells), -1)
    numeric = (codes >= ord("0")) & (codes <= ord("9"))
    values = np.where(numeric, codes - ord("0"), 0).astype(np.int64)
    known: dict[str, int] = {}
    layouts = np.where(numeric, np.uint32(ord("0")), codes).view(cells.dtype)[:, 0].tolist()
    which = np.fromiter((known.setdefault(layout, len(known)) for layout in layouts), np.int64, len(cells))
    count = len(cells)
    fields = _Fields(
        np.zeros(count, np.bool_), {name: np.zeros(count, np.int64) for name in _DIGITS},
        np.zeros((count, 3), np.int64), np.zeros(count, np.int64), np.ones(count, np.int64), np.zeros(count),
    )  # fmt: skip
    for layout, number in known.items():
        found = pattern.fullmatch(layout) if layout.isascii() else None
        if found is not None:
            _fill(fields, np.flatnonzero(which == number), found, values)
    return fields


def _fill(fields: _Fields, rows: Numbers, found: re.Match[str], values: Numbers) -> None:
    """Write the numbers of texts of one layout."""
    fields.found[rows] = True
    for name in _DIGITS:
        start, end = found.span(name)
        if start >= 0:
            fields.digits[name][rows] = values[rows, start:end] @ 10 ** np.arange(end - start - 1, -1, -1)
    fields.lengths[rows] = [len(found[name]) for name in _DIGITS[:3]]
    fields.half[rows] = 0 if found["half"] is None else 1 + (found["half"] in "Pp")
    fields.behind[rows] = -1 if found["sign"] == "-" else 1
    if found["fraction"] is not None:
        fields.fraction[rows] = fields.digits["fraction"][rows] / 10.0 ** len(found["fraction"])
