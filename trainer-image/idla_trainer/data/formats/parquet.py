"""Parquet files: typed columns, in one file or in parts."""

import re
from collections.abc import Sequence
from pathlib import Path

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import EXACT
from idla_trainer.data.formats.database import Database, DatabaseError, refuse
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.stored_columns import Budget, Field, Kind, StoredColumns

_WHOLE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER")
_NUMBER = rf"{_WHOLE.pattern}|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN"
_READ = (
    (re.compile(rf'{_NUMBER}|"NULL"'), Kind.NUMBERS, "{c}::DOUBLE"),
    (re.compile(rf"({_NUMBER})(\[\d*\])+"), Kind.LISTS, "{c}"),
    (re.compile(r"VARCHAR|UUID|ENUM\(.*\)|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?"), Kind.TEXTS, "coalesce({c}::VARCHAR, '')"),
    (
        re.compile(r"TIMESTAMP WITH TIME ZONE"),
        Kind.TEXTS,
        "coalesce(make_timestamp(epoch_us({c}))::VARCHAR || 'Z', '')",
    ),
    (re.compile(r"BLOB"), Kind.BYTES, "coalesce({c}, ''::BLOB)"),
    (re.compile(r'STRUCT\("?bytes"? BLOB, "?path"? VARCHAR\)'), Kind.BYTES, "coalesce({c}.bytes, ''::BLOB)"),
)
"""How columns of the database's types are read; the last one is a picture as Hugging Face's data sets hold it."""


def read_parquet(files: Sequence[Path], budget: Budget) -> StoredColumns:
    """Return the columns of a file by name, in its order.

    Numbers and decimals become numbers, NaN where one is missing, and so do truth values of which some are missing;
    texts stay texts, empty where one is missing; dates and times become texts in ISO 8601; bytes stay bytes; lists of
    numbers become arrays [N, ...]. Whole numbers of 2^53 or more become texts, since no float holds them.

    Args:
        files: the file, or its parts in their order.
        budget: the memory that the columns may take.

    Raises:
        TaskError: unreadable, no example, or parts with other columns.
    """
    database = Database(budget.memory)
    names = [_names(database, file) for file in files]
    for file, found in zip(files, names, strict=True):
        if found != names[0]:
            raise invalid(f"{file.name} has the columns {listed(found, 8)}, an earlier part {listed(names[0], 8)}")
    columns = ", ".join(f"c{place}" for place in range(len(names[0])))
    parts = [f"read_parquet({database.link(file)}, file_row_number = true) AS part({columns}, rowid)" for file in files]

    def refused(error: DatabaseError) -> Exception:
        return refuse(budget.path, "Parquet", error, budget.memory)

    try:
        # A view asks each part for the wanted columns alone, and brings their types together.
        database.run(f"CREATE VIEW examples AS {' UNION ALL '.join(f'SELECT {columns} FROM {part}' for part in parts)}")
        described = database.rows("SELECT column_name, column_type FROM (DESCRIBE examples)")
        fields = {
            name: _field(database, budget.path, name, *column) for name, column in zip(names[0], described, strict=True)
        }
        rows = {part: database.row(f"SELECT count(*) FROM {part}")[0] for part in parts}
    except DatabaseError as error:
        raise refused(error) from error
    stored = StoredColumns(database, "examples", fields, budget, refused, parts=rows)
    if not stored.rows:
        raise empty(f"{budget.path.name} holds no example")
    return stored


def _names(database: Database, file: Path) -> Sequence[str]:
    """Return the names of the columns as the file has them: the database renames those that differ in case alone.

    Raises:
        TaskError: unreadable, or a name twice.
    """
    try:
        tree = database.rows(f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({database.link(file)})")
    except DatabaseError as error:
        raise refuse(file, "Parquet", error, database.memory) from error
    names, open_ends = list[str](), 0
    for name, children in tree[1:]:
        if not open_ends:
            names.append(name)
            open_ends = 1
        open_ends += children - 1
    if len(set(names)) < len(names):
        raise invalid(f"{file.name} has a column twice; give every column its own name")
    return names


def _field(database: Database, path: Path, name: str, column: str, kind: str) -> Field:
    if _WHOLE.fullmatch(kind) and database.rows(
        f"SELECT 1 FROM examples WHERE abs({column}::HUGEINT) >= {EXACT} LIMIT 1"
    ):
        return Field(Kind.TEXTS, f"coalesce({column}::VARCHAR, '')")
    if kind == "BOOLEAN" and not database.rows(f"SELECT 1 FROM examples WHERE {column} IS NULL LIMIT 1"):
        return Field(Kind.TRUTHS, f"{column}::DOUBLE")
    for types, read_as, sql in _READ:
        if types.fullmatch(kind):
            return Field(read_as, sql.format(c=column))
    allowed = (
        "whole numbers, numbers, truth values, texts, dates, times, bytes, and lists of as many numbers in each row"
    )
    return Field(
        Kind.OTHER,
        column,
        f"the column {quoted(name)} of {path.name} is of the type {kind}; allowed: {allowed}. Leave it out of the "
        "file, or name the columns to learn from in data.columns",
    )
