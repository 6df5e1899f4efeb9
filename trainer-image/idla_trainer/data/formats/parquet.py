"""Parquet files: typed columns, read a few rows at a time. Needs pyarrow, which is imported for these files alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from idla_trainer.data.formats.column_inference import EXACT, Column, joined, objects
from idla_trainer.data.formats.refusals import empty, invalid, too_large, unreadable

_BATCH = 4096
"""Rows that are unpacked together."""
_REFERENCE = 8
"""Bytes of a reference to a text."""
_OBJECT = 49
"""Bytes of a text or of bytes beside its characters."""
_KINDS = "whole numbers, numbers, truth values, texts, dates, times, bytes, and lists of as many numbers in each row"


def read_parquet(path: Path, memory: int) -> dict[str, Column]:
    """Return the columns of a file by name, in its order.

    Numbers and decimals become numbers, NaN where one is missing, and so do truth values of which some are missing;
    texts stay texts, empty where one is missing; dates and times become texts in ISO 8601; bytes stay bytes; lists of
    numbers become arrays [N, ...]. Whole numbers of 2^53 or more become texts, since no float holds them.

    Args:
        path: the file, or a folder with parts of it, which are read in the order of their names.
        memory: bytes that the columns may take; reading ends where they take more.

    Raises:
        TaskError: unreadable, too large, no example, a column of another type, or parts with other columns.
    """
    parts: dict[str, list[Column]] = {}
    size = 0
    for file in _files(path):
        for found in _batches(file):
            if parts and list(found) != list(parts):
                raise invalid(f"{file.name} has the columns {_named(found)}, an earlier part {_named(parts)}")
            for name, column in found.items():
                parts.setdefault(name, []).append(column)
                size += _size(column)
            if size > memory:
                raise too_large(path, size, memory)
    if not parts:
        raise empty(f"{path.name} holds no example")
    return {name: _joined(path, name, parts.pop(name)) for name in list(parts)}


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [entry for entry in sorted(path.iterdir()) if entry.is_file() and entry.name.endswith(".parquet")]


def _batches(file: Path) -> Iterator[dict[str, Column]]:
    from pyarrow import ArrowException, parquet, types

    try:
        with parquet.ParquetFile(file, memory_map=True, pre_buffer=False) as opened:
            schema = opened.schema_arrow
            # As a dictionary a text that stands in many rows is unpacked once.
            names = schema.names
            if len(set(names)) < len(names):
                raise invalid(f"{file.name} has a column twice; give every column its own name")
            texts = [field.name for field in schema if types.is_string(field.type)]
        with parquet.ParquetFile(file, memory_map=True, pre_buffer=False, read_dictionary=texts) as opened:
            for batch in opened.iter_batches(_BATCH, use_threads=False):
                yield {name: _column(file, name, batch.column(place)) for place, name in enumerate(names)}
    except (ArrowException, OSError) as error:
        raise unreadable(file, "Parquet", str(error).partition("\n")[0]) from error


def _column(file: Path, name: str, array: Any) -> Column:
    from pyarrow import types

    kind = array.type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _lists(file, name, array.to_pylist())
    for convert in (_numbers, _texts):
        column = convert(array)
        if column is not None:
            return column
    raise invalid(f"the column {name!r} of {file.name} is of the type {kind}; allowed: {_KINDS}")


def _numbers(array: Any) -> Column | None:
    """Return a column of numbers, or of long ones as texts; None where they are none."""
    from pyarrow import types

    kind = array.type
    if types.is_integer(kind):
        values = array.to_pylist()
        if all(value is None or abs(value) < EXACT for value in values):
            return np.array([np.nan if value is None else value for value in values], np.float64)
        return objects(["" if value is None else str(value) for value in values])
    if types.is_boolean(kind) and not array.null_count:
        return np.array(array.to_pylist(), np.bool_)
    if types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind):
        return np.array([np.nan if value is None else float(value) for value in array.to_pylist()], np.float64)
    return None


def _texts(array: Any) -> Column | None:
    """Return a column of texts or bytes; None where they are none. Texts that a dictionary holds once are shared."""
    from pyarrow import types

    kind = array.type
    if types.is_dictionary(kind) and types.is_string(kind.value_type):
        known = [value or "" for value in array.dictionary.to_pylist()]
        return objects(["" if place is None else known[place] for place in array.indices.to_pylist()])
    if types.is_string(kind) or types.is_large_string(kind):
        return objects([value or "" for value in array.to_pylist()])
    if types.is_temporal(kind) and not types.is_duration(kind):
        return objects([value or "" for value in array.cast("string").to_pylist()])
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return objects([value or b"" for value in array.to_pylist()])
    return None


def _lists(file: Path, name: str, rows: list[Any]) -> Column:
    try:
        found = np.array(rows, dtype=np.float32)
    except (TypeError, ValueError) as error:
        message = f"the column {name!r} of {file.name} holds lists that make no array ({error}); allowed: {_KINDS}"
        raise invalid(message) from error
    return found


def _joined(path: Path, name: str, parts: list[Column]) -> Column:
    """Return the parts as one column; where one has texts in the place of long numbers, all have."""
    if {part.dtype.kind for part in parts} == {"b", "f"}:
        return joined([part.astype(np.float64) for part in parts])
    if len({part.dtype.kind for part in parts}) > 1:
        parts = [part if part.dtype == object else objects([_written(value) for value in part]) for part in parts]
    if len({part.shape[1:] for part in parts}) > 1:
        raise invalid(f"the lists in the column {name!r} of {path.name} have different lengths; give all of them one")
    return joined(parts)


def _written(value: float) -> str:
    return "" if np.isnan(value) else str(int(value)) if value.is_integer() else repr(value)


def _size(column: Column) -> int:
    """Return how many bytes of memory a column takes, about; a text that several rows share counts once."""
    if column.dtype != object:
        return column.nbytes
    different = {id(value): len(value) for value in column}
    return _REFERENCE * len(column) + _OBJECT * len(different) + sum(different.values())


def _named(columns: dict[str, Any]) -> str:
    return ", ".join(map(repr, list(columns)[:8])) + (", ..." if len(columns) > 8 else "")  # noqa: PLR2004
