"""The columns of a data file in a database; each comes into memory when it is asked for, or into a file of its own."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import Column, objects
from idla_trainer.data.formats.database import Database, DatabaseError
from idla_trainer.data.formats.refusals import invalid, too_large
from idla_trainer.data.spool import ArrayWriter, TextWriter

_REFERENCE, _OBJECT = 8, 49
"""Bytes of a reference to a text, and of a text beside its characters."""
_FLOAT = 8
_AT_ONCE = 1 << 20
"""Numbers that go to files together."""
_QUERY = 64
"""Columns for which a query may be asked alone: the time of each one grows with the width of the table."""


class Kind(Enum):
    """What a column holds."""

    NUMBERS = auto()
    TRUTHS = auto()
    """True or false in every row."""
    TEXTS = auto()
    BYTES = auto()
    LISTS = auto()
    """Numbers, in lists of one shape or in texts of JSON with such."""
    OTHER = auto()
    """Nothing that a model can learn from."""


@dataclass(frozen=True, slots=True)
class Field:
    """How a column is read."""

    kind: Kind
    sql: str
    """Its expression; a missing text is an empty one."""
    refusal: str = ""
    """What is said where a column of another kind is asked for."""


@dataclass(slots=True)
class Budget:
    """The memory that columns may take."""

    path: Path
    memory: int
    """Bytes."""
    spill: bool
    """Whether files take what memory does not hold; else it is refused."""
    used: int = 0
    full: bool = False
    """Whether all that is still to come goes into files, since one did not fit."""

    def take(self, size: int) -> bool:
        """Take so many bytes; return whether they are there.

        Raises:
            TaskError: they are not, and files are not to be used.
        """
        if self.used + size > self.memory:
            if not self.spill:
                raise too_large(self.path, self.used + size, self.memory)
            self.full = True
        if not self.full:
            self.used += size
        return not self.full


class StoredColumns(Mapping[str, Column]):
    """Columns by name, in the order of the file."""

    def __init__(
        self,
        database: Database,
        relation: str,
        fields: Mapping[str, Field],
        budget: Budget,
        refuse: Callable[[DatabaseError], Exception],
        *,
        parts: Mapping[str, int] | None = None,
    ) -> None:
        """Bind them. Where memory does not hold all numbers, files take them all: memory is for what looks at them.

        Args:
            database: where they are.
            relation: the table, or what stands for one in SQL.
            fields: how each is read.
            budget: the memory that they may take.
            refuse: returns the refusal of a file that turns out to be damaged.
            parts: how many numbers `rowid` each part of the relation has for its rows, from 0, in their order. Default:
                the relation is one such part.

        Raises:
            TaskError: the file is damaged.
        """
        self._database = database
        self._relation = relation
        self._fields = fields
        self._budget = budget
        self._refuse = refuse
        self._taken: dict[str, Column] = {}
        try:
            self.rows: int = database.row(f"SELECT count(*) FROM {relation}")[0]
            # Rows that were taken out of a table leave gaps in the numbers of the others.
            self._parts = parts or {relation: database.row(f"SELECT coalesce(max(rowid) + 1, 0) FROM {relation}")[0]}
        except DatabaseError as error:
            raise refuse(error) from error
        numbers = sum(field.kind is Kind.NUMBERS for field in fields.values())
        budget.full |= budget.spill and _FLOAT * self.rows * numbers > budget.memory

    @override
    def __getitem__(self, name: str) -> Column:
        """Return a column.

        Raises:
            TaskError: it is of another kind, too large, or damaged.
        """
        if name not in self._taken:
            try:
                self._take(name, self._fields[name])
            except DatabaseError as error:
                raise self._refuse(error) from error
        return self._taken[name]

    @override
    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._fields)

    @override
    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._fields)

    def _take(self, name: str, field: Field) -> None:
        if field.kind is Kind.OTHER:
            raise invalid(field.refusal)
        if field.kind is Kind.NUMBERS:
            self._take_numbers(name)
        elif field.kind is Kind.TRUTHS:
            self._taken[name] = self._database.numbers(self._select(field))[0].astype(np.bool_)
        elif field.kind is Kind.TEXTS:
            self._taken[name] = self._texts(field)
        elif field.kind is Kind.BYTES:
            self._taken[name] = self._bytes(field)
        else:
            self._taken[name] = self._arrays(name, field)

    def _select(self, *fields: Field) -> str:
        listed = ", ".join(f"{field.sql} AS v{place}" for place, field in enumerate(fields))
        return f"SELECT {listed} FROM {self._relation}"

    def _cells(self, field: Field) -> Iterator[list[Any]]:
        for rows in self._database.blocks(self._select(field)):
            yield [value for (value,) in rows]

    def _take_numbers(self, name: str) -> None:
        """Take a column of numbers, and of a wide table some that follow it."""
        names = list(self._fields)
        start = names.index(name)
        near = [
            other
            for other in names[start + 1 : start + 1 + len(names) // _QUERY]
            if self._fields[other].kind is Kind.NUMBERS and other not in self._taken
        ]
        wanted = [name, *near]
        select = self._select(*(self._fields[other] for other in wanted))
        if self._budget.take(_FLOAT * self.rows * len(wanted)):
            self._taken.update(zip(wanted, self._database.numbers(select), strict=True))
            return
        writers = {other: ArrayWriter() for other in wanted}
        for rows in self._blocks(max(1, _AT_ONCE // len(wanted))):
            found = self._database.numbers(f"{select.removesuffix(self._relation)}{rows}")
            for writer, values in zip(writers.values(), found, strict=True):
                writer.write(values)
        self._taken.update((other, writer.array()) for other, writer in writers.items())

    def _blocks(self, size: int) -> Iterator[str]:
        """Yield relations of so many rows, one behind the other."""
        for part, numbers in self._parts.items():
            for start in range(0, numbers, size):
                yield f"{part} WHERE rowid BETWEEN {start} AND {start + size - 1}"

    def _texts(self, field: Field) -> Any:
        known: dict[str, str] = {}
        kept, writer = list[str](), None
        for cells in self._cells(field):
            if writer is None:
                new = {cell for cell in cells if cell not in known}
                if self._budget.take(_REFERENCE * len(cells) + sum(_OBJECT + len(cell) for cell in new)):
                    kept += [known.setdefault(cell, cell) for cell in cells]
                    continue
                writer = TextWriter()
                writer.write(kept)
                kept, known = [], {}
            writer.write(cells)
        return objects(kept) if writer is None else writer.column()

    def _bytes(self, field: Field) -> Column:
        kept = list[bytes]()
        for cells in self._cells(field):
            size = sum(_REFERENCE + _OBJECT + len(cell) for cell in cells)
            if not self._budget.take(size):
                raise too_large(self._budget.path, self._budget.used + size, self._budget.memory)
            kept += cells
        return objects(kept)

    def _arrays(self, name: str, field: Field) -> Column:
        kept, writer, row = list[npt.NDArray[np.float32]](), None, 0
        for cells in self._cells(field):
            block = _stack(self._budget.path, name, cells, row, kept[0][0] if kept else None)
            row += len(block)
            if writer is None and not self._budget.take(block.nbytes):
                writer = ArrayWriter()
                for part in kept:
                    writer.write(part)
                kept = kept[:1]
            if writer is None:
                kept.append(block)
            else:
                writer.write(block)
        return np.concatenate(kept) if writer is None else writer.array()


def _stack(
    path: Path, name: str, cells: Sequence[Any], row: int, first: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.float32]:
    """Return lists of numbers as an array [N, ...].

    Raises:
        TaskError: one holds something else, or has another shape than the first.
    """
    arrays = [_array(path, name, cell, row + place) for place, cell in enumerate(cells)]
    shape = None if first is None else first.shape
    for place, array in enumerate(arrays):
        shape = array.shape if shape is None else shape
        if array.shape != shape:
            raise invalid(
                f"{quoted(name)} of example {row + place} of {path.name} has another shape than that of example 0: "
                f"{list(array.shape)}, not {list(shape)}; give all of them one shape"
            )
    return np.stack(arrays)


def _array(path: Path, name: str, cell: Any, row: int) -> npt.NDArray[np.float32]:
    try:
        if cell is not None:
            return np.asarray(json.loads(cell) if isinstance(cell, str) else cell, dtype=np.float32)
    except (TypeError, ValueError, RecursionError):
        pass
    raise invalid(
        f"example {row} of {path.name} has {quoted(str(cell)) if cell is not None else 'nothing'} as {quoted(name)}; "
        "others have lists of numbers there: allowed is a list in which all rows have one length"
    )
