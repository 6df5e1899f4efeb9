"""CSV files: one example a line."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idla_contract.result import FailureReason
from idla_contract.task import DataSource

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.formats.column_inference import AsWritten, number
from idla_trainer.data.formats.csv_dialect import Dialect, end_of_remarks, sniff, tell, without_blanks
from idla_trainer.data.formats.database import Database, DatabaseError, Reject, literal
from idla_trainer.data.formats.files import LONGEST_LINE, opened_text
from idla_trainer.data.formats.header import has_names
from idla_trainer.data.formats.number_cells import IS_TEXT, fields_of_texts
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.stored_columns import StoredColumns
from idla_trainer.failures import TaskError

_LOOKED_AT = 100
"""Rows by which a line of names is told from an example."""
_MANY = 20
"""Rows from which on one of texts above numbers is none of them."""
_TABLE, _LINES = "examples", "lines"
MOST_COLUMNS = 1 << 15
_MARKS = ",\t;|"
_WIDEST_LINE = 1 << 22
"""Characters of the first line by which its columns are counted."""
_NO_LINE = "the file has no line; it needs one example a line"
_MEND = "; mend or remove it, put quotation marks around a text that holds the delimiter, or set data.delimiter"
_MISFITS = {
    "TOO MANY COLUMNS": f"has more columns than the {{width}} of the others{_MEND}",
    "MISSING COLUMNS": f"has {{column}} columns, the others have {{width}}{_MEND}",
    "UNQUOTED VALUE": "has a quotation mark that is not closed, or text behind a closed one; double it within a text",
    "LINE SIZE OVER MAXIMUM": f"has more than {LONGEST_LINE} characters",
}


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands above the examples of a file."""

    dialect: Dialect
    names: tuple[str, ...]
    named: bool


class _MisfitError(TaskError):
    """A line does not fit."""


def read_csv(
    paths: Sequence[Path], budget: Budget, source: DataSource, as_written: AsWritten
) -> tuple[StoredColumns, bool, list[str]]:
    """Return the columns of files with the same columns, whether the files name them, and what is to be told.

    Args:
        paths: the files, in UTF-8, compressed by gzip or not.
        budget: the memory that the columns may take.
        source: the delimiter and whether the first line holds names, where they are not told by the first lines, and
            names of columns that somebody asks for, by which a line of names is known.
        as_written: returns of the names of all columns those whose cells stay texts.

    Raises:
        TaskError: unreadable, no example, a name twice, rows of different length, or other columns in one of them.
    """
    database, told, heads = Database("CSV", budget), list[str](), list[_Head]()
    for path in paths:
        with database.refusing(path):
            told += _load(database, path, source, heads)
    with database.refusing(budget.path):
        names, named = heads[0].names, heads[0].named
        told += _drop_rows(database, budget.path, names, named=named)
        if not database.value(f"SELECT count(*) FROM {_TABLE}"):
            raise empty("the file has a line of names but no example" if named else _NO_LINE)
        columns = {name: f"c{place}" for place, name in enumerate(names)}
        nameless = [name for place, name in enumerate(names) if name == str(place)]
        counts = database.of_each(_TABLE, [columns[name] for name in nameless], "count({c})")
        bare = {name for name, count in zip(nameless, counts, strict=True) if not count}  # delimiters end every row
        columns = {name: column for name, column in columns.items() if name not in bare} or columns
        fields = fields_of_texts(database, _TABLE, columns, as_written(list(columns)))
    return StoredColumns(database, _TABLE, fields), named, told


def _drop_rows(database: Database, path: Path, names: Sequence[str], *, named: bool) -> Iterator[str]:
    """Take away the rows at the end that hold nothing, as spreadsheets write them, and lines of names; tell of them."""
    cells = ", ".join(f"c{place}" for place in range(len(names)))
    last = f"coalesce((SELECT max(rowid) FROM {_TABLE} WHERE coalesce({cells}) IS NOT NULL), -1)"
    dropped = [(f"rowid > {last}", "rows at its end hold nothing and are left out")]
    if named and len(names) > 1:
        again = " AND ".join(f"coalesce(c{place}, '{place}') = {literal(name)}" for place, name in enumerate(names))
        dropped.append((again, "rows are the line of names once more and are left out"))
        dropped += _units(database, len(names))
    for where, sentence in dropped:
        count = database.value(f"DELETE FROM {_TABLE} WHERE {where}")
        if count:
            yield f"{path.name}: {count} {sentence}"


def _units(database: Database, width: int) -> Iterator[tuple[str, str]]:
    """Yield where and what the first row is, where it holds no number and texts above numbers alone."""
    rows = database.rows(f"SELECT * FROM {_TABLE} LIMIT {_MANY}")
    if len(rows) < _MANY:
        return
    first, second = ([number(cell or "") for cell in row] for row in rows[:2])
    texts = [place for place in range(width) if first[place] is None and second[place] is not None]
    row = f"(SELECT min(rowid) FROM {_TABLE})"
    if texts and not any(value is not None and not math.isnan(value) for value in first):
        below = database.of_each(f"{_TABLE} WHERE rowid > {row}", [f"c{place}" for place in texts], IS_TEXT)
        if not any(below):
            shown = quoted(rows[0][texts[0]])
            yield f"rowid = {row}", f"row beneath the names holds {shown} above numbers, as units are, and is left out"


