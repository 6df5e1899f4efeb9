"""Steps of days on which people work: a row for each day but Saturday and Sunday."""

from dataclasses import dataclass

import numpy as np

from idla_trainer.problems.series.times import Times

_DAY = 86400
_FEWEST = 10
"""Rows, two weeks, that are needed to tell such steps from days that happen to be in one week."""


@dataclass(frozen=True, slots=True, eq=False)
class BusinessDays:
    """Times that are a row each business day at most; holidays are steps without a row."""

    places: Times
    """Business days of each row after the first one [rows]."""
    times: Times
    """Seconds since 1970 of each row [rows]."""
    begin: int
    """The first one's day, counted from 1970."""
    hour: int
    """Seconds from the midnight (UTC) of that day to the first one's time."""
    seconds: int = _DAY * 7 // 5
    """How long a step is in the mean."""
    words: str = "1 business day"

    def filled(self) -> Times:
        """Return the time of every step [steps]: the row's, and where there is none, at the first one's hour."""
        steps = np.arange(int(self.places.max()) + 1)
        days = np.busday_offset(np.datetime64(self.begin, "D"), steps).astype(np.int64)
        times: Times = days * _DAY + self.hour
        times[self.places] = self.times
        return times


def business_days(times: Times) -> BusinessDays | None:
    """Return the steps of times that are each of another day from Monday to Friday; None where they are no such ones.

    Midnights of a place count as that day, wherever it is.

    Args:
        times: seconds since 1970 [N].
    """
    if len(times) < _FEWEST or np.median(np.diff(np.sort(times))) != _DAY:
        return None
    for shift in (0, _DAY // 2):
        numbers = (times + shift) // _DAY
        days = numbers.astype("datetime64[D]")
        if len(np.unique(numbers)) == len(numbers) and np.is_busday(days).all():
            first = int(np.argmin(times))
            begin = int(numbers[first])
            places = np.busday_count(days[first], days).astype(np.int64)
            return BusinessDays(places, times, begin, int(times[first]) - begin * _DAY)
    return None
