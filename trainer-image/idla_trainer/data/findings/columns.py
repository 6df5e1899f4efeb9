"""How each column of a table was understood, for a person to look at."""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from idla_contract.columns import LONGEST_CELL, MOST_COLUMNS, ColumnProfile, ColumnRole, ColumnType
from idla_preprocess.tabular_columns import MISSING_TEXTS, clear_missing

from idla_trainer.data.formats.column_inference import Column

_EXAMPLES = 2
_TYPES = {"f": ColumnType.NUMBER, "i": ColumnType.NUMBER, "u": ColumnType.NUMBER, "b": ColumnType.CATEGORY}
_NOTE = 120
_OF_RECORDS = frozenset({ColumnRole.FEATURE, ColumnRole.GROUP, ColumnRole.NONE})


@dataclass(frozen=True, slots=True)
class Use:
    """What a column is used for."""

    role: ColumnRole
    type: ColumnType | None = None
    """Default: what its cells are."""
    note: str = ""
    """Why it is left out, or how its cells were read."""
    strays: int = 0
    """Cells that count as missing since they are of another type."""


@dataclass(frozen=True, slots=True)
class ColumnUses:
    """What the columns of a table are used for."""

    by_name: Mapping[str, Use]
    otherwise: str
    """Why the others are left out."""
    missing: Collection[str] = ()
    """What stands for a missing value in a record, as `clear_missing` takes it."""


def describe_columns(columns: Mapping[str, Column], uses: ColumnUses) -> tuple[ColumnProfile, ...]:
    """Return how the first columns were understood; one without a use is not looked at."""
    return tuple(
        _described(columns[name], name, uses.by_name[name], uses.missing)
        if name in uses.by_name
        else ColumnProfile(name=_cut(name), type=ColumnType.UNKNOWN, role=ColumnRole.NONE, note=uses.otherwise)
        for name in islice(columns, MOST_COLUMNS)
    )


def _described(values: Column, name: str, use: Use, missing: Collection[str]) -> ColumnProfile:
    if values.ndim > 1:
        counts = _Counts(0, 0, ())
    elif use.type is ColumnType.TEXT:
        counts = _texts(values)
    elif use.role in _OF_RECORDS:
        counts = _counts(values, MISSING_TEXTS.union(missing))
    else:  # a class may be called NA
        counts = _counts(values, frozenset({""}))
    kind = use.type or (ColumnType.ARRAY if values.ndim > 1 else _TYPES.get(values.dtype.kind, counts.type))
    return ColumnProfile(
        name=_cut(name),
        type=kind,
        role=use.role,
        missing=counts.missing + use.strays,
        distinct=counts.distinct,
        examples=counts.examples,
        note=use.note[:_NOTE],
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    missing: int
    distinct: int
    examples: tuple[str, ...]
    type: ColumnType = ColumnType.TEXT


def _counts(values: Column, missing_texts: frozenset[str]) -> _Counts:
    if values.dtype.kind in "fiub":
        known = values[~np.isnan(clear_missing(values, missing_texts))]
        first = known[:1].tolist()
        first += known[known != first[0]][:1].tolist() if first else []
        return _Counts(len(values) - len(known), len(np.unique(known)), tuple(_cut(_number(value)) for value in first))
    distinct = len(np.unique(np.fromiter(map(hash, values), np.int64, len(values))))
    if any(isinstance(value, bytes) for value in values[:1]):
        return _Counts(sum(not content for content in values), distinct, (), ColumnType.FILE)
    gaps = Counter(text for text in values if text.strip() in missing_texts)
    texts = (text for text in values if text.strip() not in missing_texts)
    first = list(islice(texts, 1))
    examples = (*first, *islice((text for text in texts if text not in first), _EXAMPLES - 1))
    return _Counts(gaps.total(), distinct - len(gaps), tuple(map(_cut, examples)))


def _texts(texts: Column) -> _Counts:
    """Return what can be said of long texts without holding all of them."""
    first = (text for text in texts if text.strip())
    examples = tuple(map(_cut, islice(dict.fromkeys(islice(first, 8 * _EXAMPLES)), _EXAMPLES)))
    return _Counts(sum(not text.strip() for text in texts), 0, examples)


def _number(value: Any) -> str:
    """Return a number as people write it, and as it stands in most files."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if math.isfinite(value) and float(value).is_integer() else f"{value:.6g}"


def _cut(text: str) -> str:
    """Return a text on one line, the end of a long one left out."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= LONGEST_CELL else line[: LONGEST_CELL - 3] + "..."
