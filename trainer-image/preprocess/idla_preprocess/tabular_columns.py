"""Columns of records: numbers that may be missing, and texts that may be unknown; how each is fitted and read."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError
from idla_preprocess.checks import check_bool

CATEGORIES = "categories"
MISSING, OTHER, KNOWN = 0, 1, 2
"""Index of a missing category, of one that training hardly saw, and of the first known one."""
LONGEST = 256
"""Characters of a category that can be known, and of a value that an error shows."""

MISSING_TEXTS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "?"})
"""What stands for a missing value in a column of a record, with or without spaces around it."""

_BINS = 16
_FEWEST = 3
_MOST_CATEGORIES = 10_000
_SOFT = 3.0
_QUARTILES = (25, 50, 75)
_NUMBER_KEYS = {"name", "type", "center", "scale", "indicator", "edges"}


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
        borders = np.quantile(plain.scaled(known), np.linspace(0, 1, _BINS + 1), method="nearest")
        edges = np.unique(borders.astype(np.float32))
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
        return np.fromiter((places.get(text.strip(), OTHER) for text in values.tolist()), np.int32, len(values))

    @property
    def size(self) -> int:
        """Return how many indices there are."""
        return KNOWN + len(self.known)

    @classmethod
    def fitted(cls, name: str, values: Array) -> Self | None:
        """Return the column as the training part [N] knows it; None where it has no two different indices."""
        counts: dict[str, int] = {}
        for text in map(str.strip, values.tolist()):
            counts[text] = counts.get(text, 0) + 1
        frequent = (text for text, count in counts.items() if count >= _FEWEST and text not in MISSING_TEXTS)
        usable = list(filter(_is_text, frequent))
        known = sorted(usable, key=lambda text: (-counts[text], text))[:_MOST_CATEGORIES]
        column = cls(name, tuple(sorted(known)))
        return column if known and len(np.unique(column.indices(values))) > 1 else None


Column = Number | Category


def written(column: Column) -> dict[str, Any]:
    """Return what JSON can hold of a column."""
    if isinstance(column, Category):
        return {"name": column.name, "type": "Category"}
    return {"type": "Number", **asdict(column), "edges": list(column.edges)}


def read_column(place: int, column: Any, arrays: Arrays) -> Column:
    """Return what `written` and, for a category, the array `categories<place>` say.

    Raises:
        InputError: a part is missing, unknown or out of its range.
    """
    field = f"columns[{place}]"
    kind = column.get("type") if isinstance(column, dict) else None
    keys = {"Number": _NUMBER_KEYS, "Category": {"name", "type"}}.get(kind) if isinstance(kind, str) else None
    if keys is None or set(column) != keys:
        raise InputError(field, repr(column)[:LONGEST], "a Number or a Category with its keys")
    name = column["name"]
    if not isinstance(name, str) or not name:
        raise InputError(f"{field}.name", repr(name)[:LONGEST], "a text")
    if kind == "Category":
        return Category(name, _read_known(place, arrays))
    edges = tuple(_finite(f"{field}.edges", edge) for edge in _listed(f"{field}.edges", column["edges"]))
    if any(after <= before for before, after in itertools.pairwise(edges)):
        raise InputError(f"{field}.edges", "numbers in another order", "strictly ascending numbers")
    check_bool(f"{field}.indicator", column["indicator"])
    scale = _finite(f"{field}.scale", column["scale"])
    if scale <= 0:
        raise InputError(f"{field}.scale", repr(scale), "a number above 0")
    return Number(name, _finite(f"{field}.center", column["center"]), scale, column["indicator"], edges)


def _read_known(place: int, arrays: Arrays) -> tuple[str, ...]:
    name = f"{CATEGORIES}{place}"
    known = arrays.get(name)
    if known is None or known.dtype.kind != "U" or known.ndim != 1:
        found = "nothing" if known is None else f"{known.dtype} of shape {list(known.shape)}"
        raise InputError(name, found, "an array of texts")
    texts = tuple(known.tolist())
    if not 1 <= len(texts) <= _MOST_CATEGORIES or not all(map(_is_text, texts)) or list(texts) != sorted(set(texts)):
        allowed = f"1 to {_MOST_CATEGORIES} different texts of 1 to {LONGEST} characters, ascending"
        raise InputError(name, f"{len(texts)} texts", allowed)
    return texts


def _listed(field: str, value: Any) -> Iterator[Any]:
    if not isinstance(value, list) or not 2 <= len(value) <= _BINS + 1:  # noqa: PLR2004 - a bin has two ends
        raise InputError(field, repr(value)[:LONGEST], f"2 to {_BINS + 1} numbers")
    return iter(value)


def _finite(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= np.finfo(np.float64).max:
        raise InputError(field, repr(value)[:LONGEST], "a finite number")
    return float(value)


def _is_text(value: object) -> bool:
    """Tell whether a text can be known: fixed-width arrays keep neither a final NUL nor texts of any length well."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and "\0" not in value
