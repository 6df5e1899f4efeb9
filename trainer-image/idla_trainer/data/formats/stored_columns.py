"""The columns of a data file in a database; each comes into memory when it is asked for, or into a file of its own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import Column, objects
from idla_trainer.data.formats.database import Database
from idla_trainer.data.formats.refusals import invalid, too_large
from idla_trainer.data.spool import TextWriter

_REFERENCE, _OBJECT = 8, 49
"""Bytes of a reference to a text, and of a text beside its characters."""
_FLOAT = 8
_AT_ONCE = 1 << 20
"""Numbers that are taken together."""
_QUERIES = 64
"""Queries that take all columns of a wide table: the time of each one grows with its width."""


class Kind(Enum):
    """What a column holds."""

    NUMBERS = auto()
    """Or truth values."""
    TEXTS = auto()
    BYTES = auto()
    LISTS = auto()
    """Of numbers, all of one shape, in texts of JSON or not; what else it holds is refused when it is asked for."""


@dataclass(frozen=True, slots=True)
class Field:
    """How a column is read."""

    kind: Kind
    sql: str
    """Its expression; a missing text is an empty one."""


class StoredColumns(Mapping[str, Column]):
    """Columns by name, in the order of the file."""

    def __init__(
        self, database: Database, relation: str, fields: Mapping[str, Field], parts: Sequence[str] = ()
    ) -> None:
        """Bind them. Where memory does not hold all numbers, files take them all: memory is for what looks at them.

        Args:
            database: where they are.
            relation: the table, or what stands for one in SQL.
            fields: how each is read.
            parts: what the relation is put together of, each with numbers `rowid` of its rows, ascending from 0 or
                more. Default: the relation is one such part.

        Raises:
            TaskError: the file is damaged.
        """
        self._database, self._budget = database, database.budget
        self._relation = relation
        self._fields = fields
        self._numbers = [name for name, field in fields.items() if field.kind is Kind.NUMBERS]
        self._taken: dict[str, Column] = {}
        with database.refusing(self._budget.path):
            self.rows: int = database.value(f"SELECT count(*) FROM {relation}")
            # Rows that were taken out of a table leave gaps in the numbers of the others.
            ends = {part: f"SELECT coalesce(max(rowid) + 1, 0) FROM {part}" for part in parts or [relation]}
            self._ends = {part: database.value(query) for part, query in ends.items()}
        self._budget.full |= self._budget.spill and _FLOAT * self.rows * len(self._numbers) > self._budget.memory

    @override
    def __getitem__(self, name: str) -> Column:
        """Return a column.

        Raises:
            TaskError: it is of another kind, too large, or damaged.
        """
        if name not in self._taken:
            field = self._fields[name]
            with self._database.refusing(self._budget.path):
                if field.kind is Kind.NUMBERS:
                    self._take_numbers(name)
                else:
                    self._taken[name] = self._lists(name, field) if field.kind is Kind.LISTS else self._objects(field)
        return self._taken[name]

    @override
    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._fields)

    @override
    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._fields)

    def _take_numbers(self, name: str) -> None:
        """Take a column of numbers, and of a wide table some beside it."""
        width = 1 + len(self._numbers) // _QUERIES
        start = self._numbers.index(name) // width * width
        names = self._numbers[start : start + width]
        wanted = ", ".join(f"{self._fields[other].sql} AS v{place}" for place, other in enumerate(names))
        writers = [self._budget.writer(self.rows, _FLOAT) for _ in names]
        size = max(1, _AT_ONCE // width)
        for part, end in self._ends.items():
            for first in range(0, end, size):
                rows = f"{part} WHERE rowid BETWEEN {first} AND {first + size - 1}"
                for writer, values in zip(writers, self._database.numbers(f"SELECT {wanted} FROM {rows}"), strict=True):
                    writer.write(values)
        self._taken.update((other, writer.array()) for other, writer in zip(names, writers, strict=True))

    def _objects(self, field: Field) -> Any:
        """Return a column of texts or bytes, each different one once."""
        known, kept, writer = dict[Any, Any](), list[Any](), None
        for cells in self._database.cells(f"SELECT {field.sql} FROM {self._relation}"):
            if writer is None:
                new = {cell for cell in cells if cell not in known}
                size = _REFERENCE * len(cells) + sum(_OBJECT + len(cell) for cell in new)
                if self._budget.take(size):
                    kept += [known.setdefault(cell, cell) for cell in cells]
                    continue
                if field.kind is Kind.BYTES:
                    raise too_large(self._budget.path, self._budget.used + size, self._budget.memory)
                writer = TextWriter()
                writer.write(kept)
                known, kept = {}, []
            writer.write(cells)
        return objects(kept) if writer is None else writer.column()

    def _lists(self, name: str, field: Field) -> Column:
        """Return a column of lists as an array [N, ...]."""
        row, writer, shape = 0, None, None
        for cells in self._database.cells(f"SELECT {field.sql} FROM {self._relation}"):
            arrays = [self._array(name, cell, place) for place, cell in enumerate(cells, row)]
            shape = arrays[0].shape if shape is None else shape
            other = next((place for place, array in enumerate(arrays) if array.shape != shape), None)
            if other is not None:
                raise invalid(
                    f"{quoted(name)} of example {row + other} of {self._budget.path.name} has another shape than that "
                    f"of example 0: {list(arrays[other].shape)}, not {list(shape)}; give all of them one shape"
                )
            writer = writer or self._budget.writer(self.rows, arrays[0].nbytes)
            writer.write(np.stack(arrays))
            row += len(arrays)
        return np.empty(0) if writer is None else writer.array()

    def _array(self, name: str, cell: Any, row: int) -> npt.NDArray[np.float32]:
        with suppress(TypeError, ValueError, OverflowError, RecursionError):
            found = np.asarray(json.loads(cell) if isinstance(cell, str) else cell)
            with np.errstate(over="ignore"):
                narrow = found.astype(np.float32)
            if found.ndim and found.dtype.kind not in "SU" and not np.isinf(narrow).any():
                return narrow
        raise invalid(
            f"example {row} of {self._budget.path.name} has {'nothing' if cell is None else quoted(str(cell))} as "
            f"{quoted(name)}, a column of lists or objects; allowed: a number, a text, or a list of numbers up to "
            "3.4e38 in which all rows have one length. Leave it out of the file, or name the columns to learn from in "
            "data.columns"
        )
