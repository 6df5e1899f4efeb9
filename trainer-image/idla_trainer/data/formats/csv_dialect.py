"""How a CSV file is written: its delimiter, whether it quotes, and which lines above the table are no part of it."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, product, takewhile
from pathlib import Path

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import number
from idla_trainer.data.formats.database import Database, DatabaseError, literal
from idla_trainer.data.formats.files import LONGEST_LINE, opened_text

_SAMPLE = 2048
"""Lines by which the dialect is told."""
_LOOKED_AT = 100
"""Lines by which it is told that blanks part the columns."""
_MARKED = re.compile(r'\s*"?\s*(#|//|--|%|!)')
"""A line that may stand above a table though it holds delimiters."""
_REMARK = re.compile(r'\s*("?\s*(#|//|--|%|!)(\s|[#/%!-]|$)|sep=.\s*$|$)', re.IGNORECASE)
"""One that is no line of names: `# by hand`, as against `#id`."""
_COLUMNS, _OTHERS = re.compile(r"[,\t;|]"), re.compile(r"[,;|]")
"""What parts columns, and what blanks do not stand beside."""
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

    def relation(self, file: str, *, strict: bool = False) -> str:
        """Return the SQL of the rows, with columns c0, c1 and so on.

        Args:
            file: the name of the file, as an SQL literal.
            strict: whether a line that does not fit is an error; else it is left out and kept as a `Reject`.
        """
        columns = ", ".join(f"c{place}: 'VARCHAR'" for place in range(self.width))
        quote, escape = ('"', self.escape) if self.quoted else ("", "")
        rejects = "" if strict else ", store_rejects = true, rejects_limit = 100"
        return (
            f"read_csv({file}, columns = {{{columns}}}, auto_detect = false, header = false, skip = {self.skipped}, "
            f"delim = {literal(self.delimiter)}, quote = {literal(quote)}, escape = {literal(escape)}, "
            f"{_OPTIONS}{rejects})"
        )

    def whole_rows(self, database: Database, file: str) -> int:
        """Return how many rows there are if each has all columns, which are several; else 0."""
        with suppress(DatabaseError):
            if self.width > 1:
                counts = f"SELECT count(*), count(c{self.width - 1}) FROM {self.relation(file, strict=True)}"
                return int(database.value(counts))
        return 0


_OPTIONS = f"max_line_size = {LONGEST_LINE}, buffer_size = {1 << 25}"


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
    options = f"{_OPTIONS}, all_varchar = true, sample_size = {_SAMPLE}, comment = ''"
    options += f", delim = {literal(delimiter)}" if delimiter else ""
    # It takes a backslash for an escape wherever one stands in quotes.
    escapes = {"\\"} if any('\\"' in line for line in _lines(path, _SAMPLE)) else set()
    found, failure = list[Dialect](), None
    # An apostrophe is no quotation mark, a title above the table is passed over, and one line that does not fit, which
    # is named later, hides the columns of the others.
    for lenient, quote in product(("", f", ignore_errors = true, skip = {remarks}"), ("'\"'", "''")):
        sniffed = f"sniff_csv({file}, {options}, quote = {quote}{lenient})"
        try:
            answer = database.rows(f"SELECT Delimiter, Escape, SkipRows, len(Columns) FROM {sniffed}")
        except DatabaseError as error:
            failure = error
            continue
        mark, escape, skipped, width = answer[0]
        above = [line for line in _lines(path, skipped)[remarks:] if not _MARKED.match(line)]
        title = not any(_COLUMNS.search(line) for line in above)
        found.append(Dialect(width, mark, escape if escape in escapes else '"', skipped if title else 0))
        if width > 1 and (title or (len(above) == 1 and mark in above[0])):
            break
    if not found and failure is not None:
        raise failure
    dialect = found[-1] if found[-1].width > 1 else max(found, key=lambda one: one.width)
    return replace(dialect, skipped=end_of_remarks(path, max(dialect.skipped, remarks)))


def end_of_remarks(path: Path, skipped: int) -> int:
    """Return how many lines stand above a table, some of which may have as many columns as it has."""
    with opened_text(path) as text:
        return skipped + sum(1 for _ in takewhile(_REMARK.match, islice(text, skipped, None)))


def tell(path: Path, dialect: Dialect) -> Iterator[str]:
    """Yield sentences on what is left out above a table, and on what might be read in another way."""
    lines = [line.strip() for line in _lines(path, dialect.skipped)]
    remarks = [line for line in lines if line and not _HINT.fullmatch(line)]
    if remarks:
        yield f"{path.name}: {len(remarks)} lines above the table are left out, such as {quoted(remarks[0])}"
    if not dialect.quoted:
        yield (
            f"{path.name}: quotation marks are read as a part of the texts, since every line is a whole row without "
            "them; if they enclose texts of several lines, write a blank in the place of each line end"
        )


def without_blanks(path: Path, folder: Path) -> Path:
    """Return a file, or a copy in a folder with tabs between columns that blanks part, some of them of numbers."""
    skipped = end_of_remarks(path, 0)
    lines = [line for line in _lines(path, skipped + _LOOKED_AT)[skipped:] if line.strip()]
    rows = [_WORD.findall(line) for line in lines]
    parted = any(_OTHERS.search(line) or ("\t" in line and "  " not in line) for line in lines)
    if parted or len({len(row) for row in rows}) != 1 or len(rows[0]) == 1:
        return path
    if not any(all(number(cell) is not None for cell in column[1:]) for column in zip(*rows, strict=True)):
        return path
    copy = folder / path.name.removesuffix(".gz")
    with opened_text(path) as text, copy.open("w", encoding="utf-8", newline="") as file:
        file.writelines(islice(text, skipped))
        file.writelines("\t".join(_WORD.findall(line)) + "\n" for line in text)
    return copy


def _lines(path: Path, count: int) -> list[str]:
    with opened_text(path) as text:
        return list(islice(text, count))
