"""CSV files: one example a line."""

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from idla_trainer.data.formats.column_inference import AsWritten, Column, numbers, objects
from idla_trainer.data.formats.files import DAMAGE, LineError, opened_text
from idla_trainer.data.formats.growing import GrowingColumns
from idla_trainer.data.formats.layout import Layout, has_names, layout_of
from idla_trainer.data.formats.refusals import empty, invalid, unreadable

_LOOKED_AT = 100
"""Rows by which a line of names is told from an example."""
_BLOCK = 1 << 18
"""Cells that are turned into columns at once, at most."""
_BLOCK_TEXT = 1 << 24
"""Characters after which a block ends: a cell may be long."""
MOST_COLUMNS = 1 << 18
_COLUMN = 512
"""Bytes that a column takes beside its values."""
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file with how it is read."""

    path: Path
    memory: int
    """Bytes that the columns may take."""
    spill: bool
    """Whether files take what memory does not hold."""
    layout: Layout
    names: tuple[str, ...]
    named: bool
    """Whether the names stand in the file."""


@dataclass(slots=True)
class _Reading:
    """The columns of the rows so far."""

    file: CsvFile
    texts: set[int] = field(default_factory=set)
    """Columns that hold texts."""
    late: set[int] = field(default_factory=set)
    """Of these the ones that held only numbers at first: their first texts are lost."""
    rows: int = 0
    columns: GrowingColumns = field(init=False)

    def __post_init__(self) -> None:
        file = self.file
        self.columns = GrowingColumns(file.path, file.memory, spill=file.spill, used=_COLUMN * len(file.names))

    def add(self, block: Sequence[Sequence[str]]) -> None:
        for position, cells in enumerate(zip(*block, strict=True)):
            if position in self.late:
                continue
            column = None if position in self.texts else numbers(cells)
            if column is None and position not in self.texts:
                self.texts.add(position)
                if self.columns.has(position):
                    self.late.add(position)
                    self.columns.drop(position)
                    continue
            self.columns.append(position, objects(cells) if column is None else column)
        self.rows += len(block)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvOptions:
    """How a file is read."""

    delimiter: str | None = None
    """Default: told by the first lines."""
    header: bool | None = None
    """Whether the first line holds names. Default: told by the first lines."""
    expected: Collection[str] = ()
    """Names of columns that somebody asks for, by which a line of names is known."""
    as_written: AsWritten = lambda _: frozenset()
    """Which columns' cells stay texts."""


def read_csv(path: Path, memory: int, options: CsvOptions, *, spill: bool) -> tuple[dict[str, Column], bool]:
    """Return the columns of a file in their order, and whether the file names them; else their numbers are the names.

    Args:
        path: the file, compressed by gzip or not.
        memory: bytes that the columns may take; reading ends where they take more, unless files take it.
        options: how it is read.
        spill: whether files take what memory does not hold; a column of texts may be a `TextColumn` then.

    Raises:
        TaskError: unreadable, too large, no example, a name twice, or rows of different length.
    """
    try:
        file = _opened(path, layout_of(path, options.delimiter), options, memory=memory, spill=spill)
        kept = options.as_written(file.names)
        reading = _read(file, {place for place, name in enumerate(file.names) if name in kept})
        if reading.late:
            reading = _read(file, reading.texts)
    except (*DAMAGE, LineError, csv.Error) as error:
        raise unreadable(path, "CSV", str(error)) from error
    return {name: reading.columns.column(position) for position, name in enumerate(file.names)}, file.named


def _opened(path: Path, layout: Layout, options: CsvOptions, *, memory: int, spill: bool) -> CsvFile:
    with opened_text(path) as text:
        rows = layout.rows(text)
        first = next(rows, None)
        if first is None:
            raise empty("the file has no line; it needs one example a line")
        named = options.header
        if named is None:
            named = has_names(first, list(islice(rows, _LOOKED_AT)), options.expected)
    if len(first) > MOST_COLUMNS:
        raise invalid(f"{path.name} has {len(first)} columns; at most {MOST_COLUMNS} are allowed. Use an NPZ file")
    names = [cell.strip() or str(position) for position, cell in enumerate(first)] if named else []
    if len(set(names)) < len(names):
        twice = next(name for position, name in enumerate(names) if name in names[:position])
        raise invalid(f"the first line of {path.name} names {twice[:_SHOWN]!r} twice; give every column its own name")
    return CsvFile(path, memory, spill, layout, tuple(names or map(str, range(len(first)))), named)


def _read(file: CsvFile, known_texts: set[int]) -> _Reading:
    reading = _Reading(file, set(known_texts))
    height = max(1, _BLOCK // len(file.names))
    with opened_text(file.path) as text:
        rows = _whole(file, file.layout.rows(text))
        first = next(rows, None)
        rows = rows if file.named or first is None else chain([first], rows)
        for block in _blocks(rows, height):
            reading.add(block)
    if not reading.rows:
        raise empty("the file has a line of names but no example")
    return reading


def _blocks(rows: Iterator[list[str]], height: int) -> Iterator[list[list[str]]]:
    """Return the rows in blocks that no memory minds."""
    block, size = list[list[str]](), 0
    for row in rows:
        block.append(row)
        size += sum(map(len, row))
        if len(block) == height or size >= _BLOCK_TEXT:
            yield block
            block, size = [], 0
    if block:
        yield block


def _whole(file: CsvFile, rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Return the rows after each was found to be as long as the first."""
    width = len(file.names)
    for position, row in enumerate(rows):
        if len(row) != width:
            example = position - file.named
            raise invalid(f"example {example} has {len(row)} columns, the first line has {width}")
        yield row
