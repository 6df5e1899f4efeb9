"""Columns of dates and times: what a record's moment says as numbers, and as places of a day, a week and a year."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, InputError
from idla_preprocess.dates import LONGEST_DATE, DateForm, Moments
from idla_preprocess.tabular_columns import FEWEST, KNOWN, MISSING, MISSING_TEXTS, OTHER, Number

_HOUR, _DAY = 3600.0, 86400.0
_YEAR = 365.2425
_THURSDAY = 3
"""Weekday of 1970-01-01, from 0 for Monday."""

Values = npt.NDArray[np.float64]


def _hours(moments: Moments) -> Values:
    return moments.clock // _HOUR  # whole before anything is divided: a quotient of hours is seldom exact


def _months(moments: Moments) -> Values:
    known = ~np.isnan(moments.clock)
    days = np.where(known, moments.clock, 0) // _DAY
    months = days.astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.where(known, months % 12 + 1.0, np.nan)


def _turn(share: Callable[[Moments], Values], wave: Callable[[Values], Values]) -> Callable[[Moments], Values]:
    return lambda moments: wave(2 * math.pi * share(moments))


ELAPSED = "elapsed"
_PLACES: Mapping[str, tuple[Callable[[Moments], Values], int, int]] = {
    "hour": (lambda moments: _hours(moments) % 24, 0, 23),
    "weekday": (lambda moments: (_hours(moments) // 24 + _THURSDAY) % 7, 0, 6),
    "month": (_months, 1, 12),
    "hour of week": (lambda moments: (_hours(moments) + 24 * _THURSDAY) % 168, 0, 167),
}
"""What is one of few places, with the first and the last, from Monday on."""
_CYCLES: Mapping[str, tuple[str, Callable[[Moments], Values]]] = {
    "day": ("hour", lambda moments: moments.clock / _DAY % 1),
    "week": ("weekday", lambda moments: (moments.clock / _DAY + _THURSDAY) / 7 % 1),
    "year": ("month", lambda moments: moments.clock / _DAY / _YEAR % 1),
}
"""What comes again: which place must vary in the training part, and the share of the cycle that has passed."""
_NUMBERS: Mapping[str, Callable[[Moments], Values]] = {
    ELAPSED: lambda moments: moments.instant / _DAY,
    **{
        f"{name} {wave.__name__}": _turn(share, wave)
        for name, (_, share) in _CYCLES.items()
        for wave in (np.sin, np.cos)
    },
}
"""What is a number of a moment: days since 1970, and where on the circles of day, week and year it stands."""


NUMBER_PARTS = tuple(_NUMBERS)
"""Names of the numbers of a moment, in their order."""
PLACE_PARTS: Mapping[str, tuple[int, int]] = {name: (first, last) for name, (_, first, last) in _PLACES.items()}
"""First and last of each kind of place, in their order."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of the few places of a moment, such as the hour; known are those that occurred three times in training."""

    name: str
    known: tuple[int, ...]
    """Ascending, two or more."""

    @property
    def size(self) -> int:
        """Return how many indices there are, as of a `Category`."""
        return KNOWN + len(self.known)

    def indices(self, values: Values) -> npt.NDArray[np.int32]:
        """Return [N]: 0 where there is no moment, 1 for a place that is not known, else 2 and its place."""
        known = np.array(self.known, np.float64)
        nearest = np.minimum(np.searchsorted(known, values), len(known) - 1)
        found = np.where(known[nearest] == values, KNOWN + nearest, OTHER)
        return np.where(np.isnan(values), MISSING, found).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Moment:
    """A column of dates and times: texts, of which the network gets numbers and places.

    Hours, weekdays and months are those of the clock that a text shows; the time elapsed heeds the offset.
    """

    name: str
    form: DateForm
    example: str
    """A cell of the training part, for those who send another form."""
    numbers: tuple[Number, ...]
    """Those of its numbers that vary in the training part, named by what they are, in a fixed order."""
    places: tuple[Place, ...]
    """Likewise."""

    def read(self, texts: Array) -> Moments:
        """Return the moments of the texts [N], NaN where one is missing.

        Raises:
            InputError: a text is no date in the form.
        """
        cells = texts.tolist()
        moments = Moments.read(cells, self.form)
        for place in np.flatnonzero(np.isnan(moments.clock)).tolist():
            if cells[place].strip() not in MISSING_TEXTS:
                allowed = f"dates and times such as {self.example!r} ({self.form}), empty where missing"
                raise InputError(
                    self.name, f"{cells[place][:LONGEST_DATE]!r} in example {place} (counted from 0)", allowed
                )
        return moments

    def scaled(self, moments: Moments) -> list[npt.NDArray[np.float32]]:
        """Return each of the numbers as the network gets it, [N] from -3 to 3; 0 where there is no moment."""
        return [number.scaled(_NUMBERS[number.name](moments)) for number in self.numbers]

    def indices(self, moments: Moments) -> list[npt.NDArray[np.int32]]:
        """Return the index of each of the places, [N]."""
        return [place.indices(_PLACES[place.name][0](moments)) for place in self.places]

    @classmethod
    def fitted(cls, name: str, texts: Array, form: DateForm) -> Self | None:
        """Return the column as the training part [N] knows it; None where it has no two different moments.

        Texts that are no dates in the form count as missing.
        """
        moments = Moments.read(texts, form)
        elapsed = _elapsed(moments.instant / _DAY)
        if elapsed is None:
            return None
        found = {part: _frequent(of(moments)) for part, (of, *_) in _PLACES.items()}
        varying = {part for part, values in found.items() if len(values) > 1}
        varying -= set() if {"hour", "weekday"} <= varying else {"hour of week"}
        places = tuple(Place(part, values) for part, values in found.items() if part in varying)
        cycles = {name for name, (place, _) in _CYCLES.items() if place in varying}
        waves = [Number.fitted(part, of(moments)) for part, of in _NUMBERS.items() if part.partition(" ")[0] in cycles]
        numbers = (elapsed, *(replace(wave, indicator=False) for wave in waves if wave is not None))
        first = int(np.argmin(np.isnan(moments.clock)))
        return cls(name, form, texts[first].strip(), numbers, places)


def _elapsed(days: Values) -> Number | None:
    """Return days since 1970 as a column; it is fitted from the first of them on, since 32 bits tell no seconds."""
    if np.isnan(days).all():
        return None
    begin = float(np.nanmin(days))
    number = Number.fitted(ELAPSED, days - begin)
    return None if number is None else replace(number, center=number.center + begin)


def _frequent(values: Values) -> tuple[int, ...]:
    found, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return tuple(int(value) for value in found[counts >= FEWEST])
