"""How a CSV file is written: its delimiter, whether it quotes, and which lines above the table are no part of it."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.database import Database, DatabaseError, literal
from idla_trainer.data.formats.files import LONGEST_LINE, holds, is_compressed, opened_text

_SAMPLE = 2048
"""Lines by which the dialect is told."""
_BUFFER = 1 << 25
_NOTHING = "\x01"
"""Stands for a cell that a line lacks, as against an empty one."""
_REMARK = re.compile(r'\s*("?\s*(#|//|--|%|!)|sep=.\s*$|$)', re.IGNORECASE)
"""A line that may stand above a table."""
_CERTAIN = re.compile(r'\s*("?\s*(#|//|--|%|!)(\s|[#/%!-]|$)|sep=.\s*$)', re.IGNORECASE)
"""One that is no line of names: `# by hand`, as against `#id`."""
_HINT = re.compile(r"sep=.\s*", re.IGNORECASE)
"""By which Excel is told the delimiter."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of a file are read."""

    width: int
    """Columns."""
    delimiter: str = ","
    quoted: bool = True
    escape: str = '"'
    skipped: int = 0
    """Lines above the table."""
    doubtful: bool = False
    """Whether quotation marks that are read as text might have another meaning."""

    def relation(self, file: str, *, header: bool, compressed: bool, padded: bool = False, strict: bool = False) -> str:
        """Return the SQL of the rows, with columns c0, c1 and so on.

        Args:
            file: the name of the file, as an SQL literal.
            header: whether the first row is left out.
            compressed: whether gzip wrote the file.
            padded: whether a row may lack columns.
            strict: whether a line that does not fit is an error; else it is left out and kept as a `Reject`.
        """
        columns = ", ".join(f"c{place}: 'VARCHAR'" for place in range(self.width))
        options = {
            "columns": f"{{{columns}}}",
            "auto_detect": "false",
            "header": str(header).lower(),
            "delim": literal(self.delimiter),
            "quote": literal('"' if self.quoted else ""),
            "escape": literal(self.escape if self.quoted else ""),
            "skip": str(self.skipped),
            "compression": literal("gzip" if compressed else "none"),
            "max_line_size": str(LONGEST_LINE),
            "buffer_size": str(_BUFFER),
        }
        if not strict:
            options |= {"store_rejects": "true", "rejects_limit": "100"}
        if padded:
            options |= {"null_padding": "true", "parallel": "false", "nullstr": literal(_NOTHING)}
        return f"read_csv({file}, {', '.join(f'{name} = {value}' for name, value in options.items())})"


def sniff(database: Database, path: Path, file: str, delimiter: str | None) -> Dialect:
    """Return how a file is written.

    Args:
        database: what looks at the file.
        path: the file.
        file: its name in the database, as an SQL literal.
        delimiter: between the columns. Default: found by looking.

    Raises:
        DatabaseError: it is no table.
    """
    dialect = _sniffed(database, path, file, delimiter)
    lines = skipped_lines(path, dialect)
    if any(not _REMARK.match(line) and dialect.delimiter in line for line in lines):
        # A line with columns is part of the table: that it has more or fewer than the others is said, not passed over.
        dialect = replace(dialect, skipped=0)
    dialect = replace(dialect, skipped=end_of_remarks(path, dialect.skipped))
    plain = replace(dialect, quoted=False)
    if not holds(path, b'"'):
        return plain
    # A file quotes unless its quotes make no sense, or join lines that each are a whole row, as texts do that begin
    # with a quotation mark.
    rows, joined = (_whole_rows(database, path, file, one) for one in (plain, dialect))
    return replace(plain, doubtful=True) if plain.width > 1 and rows and rows != joined else dialect


def end_of_remarks(path: Path, skipped: int) -> int:
    """Return how many lines stand above a table, some of which may have as many columns as it has."""
    with opened_text(path) as text:
        for line in islice(text, skipped, None):
            if line.strip() and not _CERTAIN.match(line):
                break
            skipped += 1
    return skipped


def skipped_lines(path: Path, dialect: Dialect) -> Sequence[str]:
    """Return the lines above the table."""
    with opened_text(path) as text:
        return list(islice(text, dialect.skipped))


def tell(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """Return sentences on what is left out above a table, and on what might be read in another way."""
    lines = [line.strip() for line in skipped_lines(path, dialect)]
    remarks = [line for line in lines if line and not _HINT.fullmatch(line)]
    told = []
    if remarks:
        told.append(f"{path.name}: {len(remarks)} lines above the table are left out, such as {quoted(remarks[0])}")
    if dialect.doubtful:
        told.append(
            f"{path.name}: quotation marks are read as a part of the texts, since every line is a whole row without "
            "them; if they enclose texts of several lines, write a blank in the place of each line end"
        )
    return tuple(told)


def _sniffed(database: Database, path: Path, file: str, delimiter: str | None) -> Dialect:
    options = {
        "all_varchar": "true",
        "sample_size": str(_SAMPLE),
        "comment": "''",
        "compression": literal("gzip" if is_compressed(path) else "none"),
        "max_line_size": str(LONGEST_LINE),
        "buffer_size": str(_BUFFER),
    }
    if delimiter is not None:
        options["delim"] = literal(delimiter)
    mark, escape, skipped, width = _found(database, file, options)
    return Dialect(width, mark, escape="\\" if escape == "\\" else '"', skipped=skipped)


def _found(database: Database, file: str, options: Mapping[str, str]) -> tuple[Any, ...]:
    """Return delimiter, escape, lines above the table and columns that the database finds."""
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    query = f"SELECT Delimiter, Escape, SkipRows, len(Columns) FROM sniff_csv({file}, {listed}, quote = '{{}}'{{}})"
    # An apostrophe is no quotation mark. One line with more or fewer columns makes a table of one column; so such a one
    # is looked at again, past lines that do not fit: they are named later.
    for mark in ('"', ""):
        with suppress(DatabaseError):
            found = database.row(query.format(mark, ""))
            if found[-1] > 1:
                return found
    return database.row(query.format('"', ", ignore_errors = true"))


def _whole_rows(database: Database, path: Path, file: str, dialect: Dialect) -> int:
    """Return how many rows there are if each has all columns, else 0."""
    relation = dialect.relation(file, header=False, compressed=is_compressed(path), strict=True)
    try:
        return int(database.row(f"SELECT count(*), count(c{dialect.width - 1}) FROM {relation}")[0])
    except DatabaseError:
        return 0
