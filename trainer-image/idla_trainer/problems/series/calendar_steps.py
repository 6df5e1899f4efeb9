"""Steps of the calendar: months, quarters and years, which are equally long by the calendar, not in seconds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from idla_trainer.problems.series.times import Times

_DAY = 86400
_MEAN_MONTH = 2629746
"""Seconds of a twelfth of the mean year."""
_SHORTEST, _LONGEST = 28 * _DAY, 31 * _DAY
_NEAR = 7
"""Days from a month's border within which days may differ: the first or the last one that people work on."""
_WORDS = {1: "1 month", 3: "1 quarter", 12: "1 year"}


@dataclass(frozen=True, slots=True, eq=False)
class CalendarSteps:
    """Times that are a row every so many months."""

    months: int
    """From one step to the next."""
    places: Times
    """Months of each row after the first one [rows]."""
    days: npt.NDArray[np.int64]
    """Day of the month of each row [rows], from 1."""
    times: Times
    """Seconds since 1970 of each row [rows]."""
    begin: int
    """Month of the first one, counted from January 1970."""
    hour: int
    """Seconds from the midnight (UTC) of the first one's day to its time; below 0 at a place east of Greenwich."""

    @property
    def seconds(self) -> int:
        """Return how long a step is in the mean."""
        return self.months * _MEAN_MONTH

    @property
    def words(self) -> str:
        """Return how long a step is."""
        return _WORDS.get(self.months, f"{self.months} months")

    def stray(self) -> int | None:
        """Return the first row that is no whole number of steps after the first one, if there is one."""
        off = np.flatnonzero(self.places % self.months)
        return int(off[0]) if len(off) else None

    def filled(self) -> Times:
        """Return the time of every step [steps]: the row's, and where there is none, that of the day others have."""
        steps = self.places // self.months
        months = self.begin + self.months * np.arange(int(steps.max()) + 1)
        begins = _days_of(months)
        days = np.minimum(int(self.days.max()), _days_of(months + 1) - begins)
        times: Times = (begins + days - 1) * _DAY + self.hour
        times[steps] = self.times
        return times


def calendar_steps(times: Times, period: int | None = None) -> CalendarSteps | None:
    """Return the steps of times that have one row a month at most, at the same day; None where they are no such ones.

    The day is the same one, or the last of a shorter month; or all are among the first or the last seven days of their
    months. Midnights of a place count as that day, wherever it is.

    Args:
        times: seconds since 1970 [N].
        period: seconds of a step; there are none where it is not about as long as the steps. Default: any.
    """
    for shift in (0, _DAY // 2):
        numbers = (times + shift) // _DAY
        months = numbers.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        begins = _days_of(months)
        days, lengths = numbers - begins + 1, _days_of(months + 1) - begins
        same = (days == np.minimum(days.max(), lengths)).all()
        if not (same or (days <= _NEAR).all() or (lengths - days < _NEAR).all()):
            continue
        between = np.diff(np.sort(months))
        if not len(between) or not between.all():
            continue
        step = int(np.median(between))
        if period is None or _SHORTEST * step <= period <= _LONGEST * step:
            first = int(np.argmin(months))
            begin, hour = int(months[first]), int(times[first] - numbers[first] * _DAY)
            return CalendarSteps(step, months - begin, days, times, begin, hour)
    return None


def _days_of(months: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the days since 1970 on which months since then begin."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