def _load(database: Database, path: Path, source: DataSource, heads: list[_Head]) -> list[str]:
    """Append the examples of a file to the table, what stands above them to the heads; return what is to be told."""
    delimiter, told = source.delimiter or ("\t" if ".tsv" in path.suffixes else None), list[str]()
    aligned = path if delimiter else without_blanks(path, database.folder)
    if aligned != path:
        path, delimiter = aligned, "\t"
        told.append(f"{path.name}: blanks part its columns")
    _check_width(path, delimiter)
    file = database.link(path)
    dialect = sniff(database, path, file, delimiter)
    try:
        # A file quotes unless its quotes make no sense, or join lines that each are a whole row, as texts do that begin
        # with a quotation mark.
        empty_lines = _read_lines(database, path, file, dialect)
    except (_MisfitError, DatabaseError):
        dialect = replace(dialect, quoted=False)
        if not dialect.whole_rows(database, file):
            raise
        empty_lines = _read_lines(database, path, file, dialect)
    if empty_lines:
        told.append(f"{path.name}: {empty_lines} empty lines are left out; write NA where a value is missing")
    head = _take_head(database, path, dialect, source)
    if heads and head.names != heads[0].names:
        raise invalid(
            f"{path.name} has other columns than the first file: {listed(head.names)}, not {listed(heads[0].names)}; "
            "files that are read together need the same ones"
        )
    add = f"INSERT INTO {_TABLE} SELECT * FROM {_LINES}; DROP TABLE {_LINES}"
    database.run(add if heads else f"ALTER TABLE {_LINES} RENAME TO {_TABLE}")
    heads.append(head)
    return [*tell(path, head.dialect), *told]


def _read_lines(database: Database, path: Path, file: str, dialect: Dialect) -> int:
    """Load the lines; return how many empty ones stand between those of a single column, which are left out."""
    database.run(f"CREATE OR REPLACE TABLE {_LINES} AS SELECT * FROM {dialect.relation(file)}")
    reject = database.take_reject()
    if reject is not None or (dialect.quoted and _joins_rows(database, file, dialect)):
        raise _misfit(path, dialect, reject)
    if dialect.width > 1:
        return 0
    last = f"(SELECT max(rowid) FROM {_LINES} WHERE c0 IS NOT NULL)"
    empty_lines = int(database.value(f"SELECT count(*) FROM {_LINES} WHERE c0 IS NULL AND rowid < {last}"))
    # A new table has no gaps in the numbers of its rows.
    database.run(f"CREATE OR REPLACE TABLE {_LINES} AS SELECT * FROM {_LINES} WHERE c0 IS NOT NULL")
    return empty_lines


def _joins_rows(database: Database, file: str, dialect: Dialect) -> bool:
    """Return whether quotation marks make one row of lines that each are a whole one."""
    columns = [f"c{place}" for place in range(dialect.width)]
    if not any(database.of_each(_LINES, columns, "bool_or(contains({c}, chr(10)) OR contains({c}, chr(13)))")):
        return False
    lines = replace(dialect, quoted=False).whole_rows(database, file)
    return lines not in {0, database.value(f"SELECT count(*) FROM {_LINES}")}


def _take_head(database: Database, path: Path, dialect: Dialect, source: DataSource) -> _Head:
    """Take away the lines that are no example."""
    rows = database.rows(f"SELECT * FROM {_LINES} LIMIT {_LOOKED_AT + 1}")
    if not rows:
        raise empty(_NO_LINE)
    first, *body = ([cell or "" for cell in row] for row in rows)
    expected = _expected(source)
    remark = first[0].startswith("#") and bool(body) and has_names(body[0], body[1:], expected)
    if remark:
        dialect = replace(dialect, skipped=end_of_remarks(path, dialect.skipped + 1))
        first, *body = body
    named = source.header
    if named is None:
        below = [row for row in body if row != first]  # names may stand again
        used = [place for place, name in enumerate(first) if name or any(row[place] for row in below)]
        shown, *below = ([row[place] for place in used] for row in (first, *below))
        named = has_names(shown, below, expected)
    names = [cell.strip() or str(place) for place, cell in enumerate(first)] if named else []
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise invalid(f"the first line of {path.name} names {quoted(twice)} twice; give every column its own name")
    database.run(f"DELETE FROM {_LINES} WHERE rowid < {remark + named}")
    return _Head(dialect, tuple(names or map(str, range(dialect.width))), named)


def _expected(source: DataSource) -> set[str]:
    """Return the names of columns that the task asks for, or that answers have where it names none."""
    roles = source.columns.model_dump(exclude_none=True).values()
    asked = (name for role in roles for name in ([role] if isinstance(role, str) else role))
    return {"label", "target", *asked}


def _check_width(path: Path, delimiter: str | None) -> None:
    """Refuse a file that is wider than the database minds, by its first line."""
    with opened_text(path) as text:
        line = text.readline(_WIDEST_LINE)
    width = 1 + max(line.count(mark) for mark in delimiter or _MARKS)
    if width > MOST_COLUMNS:
        raise invalid(f"{path.name} has {width} columns or more; at most {MOST_COLUMNS} are allowed. Use an NPZ file")


def _misfit(path: Path, dialect: Dialect, reject: Reject | None) -> _MisfitError:
    """Return what is wrong with a line, in one sentence; nothing is said where it is none in itself."""
    message = ""
    if reject is not None:
        why = _MISFITS.get(reject.kind, f"cannot be read: {reject.kind.lower()}")
        why = why.format(width=dialect.width, column=reject.column)
        message = f"line {reject.line} of {path.name}, {quoted(reject.text.strip())}, {why}"
    return _MisfitError(FailureReason.DATA_INVALID, message)
