"""Columns of records as the files of an artifact hold them; nobody vouches for these."""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from idla_preprocess.base import Arrays, InputError
from idla_preprocess.checks import check_bool
from idla_preprocess.dates import LONGEST_DATE, DateForm
from idla_preprocess.tabular_columns import BINS, CATEGORIES, LONGEST, MOST_CATEGORIES, Category, Number, is_text
from idla_preprocess.tabular_moments import NUMBER_PARTS, PLACE_PARTS, Moment, Place

Column = Number | Category | Moment

_NUMBER_KEYS = {"name", "type", "center", "scale", "indicator", "edges"}
_KEYS = {
    "Number": _NUMBER_KEYS,
    "Category": {"name", "type"},
    "Moment": {"name", "type", "form", "example", "numbers", "places"},
}


def written(column: Column) -> dict[str, Any]:
    """Return what JSON can hold of a column."""
    if isinstance(column, Category):
        return {"name": column.name, "type": "Category"}
    if isinstance(column, Number):
        return {"type": "Number", **asdict(column), "edges": list(column.edges)}
    return {
        "name": column.name,
        "type": "Moment",
        "form": str(column.form),
        "example": column.example,
        "numbers": [written(number) for number in column.numbers],
        "places": [{"name": place.name, "known": list(place.known)} for place in column.places],
    }


def read_column(place: int, column: Any, arrays: Arrays) -> Column:
    """Return what `written` and, for a category, the array `categories<place>` say.

    Raises:
        InputError: a part is missing, unknown or out of its range.
    """
    field = f"columns[{place}]"
    kind = column.get("type") if isinstance(column, dict) else None
    keys = _KEYS.get(kind) if isinstance(kind, str) else None
    if keys is None or set(column) != keys:
        raise InputError(field, repr(column)[:LONGEST], "a Number, a Category or a Moment with its keys")
    name = column["name"]
    if not isinstance(name, str) or not name:
        raise InputError(f"{field}.name", repr(name)[:LONGEST], "a text")
    if kind == "Category":
        return Category(name, _read_known(place, arrays))
    return _read_number(field, column) if kind == "Number" else _read_moment(field, column)


def _read_number(field: str, column: Any) -> Number:
    edges = tuple(_finite(f"{field}.edges", edge) for edge in _listed(f"{field}.edges", column["edges"]))
    if any(after <= before for before, after in itertools.pairwise(edges)):
        raise InputError(f"{field}.edges", "numbers in another order", "strictly ascending numbers")
    check_bool(f"{field}.indicator", column["indicator"])
    scale = _finite(f"{field}.scale", column["scale"])
    if scale <= 0:
        raise InputError(f"{field}.scale", repr(scale), "a number above 0")
    return Number(column["name"], _finite(f"{field}.center", column["center"]), scale, column["indicator"], edges)


def _read_moment(field: str, column: Any) -> Moment:
    form, example = column["form"], column["example"]
    if form not in list(DateForm):
        raise InputError(f"{field}.form", repr(form)[:LONGEST], ", ".join(DateForm))
    if not isinstance(example, str) or len(example) > LONGEST_DATE:
        raise InputError(f"{field}.example", repr(example)[:LONGEST], f"a text of up to {LONGEST_DATE} characters")
    numbers = _parts(f"{field}.numbers", column["numbers"], _NUMBER_KEYS, NUMBER_PARTS)
    places = _parts(f"{field}.places", column["places"], {"name", "known"}, PLACE_PARTS)
    if not numbers:
        raise InputError(f"{field}.numbers", "none", "one or more")
    return Moment(
        column["name"],
        DateForm(form),
        example,
        tuple(_read_number(f"{field}.numbers", number) for number in numbers),
        tuple(_read_place(f"{field}.places", place) for place in places),
    )


def _parts(field: str, parts: Any, keys: set[str], known: Collection[str]) -> list[Any]:
    """Return a list of objects with these keys, of different known names in the order of these."""
    objects = isinstance(parts, list) and all(isinstance(part, dict) and set(part) == keys for part in parts)
    names = [part["name"] for part in parts] if objects else []
    if not objects or names != [name for name in known if name in names]:
        allowed = f"objects with the keys {sorted(keys)}, named by some of {list(known)} in this order"
        raise InputError(field, repr(parts)[:LONGEST], allowed)
    return list(parts)


def _read_place(field: str, place: Any) -> Place:
    name, known = place["name"], place["known"]
    first, last = PLACE_PARTS[name]
    whole = isinstance(known, list) and all(type(value) is int and first <= value <= last for value in known)
    if not whole or len(known) < 2 or known != sorted(set(known)):  # noqa: PLR2004 - one alone says nothing
        raise InputError(f"{field}.known", repr(known)[:LONGEST], f"ascending whole numbers from {first} to {last}")
    return Place(name, tuple(known))


def _read_known(place: int, arrays: Arrays) -> tuple[str, ...]:
    name = f"{CATEGORIES}{place}"
    known = arrays.get(name)
    if known is None or known.dtype.kind != "U" or known.ndim != 1:
        found = "nothing" if known is None else f"{known.dtype} of shape {list(known.shape)}"
        raise InputError(name, found, "an array of texts")
    texts = tuple(known.tolist())
    if not 1 <= len(texts) <= MOST_CATEGORIES or not all(map(is_text, texts)) or list(texts) != sorted(set(texts)):
        allowed = f"1 to {MOST_CATEGORIES} different texts of 1 to {LONGEST} characters, ascending"
        raise InputError(name, f"{len(texts)} texts", allowed)
    return texts


def _listed(field: str, value: Any) -> Iterator[Any]:
    if not isinstance(value, list) or not 2 <= len(value) <= BINS + 1:  # noqa: PLR2004 - a bin has two ends
        raise InputError(field, repr(value)[:LONGEST], f"2 to {BINS + 1} numbers")
    return iter(value)


def _finite(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= np.finfo(np.float64).max:
        raise InputError(field, repr(value)[:LONGEST], "a finite number")
    return float(value)
