"""How a CSV file is written: its delimiter, whether it quotes, and which lines above the table are no part of it."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import number
from idla_trainer.data.formats.database import Database, DatabaseError, literal
from idla_trainer.data.formats.files import LONGEST_LINE, opened_text
from idla_trainer.data.formats.refusals import unreadable

_SAMPLE = 2048
"""Lines by which the dialect is told."""
_LOOKED_AT = 100
"""Lines by which it is told that blanks part the columns."""
_BUFFER = 1 << 25
_NOTHING = "\x01"
"""Stands for a cell that a line lacks, as against an empty one."""
_MARKED = re.compile(r'\s*"?\s*(#|//|--|%|!)')
"""A line that may stand above a table though it holds delimiters."""
_REMARK = re.compile(r'\s*("?\s*(#|//|--|%|!)(\s|[#/%!-]|$)|sep=.\s*$|$)', re.IGNORECASE)
"""One that is no line of names: `# by hand`, as against `#id`."""
_COLUMNS = re.compile(r"[,\t;|]")
_HINT = re.compile(r"sep=.\s*", re.IGNORECASE)
"""By which Excel is told the delimiter."""
_WORD = re.compile(r'"[^"]*"|[^\s"]\S*')
"""What stands between blanks."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of a file are read."""

    width: int
    """Columns."""
    delimiter: str = ","
    escape: str = '"'
    skipped: int = 0
    """Lines above the table."""
    quoted: bool = True
    """Whether quotation marks enclose texts; else they are a part of them."""

    def relation(self, file: str, *, header: bool = False, padded: bool = False, strict: bool = False) -> str:
        """Return the SQL of the rows, with columns c0, c1 and so on.

        Args:
            file: the name of the file, as an SQL literal.
            header: whether the first row is left out.
            padded: whether a row may lack columns, and have one more.
            strict: whether a line that does not fit is an error; else it is left out and kept as a `Reject`.
        """
        columns = ", ".join(f"c{place}: 'VARCHAR'" for place in range(self.width + padded))
        options = _OPTIONS | {
            "columns": f"{{{columns}}}",
            "auto_detect": "false",
            "header": str(header).lower(),
            "delim": literal(self.delimiter),
            "quote": literal('"' if self.quoted else ""),
            "escape": literal(self.escape if self.quoted else ""),
            "skip": str(self.skipped),
        }
        if not strict:
            options |= {"store_rejects": "true", "rejects_limit": "100"}
        if padded:
            options |= {"null_padding": "true", "parallel": "false", "nullstr": literal(_NOTHING)}
        return f"read_csv({file}, {_listed(options)})"

    def whole_rows(self, database: Database, file: str) -> int:
        """Return how many rows there are if each has all columns, which are several; else 0."""
        with suppress(DatabaseError):
            if self.width > 1:
                counts = f"SELECT count(*), count(c{self.width - 1}) FROM {self.relation(file, strict=True)}"
                return int(database.row(counts)[0])
        return 0


_HOW = (
    "quote = '\"'",
    "quote = ''",
    "quote = '\"', ignore_errors = true, skip = {}",
    "quote = '', ignore_errors = true, skip = {}",
)
"""How columns are looked for, in turn: an apostrophe is no quotation mark, a title above the table is passed over, and
one line that does not fit, which is named later, hides the columns of the others."""
_OPTIONS = {"max_line_size": str(LONGEST_LINE), "buffer_size": str(_BUFFER)}


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
    remarks = end_of_remarks(path, 0)
    options = _OPTIONS | {"all_varchar": "true", "sample_size": str(_SAMPLE), "comment": "''"}
    if delimiter:
        options["delim"] = literal(delimiter)
    query = f"SELECT Delimiter, Escape, SkipRows, len(Columns) FROM sniff_csv({file}, {_listed(options)}, {{}})"
    found = list[Dialect]()
    for how in _HOW:
        with suppress(DatabaseError):
            mark, escape, skipped, width = database.row(query.format(how.format(remarks)))
            above = [line for line in _lines(path, skipped)[remarks:] if not _MARKED.match(line)]
            title = not any(_COLUMNS.search(line) for line in above)
            found.append(Dialect(width, mark, "\\" if escape == "\\" else '"', skipped if title else 0))
            if width > 1 and (title or (len(above) == 1 and mark in above[0])):
                break
    if not found:
        raise unreadable(path, "CSV", "neither columns nor lines are found in it")
    dialect = found[-1] if found[-1].width > 1 else max(found, key=lambda one: one.width)
    return replace(dialect, skipped=end_of_remarks(path, max(dialect.skipped, remarks)))


def end_of_remarks(path: Path, skipped: int) -> int:
    """Return how many lines stand above a table, some of which may have as many columns as it has."""
    with opened_text(path) as text:
        for line in islice(text, skipped, None):
            if not _REMARK.match(line):
                return skipped
            skipped += 1
    return skipped


def tell(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """Return sentences on what is left out above a table, and on what might be read in another way."""
    lines = [line.strip() for line in _lines(path, dialect.skipped)]
    remarks = [line for line in lines if line and not _HINT.fullmatch(line)]
    told = []
    if remarks:
        told.append(f"{path.name}: {len(remarks)} lines above the table are left out, such as {quoted(remarks[0])}")
    if not dialect.quoted:
        told.append(
            f"{path.name}: quotation marks are read as a part of the texts, since every line is a whole row without "
            "them; if they enclose texts of several lines, write a blank in the place of each line end"
        )
    return tuple(told)


def without_blanks(path: Path, dialect: Dialect, folder: Path) -> Path:
    """Return a file, or a copy in a folder with tabs between columns that blanks part, some of them of numbers."""
    with opened_text(path) as text:
        lines = [line for line in islice(text, dialect.skipped, dialect.skipped + _LOOKED_AT) if line.strip()]
    rows = [_WORD.findall(line) for line in lines]
    wide = dialect.width == 1 or (dialect.delimiter == "\t" and all("  " in line for line in lines))
    if not wide or len({len(row) for row in rows}) != 1 or not 1 < len(rows[0]) != dialect.width:
        return path
    if not any(all(number(cell) is not None for cell in column[1:]) for column in zip(*rows, strict=True)):
        return path
    copy = folder / path.name.removesuffix(".gz")
    with opened_text(path) as text, copy.open("w", encoding="utf-8", newline="") as file:
        file.writelines("\t".join(_WORD.findall(line)) + "\n" for line in islice(text, dialect.skipped, None))
    return copy


def _lines(path: Path, count: int) -> list[str]:
    with opened_text(path) as text:
        return list(islice(text, count))


def _listed(options: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items())
