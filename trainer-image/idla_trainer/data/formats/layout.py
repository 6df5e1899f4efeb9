"""How a CSV file is written: its delimiter, whether it quotes, and whether its first line holds names."""

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from idla_trainer.data.formats.column_inference import number, numbers
from idla_trainer.data.formats.files import LineError, bounded_lines, opened, opened_text

_LOOKED_AT = 200
"""Lines by which delimiter and names are told."""
_CUT = "unexpected end of data"
"""What csv says of a quote that is not closed."""
_DELIMITERS = ",\t;|"
_NAME = re.compile(r"[^\W\d][\w .()/%-]{0,39}")
_WORDS = 4
_USUAL = frozenset({
    "label", "class", "category", "target", "y", "text", "sentence", "message", "utterance", "intent", "review", "user",
    "item", "rating", "score", "timestamp", "userid", "itemid", "user_id", "item_id",
})  # fmt: skip
_FEW = 3
_ALIEN_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of a file are read."""

    delimiter: str
    quoted: bool

    def rows(self, text: IO[str], *, strict: bool = False) -> Iterator[list[str]]:
        """Return the rows that are not empty.

        Raises:
            LineError: a line without an end.
            csv.Error: a cell without an end, or, where it is strict, a quote in the middle of a cell.
        """
        return (row for row in self._reader(bounded_lines(text), strict=strict) if row)

    def _reader(self, lines: Iterator[str] | Sequence[str], *, strict: bool) -> Iterator[list[str]]:
        if self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, strict=strict)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)

    def widths(self, lines: Sequence[str]) -> list[int]:
        """Return the columns of each row, of none where the quotes make no sense; the last row may be cut."""
        found: list[int] = []
        try:
            found.extend(len(row) for row in self._reader(lines, strict=True) if row)
        except csv.Error as error:
            return found if str(error) == _CUT else []
        return found


def layout_of(path: Path, delimiter: str | None) -> Layout:
    """Return how a file is written.

    Without a delimiter the one is taken that gives most of the first lines the same number of columns, and most
    columns. A file quotes unless its quotes make no sense, or unless every line is a whole row without them while
    they would join some, as in texts that begin with a quotation mark.
    """
    if delimiter is None:
        with opened_text(path) as text:
            sample = list(islice(bounded_lines(text), _LOOKED_AT))
        delimiter = _delimiter(sample)
    quoted = Layout(delimiter, quoted=True)
    plain = Layout(delimiter, quoted=False)
    if not _holds_quotes(path):
        return plain
    records = _whole_rows(path, quoted)
    lines = _whole_rows(path, plain)
    return plain if lines and lines != records else quoted


def has_names(first: Sequence[str], body: Sequence[Sequence[str]], expected: Collection[str]) -> bool:
    """Tell a line of names from an example.

    It holds names where it holds an expected one; where a text stands above numbers; where all of it reads like
    names of columns that hold texts; or where different whole numbers, as of sensors, stand far off the numbers below.

    Args:
        first: the first row.
        body: the rows below it, as many as are needed to tell.
        expected: names of columns that somebody asks for.
    """
    names = [cell.strip() for cell in first]
    if any(name in expected and number(name) is None for name in names):
        return True
    below = list(zip(*(row for row in body if len(row) == len(first)), strict=True))
    is_text = [number(name) is None for name in names]
    if not below:
        return all(is_text)
    values = [numbers(column) for column in below]
    if any(
        text and value is not None and not np.isnan(value).all() for text, value in zip(is_text, values, strict=True)
    ):
        return True
    if all(is_text) and len(set(names)) == len(names):
        return _reads_like_names(names, below)
    return not any(is_text) and _is_alien(names, values)


def _reads_like_names(names: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    if not all(_NAME.fullmatch(name) and len(name.split()) <= _WORDS for name in names):
        return False
    if any(name.lower() in _USUAL for name in names):
        return True
    repeating = [
        (name, set(column)) for name, column in zip(names, below, strict=True) if 2 * len(set(column)) <= len(column)
    ]
    return bool(repeating) and all(name not in cells for name, cells in repeating)


def _is_alien(names: Sequence[str], values: Sequence[npt.NDArray[np.float64] | None]) -> bool:
    if len(names) < _FEW or len(set(names)) < len(names) or not all(name.isdigit() for name in names):
        return False
    far = 0
    for name, column in zip(names, values, strict=True):
        if column is None or np.isnan(column).all():
            continue
        low, high = float(np.nanmin(column)), float(np.nanmax(column))
        reach = max(high - low, abs(high), 1.0)
        far += not low - reach <= float(name) <= high + reach
    return far >= _ALIEN_SHARE * len(names)


def _delimiter(sample: Sequence[str]) -> str:
    """Return the delimiter of the first lines; a comma where there is none."""
    best, chosen = (0.0, 0, 0.0), ","
    for delimiter in _DELIMITERS:
        widths = Layout(delimiter, quoted=True).widths(sample) or Layout(delimiter, quoted=False).widths(sample)
        if not widths:
            continue
        usual = max(set(widths), key=widths.count)
        share = widths.count(usual) / len(widths)
        score = (round(share, 1), usual, share)
        if usual > 1 and score > best:
            best, chosen = score, delimiter
    return chosen


def _holds_quotes(path: Path) -> bool:
    with opened(path) as file:
        return any(b'"' in block for block in iter(lambda: file.read(1 << 20), b""))


def _whole_rows(path: Path, layout: Layout) -> int:
    """Return how many rows there are if all have the same number of columns, two or more, else 0."""
    count, width = 0, 0
    try:
        with opened_text(path) as text:
            for row in layout.rows(text, strict=True):
                width = width or len(row)
                if len(row) != width or width == 1:
                    return 0
                count += 1
    except (csv.Error, LineError):
        return 0
    return count
