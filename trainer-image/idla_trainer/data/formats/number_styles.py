"""Columns of texts that are numbers to a reader: with a decimal comma, with thousands set apart, with few strays."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.formats.column_inference import Column, number, without_zeros

_STRAYS = 0.05
"""Share of cells that hold no number, at most, of those that are not missing."""


class NumberStyle(StrEnum):
    """How numbers are written, other than with a decimal point alone."""

    THOUSANDS = "commas between thousands"
    DECIMAL_COMMA = "a decimal comma"
    SPACES = "spaces between thousands"
    APOSTROPHES = "apostrophes between thousands"


_SPACES, _APOSTROPHES = " \u00a0\u2009\u202f", "'\u2019"


def _form(between: str, decimal: str) -> re.Pattern[str]:
    """Return what a number looks like with one of these marks between thousands, or with none."""
    return re.compile(rf"[+-]?([1-9]\d{{0,2}}(([{between}])\d{{3}})(\3\d{{3}})*|0|[1-9]\d*)({decimal}\d+)?", re.ASCII)


_FORMS = {
    NumberStyle.THOUSANDS: _form(",", r"\."),
    NumberStyle.DECIMAL_COMMA: _form("." + _SPACES + _APOSTROPHES, ","),
    NumberStyle.SPACES: _form(_SPACES, r"\."),
    NumberStyle.APOSTROPHES: _form(_APOSTROPHES, r"\."),
}
_BETWEEN: dict[int, str | None] = dict.fromkeys(map(ord, _SPACES + _APOSTROPHES))
_TO_POINT: dict[NumberStyle, dict[int, str | None]] = {
    NumberStyle.THOUSANDS: {ord(","): None},
    NumberStyle.DECIMAL_COMMA: _BETWEEN | {ord("."): None, ord(","): "."},
    NumberStyle.SPACES: _BETWEEN,
    NumberStyle.APOSTROPHES: _BETWEEN,
}
_UNIT = r"(?P<{}>[$€£¥₹%]|USD|EUR|GBP|CHF|JPY|CNY|INR)"
_WITH_UNIT = re.compile(
    rf"(?P<sign>[+-]?)(?:{_UNIT.format('before')}\s*(?P<first>[+-]?[\d.][^$€£¥₹%]*)"
    rf"|(?P<last>[\d.][^$€£¥₹%]*?)\s*{_UNIT.format('after')})"
)
"""A number with its unit: `$1,234.50`, `-€ 5`, `12 %`, `7 EUR`."""
_MINUS = {ord("\u2212"): "-"}
_IN_PARENTHESES = re.compile(r"\((?P<amount>[^()+-]+)\)")
"""What is owed, as accountants write it."""


@dataclass(frozen=True, slots=True, eq=False)
class NumberColumn:
    """A column of texts, read as numbers."""

    values: npt.NDArray[np.float64]
    """[N], NaN where a number is missing and where a cell holds none."""
    style: NumberStyle | None
    """None: with a decimal point alone."""
    strays: tuple[tuple[int, str], ...]
    """Row, counted from 0, and text of each cell that holds no number."""
    unit: str = ""
    """What stands beside every number, such as `$` or `%`."""

    @property
    def manner(self) -> str:
        """Return how the numbers are written, in words; empty: with a decimal point alone."""
        return " and ".join(filter(None, (self.style, self.unit and f"the unit {self.unit}")))

    def example(self, cells: Sequence[str] | Column) -> str:
        """Return how a cell of the style is read, in words."""
        known = (row for row, value in enumerate(self.values) if not math.isnan(value))
        row = next(row for row in known if number(cells[row]) is None)
        return f"{cells[row].strip()!r} is {self.values[row]:.15g}"


def read_numbers(
    cells: Sequence[str] | Column, *, decimal_comma: bool = False, wanted: bool = False
) -> NumberColumn | None:
    """Return a column of texts as numbers in the first style that nearly all of its cells have, else None.

    Args:
        cells: [N].
        decimal_comma: whether a cell such as `1,234`, which may be either, has a decimal comma.
        wanted: whether somebody calls them numbers: then those count that there are, in the style that most have, and
            zeros before a number say nothing.
    """
    styles = (None, *sorted(NumberStyle, key=lambda style: (style is NumberStyle.DECIMAL_COMMA) != decimal_comma))
    if wanted:
        bare = without_zeros(cells)
        found = [_read(bare, style, 1.0) for style in styles]
        return min((column for column in found if column is not None), key=lambda column: len(column.strays))
    return next((column for column in (_read(cells, style, _STRAYS) for style in styles) if column is not None), None)


def _read(cells: Sequence[str] | Column, style: NumberStyle | None, most: float) -> NumberColumn | None:
    values, strays, known = np.full(len(cells), np.nan), list[tuple[int, str]](), 0
    unit: str | None = None
    for row, cell in enumerate(cells):
        text = cell.strip()
        if text in MISSING_TEXTS:
            continue
        amount, beside = _without_unit(text)
        value = _number(amount, style)
        unit = beside if unit is None and value is not None else unit
        if value is None or beside != unit:
            strays.append((row, cell))
            if len(strays) > most * len(cells):
                return None
        else:
            values[row], known = value, known + 1
    if len(strays) > most * (known + len(strays)):
        return None
    return NumberColumn(values, style, tuple(strays), unit or "")


def _without_unit(text: str) -> tuple[str, str]:
    """Return a number as it stands without its unit, and the unit."""
    amount = text.translate(_MINUS)
    owed = _IN_PARENTHESES.fullmatch(amount)
    if owed:
        amount = "-" + owed["amount"].strip()
    found = _WITH_UNIT.fullmatch(amount)
    if found is None:
        return amount, ""
    return found["sign"] + (found["first"] or found["last"]).strip(), found["before"] or found["after"]


def _number(text: str, style: NumberStyle | None) -> float | None:
    if style is None:
        return number(text)
    return float(text.translate(_TO_POINT[style])) if _FORMS[style].fullmatch(text) else None
