"""Whether the first row of a CSV file holds names."""

import re
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from idla_trainer.data.formats.column_inference import number, numbers

_NAME = re.compile(r"[^\W\d][\w .()/%-]{0,39}")
_WORDS = 4
_USUAL = frozenset({
    "label", "class", "category", "target", "y", "text", "sentence", "message", "utterance", "intent", "review", "user",
    "item", "rating", "score", "timestamp", "userid", "itemid", "user_id", "item_id",
})  # fmt: skip
_FEW = 3
_ALIEN_SHARE = 0.9


def has_names(first: Sequence[str], body: Sequence[Sequence[str]], expected: Collection[str]) -> bool:
    """Tell a line of names from an example.

    It holds names where it holds an expected one; where a text stands above numbers; where all of it reads like
    names of columns that hold texts; or where different whole numbers, as of sensors, stand far off the numbers below.

    Args:
        first: the first row.
        body: the rows below it, of as many cells, as many as are needed to tell.
        expected: names of columns that somebody asks for.
    """
    names = [cell.strip() for cell in first]
    is_text = [number(name) is None for name in names]
    if any(text and name in expected for text, name in zip(is_text, names, strict=True)):
        return True
    below = list(zip(*body, strict=True))
    values = [numbers(column) for column in below]
    held = [value is not None and not np.isnan(value).all() for value in values]
    if not below:
        return all(is_text)
    if any(text and value for text, value in zip(is_text, held, strict=True)):
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
        (name, column) for name, column in zip(names, below, strict=True) if 2 * len(set(column)) <= len(column)
    ]
    return bool(repeating) and all(name not in column for name, column in repeating)


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
