"""CSV files: one example a line."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import AsWritten
from idla_trainer.data.formats.csv_dialect import Dialect, end_of_remarks, sniff, tell
from idla_trainer.data.formats.database import Database, DatabaseError, Reject, refuse
from idla_trainer.data.formats.files import DAMAGE, LONGEST_LINE, is_compressed, opened_text, with_one_line_end
from idla_trainer.data.formats.header import has_names
from idla_trainer.data.formats.number_cells import fields_of_texts
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.stored_columns import Budget, StoredColumns

_LOOKED_AT = 100
"""Rows by which a line of names is told from an example."""
_TABLE = "examples"
MOST_COLUMNS = 1 << 15
_MARKS = ",\t;|"
_WIDEST_LINE = 1 << 22
"""Characters of the first line by which its columns are counted."""
_NO_LINE = "the file has no line; it needs one example a line"
_MEND = "mend it, put quotation marks around a text that holds the delimiter, or set data.delimiter"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvOptions:
    """How files are read."""

    delimiter: str | None = None
    """Default: told by the first lines."""
    header: bool | None = None
    """Whether the first line holds names. Default: told by the first lines."""
    expected: Collection[str] = ()
    """Names of columns that somebody asks for, by which a line of names is known."""
    as_written: AsWritten = lambda _: frozenset()
    """Which columns' cells stay texts."""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """What files hold."""

    columns: StoredColumns
    named: bool
    """Whether the files name the columns; else their numbers are the names."""
    warnings: tuple[str, ...]
    """What was left out."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands above the examples of a file."""

    dialect: Dialect
    file: str
    """Its name in the database, as an SQL literal."""
    names: tuple[str, ...]
    named: bool


def read_csv(paths: Sequence[Path], budget: Budget, options: CsvOptions) -> CsvTable:
    """Return the columns of files with the same columns, in their order.

    Args:
        paths: the files, in UTF-8, compressed by gzip or not.
        budget: the memory that the columns may take.
        options: how they are read.

    Raises:
        TaskError: unreadable, no example, a name twice, rows of different length, or other columns in one of them.
    """
    database = Database(budget.memory)
    heads = [_load(database, path, options) for path in paths]
    head = heads[0]
    for path, other in zip(paths, heads, strict=True):
        if other.names != head.names:
            raise invalid(
                f"{path.name} has other columns than {paths[0].name}: {listed(other.names)}, not {listed(head.names)}; "
                "files that are read together need the same ones"
            )
    empty_rows = _drop_empty_rows(database, head.dialect.width)
    if not database.row(f"SELECT count(*) FROM {_TABLE}")[0]:
        raise empty("the file has a line of names but no example" if head.named else _NO_LINE)
    columns = {name: f"c{place}" for place, name in enumerate(head.names)}
    last = head.names[-1]
    nameless = last == str(len(columns) - 1)
    if nameless and len(columns) > 1 and not database.row(f"SELECT count({columns[last]}) FROM {_TABLE}")[0]:
        del columns[last]  # a delimiter ends every row
    fields = fields_of_texts(database, _TABLE, columns, options.as_written(list(columns)))
    stored = StoredColumns(
        database, _TABLE, fields, budget, lambda error: refuse(budget.path, "CSV", error, budget.memory)
    )
    told = (sentence for path, other in zip(paths, heads, strict=True) for sentence in tell(path, other.dialect))
    return CsvTable(stored, head.named, (*told, *_tell_empty(budget.path, empty_rows)))


def _drop_empty_rows(database: Database, width: int) -> int:
    """Take away the rows at the end of the table that hold nothing, as spreadsheets write them; return how many."""
    cells = ", ".join(f"c{place}" for place in range(width))
    last = database.row(f"SELECT max(rowid) FROM {_TABLE} WHERE coalesce({cells}) IS NOT NULL")[0]
    beyond = f"FROM {_TABLE} WHERE rowid > {-1 if last is None else last}"
    count: int = database.row(f"SELECT count(*) {beyond}")[0]
    if count:
        database.run(f"DELETE {beyond}")
    return count


