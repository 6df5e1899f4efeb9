"""JSONL files: one JSON object a line, compressed by gzip or not."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from idla_trainer.data.formats.column_inference import AsWritten, Column
from idla_trainer.data.formats.files import DAMAGE, LineError, bounded_lines, opened_text
from idla_trainer.data.formats.growing import GrowingColumns
from idla_trainer.data.formats.refusals import invalid, too_large, unreadable
from idla_trainer.data.formats.values import Values

_DAMAGE = (*DAMAGE, LineError, ValueError, RecursionError)
_SHOWN = 40
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""A half of a character beyond 16 bits, as it stands in JSON: alone it is no character, and no UTF-8."""
_BLOCK = 1 << 24
"""Bytes that go to the files together."""


def read_jsonl(
    path: Path, memory: int, *, spill: bool = False, as_written: AsWritten = lambda _: frozenset()
) -> dict[str, Column]:
    """Return the columns of a file by the names in its objects, in the order of their first appearance.

    Numbers and truth values make a column of numbers, texts one of texts, both together one of texts; lists of
    numbers of one shape make an array [N, ...]. `null` and an absent name are missing values.

    Args:
        path: the file.
        memory: bytes that the columns may take; reading ends where they take more, unless files take it.
        spill: whether files take what memory does not hold; a column of texts may be a `TextColumn` then.
        as_written: of the names of all columns those whose numbers and truth values stay texts.

    Raises:
        TaskError: unreadable, too large, no example, a line that is no object, or a value that no column holds.
    """
    blocks = _Blocks(path, GrowingColumns(path, memory, spill=spill), as_written)
    values = Values(path)
    try:
        with opened_text(path) as text:
            for line in bounded_lines(text):
                if line.strip():
                    values.add(_record(path, line, blocks.rows + values.rows))
                if values.size > memory and not spill:
                    raise too_large(path, values.size, memory)
                if values.size > (_BLOCK if blocks.rows else memory):
                    blocks.add(values)
                    values = Values(path)
    except _DAMAGE as error:
        why = "a value is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise unreadable(path, "JSONL", f"example {blocks.rows + values.rows}: {why}") from error
    if not blocks.rows:
        return values.columns(as_written(values.names))
    if values.rows:
        blocks.add(values)
    return blocks.columns()


class _Blocks:
    """The columns of a file that memory does not hold; one that begins with numbers may not go on with texts."""

    def __init__(self, path: Path, growing: GrowingColumns, as_written: AsWritten) -> None:
        self.rows = 0
        self._as_written = as_written
        self._path = path
        self._growing = growing
        self._like: dict[str, Column] = {}
        """No row of each column, by which its kind is known."""

    def add(self, values: Values) -> None:
        rows = values.rows
        texts = {name for name, like in self._like.items() if like.dtype == object}
        block = values.columns(texts | set(self._as_written(list(self._like) or values.names)))
        for name, column in block.items():
            if name not in self._like:
                self._like[name] = column[:0]
                if self.rows:
                    self._growing.append(name, _missing(column, self.rows))
        for name, like in self._like.items():
            column = block[name] if name in block else _missing(like, rows)
            if (column.dtype, column.shape[1:]) != (like.dtype, like.shape[1:]):
                message = (
                    f"{name[:_SHOWN]!r} of {self._path.name} changes from numbers to texts, or its shape, from example "
                    f"{self.rows} on; where memory does not hold a file, write the numbers of such a name as texts"
                )
                raise invalid(message)
            self._growing.append(name, column)
        self.rows += rows

    def columns(self) -> dict[str, Column]:
        return {name: self._growing.column(name) for name in self._like}


def _missing(like: Column, rows: int) -> Column:
    """Return missing values of the same kind."""
    if like.dtype == object:
        return np.full(rows, "", dtype=object)
    return np.full((rows, *like.shape[1:]), np.nan, np.float64 if like.dtype == np.float64 else np.float32)


def _record(path: Path, line: str, example: int) -> dict[str, Any]:
    found = json.loads(line)
    if _HALF.search(line) and isinstance(found, dict):
        found = {_whole(name): _whole(value) if isinstance(value, str) else value for name, value in found.items()}
    if not isinstance(found, dict):
        message = (
            f"example {example} of {path.name} is {line.strip()[:_SHOWN]!r}; every line has to be a JSON object, "
            'such as {"text": "hello", "label": "greeting"}'
        )
        raise invalid(message)
    return found


def _whole(text: str) -> str:
    """Return a text with the replacement character in the place of each half that stands alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
