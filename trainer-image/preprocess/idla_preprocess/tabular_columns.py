"""Columns of records: numbers that may be missing, and texts that may be unknown; how each is fitted and read."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, InputError

CATEGORIES = "categories"
MISSING, OTHER, KNOWN = 0, 1, 2
"""Index of a missing category, of one that training hardly saw, and of the first known one."""
LONGEST = 256
"""Characters of a category that can be known, and of a value that an error shows."""

MISSING_TEXTS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "?"})
"""What stands for a missing value in a column of a record, with or without spaces around it."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
BINS = 16
FEWEST = 3
MOST_CATEGORIES = 10_000
_SOFT = 3.0
_QUARTILES = (25, 50, 75)


def clear_missing(values: Array, missing: Collection[str]) -> Array:
    """Return a column [N] of numbers or texts, NaN or an empty text where it holds what stands for a missing value.

    Whole numbers and truth values become float64 where one of them does; what holds none of it stays the very column.

    Args:
        values: the column.
        missing: texts, with or without spaces around them; one that is a number stands for this number too.
    """
    if not missing:
        return values
    if values.dtype.kind in "OU":
        if not any(text.strip() in missing for text in values):
            return values
        cleared = np.empty(len(values), dtype=object)
        cleared[:] = ["" if text.strip() in missing else text for text in values]
        return cleared
    numbers = [float(text) for text in missing if _NUMBER.fullmatch(text.strip())]
    if not numbers:
        return values
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    found = np.isin(values, np.asarray(numbers, dtype))
    return np.where(found, dtype.type(np.nan), values) if found.any() else values


@dataclass(frozen=True, slots=True)
class Number:
    """A column of numbers: centred, scaled and softly clipped, so that no outlier outweighs the rest.

    Robust scaling with smooth clipping (Holzmüller, Grinsztajn and Steinwart, 2024, RealMLP): the result lies between
    -3 and 3, a missing number is 0.
    """

    name: str
    center: float
    """Median of the training part."""
    scale: float
    """1 / interquartile range; 2 / range where the quartiles are equal."""
    indicator: bool
    """Whether numbers were missing in the training part: then the network is told which are."""
    edges: tuple[float, ...]
    """Quantiles of the training part after scaling, strictly ascending, two or more: borders of a piecewise-linear
    encoding (Gorishniy, Rubachev and Babenko, 2022)."""

    def scaled(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the numbers as the network gets them, [N] from -3 to 3; NaN becomes 0."""
        centred = (values.astype(np.float64) - self.center) * self.scale
        soft = centred / np.sqrt(1 + (centred / _SOFT) ** 2)
        return np.nan_to_num(soft, nan=0.0).astype(np.float32)

    @classmethod
    def fitted(cls, name: str, values: npt.NDArray[np.floating]) -> Self | None:
        """Return the column as the training part [N] knows it; None where it has no two different numbers.

        Raises:
            InputError: a number is infinite as float32.
        """
        with np.errstate(over="ignore"):
            known = values[~np.isnan(values)].astype(np.float32).astype(np.float64)
        if np.isinf(known).any():
            raise InputError(name, "an infinite number", "finite 32-bit numbers, or NaN where missing")
        if not len(known) or known.min() == known.max():
            return None
        low, center, high = np.percentile(known, _QUARTILES)
        scale = 1 / (high - low) if high > low else 2 / (known.max() - known.min())
        plain = cls(name, float(center), float(scale), len(known) < len(values), (0.0, 1.0))
        borders = np.quantile(known, np.linspace(0, 1, BINS + 1), method="nearest")
        edges = np.unique(plain.scaled(borders))
        return cls(name, plain.center, plain.scale, plain.indicator, tuple(float(edge) for edge in edges))


@dataclass(frozen=True, slots=True)
class Category:
    """A column of texts, of which the network knows those that occurred at least three times in training."""

    name: str
    known: tuple[str, ...]
    """Ascending, one or more."""

    def indices(self, values: Array) -> npt.NDArray[np.int32]:
        """Return [N]: 0 for a missing text, 1 for one that is not known, else 2 and its place; outer spaces go."""
        places = {text: KNOWN + place for place, text in enumerate(self.known)} | dict.fromkeys(MISSING_TEXTS, MISSING)
        return np.fromiter((places.get(text.strip(), OTHER) for text in values), np.int32, len(values))

    @property
    def size(self) -> int:
        """Return how many indices there are."""
        return KNOWN + len(self.known)

    @classmethod
    def fitted(cls, name: str, values: Array, *, fewest: int = FEWEST) -> Self | None:
        """Return the column as the training part [N] knows it; None where it has no two different indices.

        Args:
            name: of the column.
            values: texts, an empty one where one is missing.
            fewest: how often a text that is known stands there.
        """
        counts = Counter(_frequent(values, fewest))
        frequent = (text for text, count in counts.items() if count >= fewest and text not in MISSING_TEXTS)
        usable = list(filter(is_text, frequent))
        known = sorted(usable, key=lambda text: (-counts[text], text))[:MOST_CATEGORIES]
        column = cls(name, tuple(sorted(known)))
        return column if known and len(np.unique(column.indices(values))) > 1 else None


def _frequent(values: Array, fewest: int) -> Iterator[str]:
    """Yield the texts that may occur often enough to be known: the others, as of an identifier, may fill the memory."""
    keys, counts = np.unique(np.fromiter(map(hash, map(str.strip, values)), np.int64, len(values)), return_counts=True)
    often = set(keys[counts >= fewest].tolist())
    return (text for text in map(str.strip, values) if hash(text) in often)


def is_text(value: object) -> bool:
    """Tell whether a text can be known: fixed-width arrays keep neither a final NUL nor texts of any length well."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and "\0" not in value
