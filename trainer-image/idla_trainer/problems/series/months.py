"""Timestamps that name no day: months, quarters and years, each for its beginning."""

import re

import numpy as np
import numpy.typing as npt
from idla_preprocess import Array

_TEXTS = (
    (re.compile(r"\s*(?P<year>\d{4})[-/.](?P<part>\d{1,2})\s*"), 1),
    (re.compile(r"\s*(?P<part>\d{1,2})[-/.](?P<year>\d{4})\s*"), 1),
    (re.compile(r"\s*(?P<year>\d{4})[- ]?Q(?P<part>[1-4])\s*", re.IGNORECASE), 3),
)
"""How such texts are written, and months of their part of a year."""
_FIRST, _LAST = 1900, 2100
_MONTHS = 12


def month_times(column: Array) -> npt.NDArray[np.int64] | None:
    """Return the seconds since 1970 (UTC) of a column's months, quarters or years [N]; None where it holds others.

    Texts are such as 2024-05, 05/2024 or 2024Q2, all of one kind; whole numbers such as 202405, or 2024 where all are
    years from 1900 to 2100.
    """
    if column.ndim != 1 or not len(column):
        return None
    months = _of_numbers(column.astype(np.float64)) if column.dtype.kind in "iuf" else _of_texts(column.tolist())
    if months is None:
        return None
    found: npt.NDArray[np.int64] = (months - 1970 * _MONTHS).astype("datetime64[M]").astype("datetime64[s]").astype(int)
    return found


def _of_numbers(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int64] | None:
    if not (np.abs(numbers) < _LAST * 100 + 100).all() or (numbers % 1).any():
        return None
    whole = numbers.astype(np.int64)
    if (whole >= _FIRST).all() and (whole <= _LAST).all():
        return whole * _MONTHS
    years, months = np.divmod(whole, 100)
    within = (years >= _FIRST) & (years <= _LAST) & (months >= 1) & (months <= _MONTHS)
    return years * _MONTHS + months - 1 if within.all() else None


def _of_texts(texts: list[object]) -> npt.NDArray[np.int64] | None:
    for pattern, length in _TEXTS:
        found = [pattern.fullmatch(text) if isinstance(text, str) else None for text in texts]
        matches = [match for match in found if match is not None]
        if len(matches) == len(texts):
            years = np.array([int(match["year"]) for match in matches])
            months = length * (np.array([int(match["part"]) for match in matches]) - 1)
            return years * _MONTHS + months if ((months >= 0) & (months < _MONTHS)).all() else None
    return None
