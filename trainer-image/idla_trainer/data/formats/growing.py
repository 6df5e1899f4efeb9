"""The columns of a file while it is read: in memory as long as they fit, then in files."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from idla_trainer.data.formats.column_inference import Column, joined, size_of_texts
from idla_trainer.data.formats.refusals import too_large
from idla_trainer.data.spool import ArrayWriter, TextWriter

_PLACE = 16
"""Bytes of memory that a text in a file takes."""


class GrowingColumns:
    """Blocks of columns, appended one behind another."""

    def __init__(self, path: Path, memory: int, *, spill: bool, used: int = 0) -> None:
        """Begin without a column.

        Args:
            path: the file, for the refusal.
            memory: bytes that the columns may take.
            spill: whether files take what memory does not hold; else it is refused.
            used: bytes that are taken already.
        """
        self._path = path
        self._memory = memory
        self._spill = spill
        self._held = used
        self._places = 0
        self._parts: dict[Hashable, list[Column]] = {}
        self._files: dict[Hashable, TextWriter | ArrayWriter] = {}

    @property
    def spilled(self) -> bool:
        """Return whether files are used."""
        return bool(self._files)

    def append(self, key: Hashable, column: Column) -> None:
        """Append the next part of a column, of the same kind as those before.

        Raises:
            TaskError: memory does not hold it, and files are not to be used.
        """
        self._parts.setdefault(key, []).append(column)
        self._held += size_of_texts(column) if column.dtype == object else column.nbytes
        if self.spilled or (self._held > self._memory and self._spill):
            self._write()
        if self._held > self._memory:
            raise too_large(self._path, self._held, self._memory)

    def drop(self, key: Hashable) -> None:
        """Forget a column."""
        self._parts.pop(key, None)
        self._files.pop(key, None)

    def has(self, key: Hashable) -> bool:
        """Return whether a part of the column is here."""
        return key in self._parts or key in self._files

    def column(self, key: Hashable) -> Any:
        """Return a whole column and forget it here."""
        writer = self._files.pop(key, None)
        if isinstance(writer, TextWriter):
            return writer.column()
        if isinstance(writer, ArrayWriter):
            return writer.array()
        return joined(self._parts.pop(key))

    def _write(self) -> None:
        """Move every part in memory to its file; of a text its place stays."""
        for key, parts in self._parts.items():
            for part in parts:
                text = part.dtype == object
                if key not in self._files:
                    self._files[key] = TextWriter() if text else ArrayWriter()
                self._files[key].write(part)
                self._places += _PLACE * len(part) if text else 0
        self._parts.clear()
        self._held = self._places
