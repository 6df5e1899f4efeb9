"""CSV files: one example a line."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import AsWritten, number
from idla_trainer.data.formats.csv_dialect import Dialect, end_of_remarks, sniff, tell, without_blanks
from idla_trainer.data.formats.database import Database, DatabaseError, Reject, literal, refuse
from idla_trainer.data.formats.files import DAMAGE, LONGEST_LINE, opened_text
from idla_trainer.data.formats.header import has_names
from idla_trainer.data.formats.number_cells import IS_TEXT, fields_of_texts
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.stored_columns import Budget, StoredColumns

_LOOKED_AT = 100
"""Rows by which a line of names is told from an example."""
_MANY = 20
"""Rows from which on one of texts above numbers is none of them."""
_TABLE = "examples"
MOST_COLUMNS = 1 << 15
_MARKS = ",\t;|"
_WIDEST_LINE = 1 << 22
"""Characters of the first line by which its columns are counted."""
_NO_LINE = "the file has no line; it needs one example a line"
_MEND = "mend or remove it, put quotation marks around a text that holds the delimiter, or set data.delimiter"


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
    names: tuple[str, ...]
    named: bool


class _MisfitError(Exception):
    """A line does not fit."""


def read_csv(paths: Sequence[Path], budget: Budget, options: CsvOptions) -> CsvTable:
    """Return the columns of files with the same columns, in their order.

    Args:
        paths: the files, in UTF-8, compressed by gzip or not.
        budget: the memory that the columns may take.
        options: how they are read.

    Raises:
        TaskError: unreadable, no example, a name twice, rows of different length, or other columns in one of them.
    """
    database, told = Database(budget.memory), list[str]()
    heads = list[_Head]()
    for path in paths:
        try:
            told += _load(database, path, options, heads)
        except _MisfitError as error:
            raise invalid(str(error)) from error
        except (DatabaseError, *DAMAGE) as error:
            raise refuse(path, "CSV", error, database.memory) from error
    names, named = heads[0].names, heads[0].named
    told += _drop_rows(database, budget.path, names, named=named)
    if not database.row(f"SELECT count(*) FROM {_TABLE}")[0]:
        raise empty("the file has a line of names but no example" if named else _NO_LINE)
    columns = {name: f"c{place}" for place, name in enumerate(names)}
    nameless = [name for place, name in enumerate(names) if name == str(place)]
    counts = database.of_each(_TABLE, [columns[name] for name in nameless], ("count({c})",))
    bare = {name for name, (count,) in zip(nameless, counts, strict=True) if not count}  # delimiters end every row
    columns = {name: column for name, column in columns.items() if name not in bare} or columns
    fields = fields_of_texts(database, _TABLE, columns, options.as_written(list(columns)))
    stored = StoredColumns(
        database, _TABLE, fields, budget, lambda error: refuse(budget.path, "CSV", error, budget.memory)
    )
    return CsvTable(stored, named, tuple(told))


def _drop_rows(database: Database, path: Path, names: Sequence[str], *, named: bool) -> list[str]:
    """Take away the rows at the end that hold nothing, as spreadsheets write them, and lines of names; tell of them."""
    cells = ", ".join(f"c{place}" for place in range(len(names)))
    last = f"coalesce((SELECT max(rowid) FROM {_TABLE} WHERE coalesce({cells}) IS NOT NULL), -1)"
    dropped = [(f"rowid > {last}", "rows at its end hold nothing and are left out")]
    if named and len(names) > 1:
        again = " AND ".join(f"coalesce(c{place}, '{place}') = {literal(name)}" for place, name in enumerate(names))
        dropped.append((again, "rows are the line of names once more and are left out"))
        dropped += _units(database, len(names))
    told = []
    for where, sentence in dropped:
        count = database.row(f"SELECT count(*) FROM {_TABLE} WHERE {where}")[0]
        if count:
            database.run(f"DELETE FROM {_TABLE} WHERE {where}")
            told.append(f"{path.name}: {count} {sentence}")
    return told


def _units(database: Database, width: int) -> list[tuple[str, str]]:
    """Return where and what the first row is, where it holds no number and texts above numbers alone; else nothing."""
    rows = database.rows(f"SELECT * FROM {_TABLE} LIMIT {_MANY}")
    if len(rows) < _MANY:
        return []
    first, second = ([number(cell or "") for cell in row] for row in rows[:2])
    texts = [place for place in range(width) if first[place] is None and second[place] is not None]
    if not texts or any(value is not None and not math.isnan(value) for value in first):
        return []
    row = f"(SELECT min(rowid) FROM {_TABLE})"
    below = database.of_each(f"{_TABLE} WHERE rowid > {row}", [f"c{place}" for place in texts], (IS_TEXT,))
    if any(is_text for (is_text,) in below):
        return []
    shown = quoted(rows[0][texts[0]])
    return [(f"rowid = {row}", f"row beneath the names holds {shown} above numbers, as units are, and is left out")]


def _load(database: Database, path: Path, options: CsvOptions, heads: list[_Head]) -> tuple[str, ...]:
    """Append the examples of a file to the table, what stands above them to the heads; return what is to be told."""
    _check_width(path, options.delimiter)
    file = database.link(path)
    dialect = sniff(database, path, file, options.delimiter)
    aligned = without_blanks(path, dialect, database.folder) if options.delimiter is None else path
    if aligned != path:
        told = _load(database, aligned, replace(options, delimiter="\t"), heads)
        return (*tell(path, dialect), f"{path.name}: blanks part its columns", *told)
    try:
        # A file quotes unless its quotes make no sense, or join lines that each are a whole row, as texts do that begin
        # with a quotation mark.
        head = _head(database, path, file, dialect, options)
        _append(database, path, file, head, heads)
    except (_MisfitError, DatabaseError):
        plain = replace(dialect, quoted=False)
        if not plain.whole_rows(database, file):
            raise
        head = _head(database, path, file, plain, options)
        _append(database, path, file, head, heads)
    heads.append(head)
    return tell(path, head.dialect)


def _append(database: Database, path: Path, file: str, head: _Head, heads: Sequence[_Head]) -> None:
    dialect = head.dialect
    if heads and head.names != heads[0].names:
        raise invalid(
            f"{path.name} has other columns than the first file: {listed(head.names)}, not {listed(heads[0].names)}; "
            "files that are read together need the same ones"
        )
    columns = ", ".join(f"c{place} VARCHAR" for place in range(dialect.width))
    database.run(f"CREATE TABLE IF NOT EXISTS {_TABLE} ({columns})")
    last = database.row(f"SELECT coalesce(max(rowid), -1) FROM {_TABLE}")[0]
    added = f"{_TABLE} WHERE rowid > {last}"
    where = "WHERE c0 IS NOT NULL" if dialect.width == 1 else ""
    database.run(f"INSERT INTO {_TABLE} SELECT * FROM {dialect.relation(file, header=head.named)} {where}")
    reject = database.take_reject()
    if reject is not None or (dialect.quoted and _joins_rows(database, file, head, added)):
        database.run(f"DELETE FROM {added}")
        raise _MisfitError("" if reject is None else _explain(path, dialect, reject))


def _joins_rows(database: Database, file: str, head: _Head, added: str) -> bool:
    """Return whether quotation marks make one row of lines that each are a whole one."""
    columns = [f"c{place}" for place in range(head.dialect.width)]
    ends = database.of_each(added, columns, ("bool_or(contains({c}, chr(10)) OR contains({c}, chr(13)))",))
    if not any(found for (found,) in ends) and not any("\n" in name or "\r" in name for name in head.names):
        return False
    lines = replace(head.dialect, quoted=False).whole_rows(database, file)
    return lines not in {0, head.named + database.row(f"SELECT count(*) FROM {added}")[0]}


def _head(database: Database, path: Path, file: str, dialect: Dialect, options: CsvOptions) -> _Head:
    rows = database.rows(f"SELECT * FROM {dialect.relation(file, padded=True)} LIMIT {_LOOKED_AT + 1}")
    reject = database.take_reject()
    if reject is not None and reject.line <= 1 + dialect.skipped:
        raise _MisfitError(_explain(path, dialect, reject))
    if not rows:
        raise empty(_NO_LINE)
    first, *body = ([cell for cell in row if cell is not None] for row in rows)
    if first[0].startswith("#") and body and has_names(body[0], body[1:], options.expected):
        dialect = replace(dialect, skipped=end_of_remarks(path, dialect.skipped + 1))
        first, body = body[0], body[1:]
    if len(first) > dialect.width and not first[-1]:
        first.pop()
    named = options.header
    if named is None:
        below = [row for row in body if len(row) >= len(first) and row != first]  # where names may stand again
        used = [place for place, name in enumerate(first) if name or any(row[place] for row in below)]
        shown, *below = ([row[place] for place in used] for row in (first, *below))
        named = has_names(shown, below, options.expected)
    if len(first) > dialect.width or (named and len(first) < dialect.width):
        raise invalid(
            f"line {dialect.skipped + 1} of {path.name} has {len(first)} columns, the lines below it {dialect.width}; "
            "give every line the same"
        )
    names = [cell.strip() or str(place) for place, cell in enumerate(first)] if named else []
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise invalid(f"the first line of {path.name} names {quoted(twice)} twice; give every column its own name")
    return _Head(dialect, tuple(names or map(str, range(dialect.width))), named)


def _check_width(path: Path, delimiter: str | None) -> None:
    """Refuse a file that is wider than the database minds, by its first line."""
    with opened_text(path) as text:
        line = text.readline(_WIDEST_LINE)
    width = max(line.count(mark) for mark in ([delimiter] if delimiter else _MARKS)) + 1
    if width > MOST_COLUMNS:
        raise invalid(f"{path.name} has {width} columns or more; at most {MOST_COLUMNS} are allowed. Use an NPZ file")


def _explain(path: Path, dialect: Dialect, reject: Reject) -> str:
    """Return what is wrong with a line, in one sentence."""
    shown = f"line {reject.line} of {path.name}, {quoted(reject.text.strip())},"
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