def _tell_empty(path: Path, rows: int) -> tuple[str, ...]:
    return (f"{path.name}: {rows} rows at its end hold nothing and are left out",) if rows else ()


def _load(database: Database, path: Path, options: CsvOptions) -> _Head:
    """Append the examples of a file to the table, and return what stands above them."""
    try:
        return _append(database, with_one_line_end(path, database.folder), options)
    except (DatabaseError, *DAMAGE) as error:
        raise refuse(path, "CSV", error, database.memory) from error


def _append(database: Database, path: Path, options: CsvOptions) -> _Head:
    head = _head(database, path, options)
    relation = head.dialect.relation(head.file, header=head.named, compressed=is_compressed(path))
    rows = f"SELECT * FROM {relation}" + (" WHERE c0 IS NOT NULL" if head.dialect.width == 1 else "")
    database.run(f"CREATE TABLE IF NOT EXISTS {_TABLE} AS {rows} LIMIT 0")
    database.take_reject()
    database.run(f"INSERT INTO {_TABLE} {rows}")
    reject = database.take_reject()
    if reject is not None:
        raise invalid(_explain(path, head.dialect, reject))
    return head


def _head(database: Database, path: Path, options: CsvOptions) -> _Head:
    _check_width(path, options.delimiter)
    file = database.link(path)
    dialect = sniff(database, path, file, options.delimiter)
    wider = replace(dialect, width=dialect.width + 1)
    relation = wider.relation(file, header=False, padded=True, compressed=is_compressed(path))
    rows = database.rows(f"SELECT * FROM {relation} LIMIT {_LOOKED_AT + 1}")
    reject = database.take_reject()
    if reject is not None and reject.line <= 1 + dialect.skipped:
        raise invalid(_explain(path, dialect, reject))
    if not rows:
        raise empty(_NO_LINE)
    first, *body = ([cell for cell in row if cell is not None] for row in rows)
    if first[0].startswith("#") and body and has_names(body[0], body[1:], options.expected):
        dialect = replace(dialect, skipped=end_of_remarks(path, dialect.skipped + 1))
        first, body = body[0], body[1:]
    if len(first) == wider.width and not first[-1]:
        first.pop()
    named = options.header
    if named is None:
        named = has_names(first, [row[: len(first)] for row in body], options.expected)
    if len(first) > dialect.width or (named and len(first) < dialect.width):
        raise invalid(
            f"line {dialect.skipped + 1} of {path.name} has {len(first)} columns, the lines below it {dialect.width}; "
            "give every line the same"
        )
    names = [cell.strip() or str(place) for place, cell in enumerate(first)] if named else []
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise invalid(f"the first line of {path.name} names {quoted(twice)} twice; give every column its own name")
    return _Head(dialect, file, tuple(names or map(str, range(dialect.width))), named)


def _check_width(path: Path, delimiter: str | None) -> None:
    """Refuse a file that is wider than the database minds, by its first line."""
    with opened_text(path) as text:
        line = text.readline(_WIDEST_LINE)
    width = max(line.count(mark) for mark in ([delimiter] if delimiter else _MARKS)) + 1
    if width > MOST_COLUMNS:
        raise invalid(f"{path.name} has {width} columns or more; at most {MOST_COLUMNS} are allowed. Use an NPZ file")


def _explain(path: Path, dialect: Dialect, reject: Reject) -> str:
    """Return what is wrong with a line, in one sentence."""
    shown = f"line {reject.line} of {path.name}, {quoted(reject.text)},"
    match reject.kind:
        case "TOO MANY COLUMNS":
            return f"{shown} has more columns than the {dialect.width} of the others; {_MEND}"
        case "MISSING COLUMNS":
            return f"{shown} has {reject.column} columns, the others have {dialect.width}; {_MEND}"
        case "UNQUOTED VALUE":
            return (
                f"{shown} has a quotation mark that is not closed, or text behind a closed one; double it within a text"
            )
        case "LINE SIZE OVER MAXIMUM":
            return f"{path.name} is no readable CSV file (line {reject.line} has more than {LONGEST_LINE} characters)"
        case _:
            return f"{shown} cannot be read: {reject.kind.lower()}"
