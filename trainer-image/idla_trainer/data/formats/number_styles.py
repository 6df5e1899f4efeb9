"""Columns of texts that are numbers to a reader: with a decimal comma, thousands set apart, a unit, with few strays."""

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
MARKS = frozenset({
    "-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "None", "none", "NONE", "nil", "NIL", "NaT", "<NA>", "\\N",
    "(null)", "#N/A", "#N/A N/A", "#NA", "N.A.", "n.a.", "#DIV/0!", "#REF!", "#VALUE!", "#NUM!", "#NAME?", "#NULL!",
})  # fmt: skip
"""What stands for a number that is missing, however often; among names each of them is a name."""


class NumberStyle(StrEnum):
    """How numbers are written, other than with a decimal point alone."""

    THOUSANDS = "commas between thousands"
    DECIMAL_COMMA = "a decimal comma"
    SPACES = "spaces between thousands"
    APOSTROPHES = "apostrophes between thousands"


_SPACES, _APOSTROPHES = " \u00a0\u2009\u202f", "'\u2019"
_MARKS_OF = {
    NumberStyle.THOUSANDS: (",", "."),
    NumberStyle.DECIMAL_COMMA: ("." + _SPACES + _APOSTROPHES, ","),
    NumberStyle.SPACES: (_SPACES, "."),
    NumberStyle.APOSTROPHES: (_APOSTROPHES, "."),
}
"""What stands between thousands, one of these marks or none, and before decimals."""


def _form(between: str, decimal: str) -> re.Pattern[str]:
    """Return what a number looks like."""
    lakhs = r"[1-9]\d?(?:,\d\d)+,\d{3}|" if between == "," else ""
    power = r"([eE][+-]?\d{1,3})?" if decimal == "," else ""
    whole = rf"{lakhs}[1-9]\d{{0,2}}(([{between}])\d{{3}})(\3\d{{3}})*|0|[1-9]\d*"
    return re.compile(rf"[+-]?({whole})({re.escape(decimal)}\d+)?{power}", re.ASCII)


_FORMS = {style: _form(*marks) for style, marks in _MARKS_OF.items()}
_TO_POINT = {style: str.maketrans(decimal, ".", between) for style, (between, decimal) in _MARKS_OF.items()}
_MONEY = "$€£¥₹%"
_BEFORE = rf"(?P<before>[{_MONEY}]|USD|EUR|GBP|CHF|JPY|CNY|INR)"
_AFTER = rf"(?P<after>[{_MONEY}‰]|[^\W\d_]{{1,12}}\.?|[°º][CFK]?|[^\W\d_]{{1,4}}(?:/[^\W\d_]{{1,4}})?[²³23]?|[\"'])"
_WITH_UNIT = re.compile(
    rf"(?P<sign>[+-]?)(?:{_BEFORE}\s*(?P<first>[+-]?[\d.][^{_MONEY}]*)|(?P<last>[\d.][^{_MONEY}]*?)\s*{_AFTER})"
)
"""A number with its unit: `$1,234.50`, `-€ 5`, `12 %`, `7 EUR`, `1.3 kg`, `20 °C`, `5 m/s`."""
_MINUS = {ord("\u2212"): "-"}
_OWED = re.compile(r"\((?P<amount>[^()+-]+)\)|(?P<before>[\d.,' \u00a0\u2009\u202f\u2019]*\d)\s*-")
"""What is owed, as accountants write it: `(5.00)`, `5.00-`."""
_LONGEST = 64
"""Characters of a number with a unit."""
_POWER = re.compile(r"(?<=\d)[dD](?=[+-]\d{1,3}$)")
"""A power of ten as Fortran writes it: `1.5D+03`."""


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
    """What stands beside every number, such as `$`, `%` or `kg`."""
    sign: str = ""
    """How numbers below zero are written, in words; empty: with a minus before them."""

    @property
    def manner(self) -> str:
        """Return how the numbers are written, in words; empty: with a decimal point alone."""
        return " and ".join(filter(None, (self.style, self.unit and f"the unit {self.unit}", self.sign)))

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
    values, strays, known, marks = np.full(len(cells), np.nan), list[tuple[int, str]](), 0, 0
    unit: str | None = None
    sign = ""
    for row, cell in enumerate(cells):
        text = cell.strip()
        if text in MISSING_TEXTS:
            continue
        amount, beside, owed = _bare(text)
        value = None if text in MARKS else _number(amount, style)
        unit = beside if unit is None and value is not None else unit
        if value is None or beside != unit:
            strays.append((row, cell))
            marks += text in MARKS
            if len(strays) - marks > most * len(cells):
                return None
        else:
            values[row], known, sign = value, known + 1, sign or owed
    if len(strays) - marks > most * (known + len(strays) - marks) or (marks and not known):
        return None
    return NumberColumn(values, style, tuple(strays), unit or "", sign)


def way_of(text: str) -> str:
    """Return in which way a cell is a number, the same for all that are written alike; empty: it is none."""
    if text.strip() in MISSING_TEXTS | MARKS:
        return ""
    amount, unit, _ = _bare(text.strip())
    styles = (None, *NumberStyle)
    return next((f"{style} {unit}" for style in styles if _number(amount, style) is not None), "")


def _bare(text: str) -> tuple[str, str, str]:
    """Return a number as it stands without its unit, the unit, and how it is written that it is below zero."""
    if len(text) > _LONGEST:
        return text, "", ""
    amount, sign = text.translate(_MINUS), ""
    owed = _OWED.fullmatch(amount)
    if owed:
        sign = "parentheses for a minus" if owed["before"] is None else "the minus behind"
        amount = "-" + (owed["amount"] or owed["before"]).strip()
    found = _WITH_UNIT.fullmatch(amount)
    if found is None:
        return _POWER.sub("e", amount), "", sign
    return found["sign"] + (found["first"] or found["last"]).strip(), found["before"] or found["after"], sign


def _number(text: str, style: NumberStyle | None) -> float | None:
    if style is None:
        return number(text)
    return number(text.translate(_TO_POINT[style])) if _FORMS[style].fullmatch(text) else None
