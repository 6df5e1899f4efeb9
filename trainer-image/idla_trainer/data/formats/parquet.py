"""Parquet files: typed columns, in one file or in parts."""

import re
from collections.abc import Sequence
from pathlib import Path

from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.formats.column_inference import EXACT
from idla_trainer.data.formats.database import Database
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.stored_columns import Field, Kind, StoredColumns

_WHOLE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,0\)")
_ROW = "file_row_number"
_READ = (
    (rf'{_WHOLE.pattern}|FLOAT|DOUBLE|DECIMAL\([^)]*\)|BOOLEAN|"NULL"', Kind.NUMBERS, "{c}::DOUBLE"),
    (r"VARCHAR|UUID|ENUM\(.*\)|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?", Kind.TEXTS, "coalesce({c}::VARCHAR, '')"),
    (r"TIMESTAMP WITH TIME ZONE", Kind.TEXTS, "coalesce(make_timestamp(epoch_us({c}))::VARCHAR || 'Z', '')"),
    (r"BLOB", Kind.BYTES, "coalesce({c}, ''::BLOB)"),
    (r'STRUCT\("?bytes"? BLOB, "?path"? VARCHAR\)', Kind.BYTES, "coalesce({c}.bytes, ''::BLOB)"),
    (r".*", Kind.LISTS, "{c}"),
)
"""How columns of the database's types are read; the last but one is a picture as Hugging Face's data sets hold it."""


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
    database = Database("Parquet", budget)
    names = [_names(database, file) for file in files]
    for file, found in zip(files, names, strict=True):
        if found != names[0]:
            raise invalid(f"{file.name} has the columns {listed(found, 8)}, an earlier part {listed(names[0], 8)}")
    if _ROW in names[0]:
        raise invalid(f"{budget.path.name} has a column {_ROW!r}, as the reader calls the number of a row; rename it")
    columns = ", ".join(f"c{place}" for place in range(len(names[0])))
    parts = [f"read_parquet({database.link(file)}, {_ROW} = true) AS part({columns}, rowid)" for file in files]
    with database.refusing(budget.path):
        # A view asks each part for the wanted columns alone, and brings their types together.
        database.run(f"CREATE VIEW examples AS {' UNION ALL '.join(f'SELECT {columns} FROM {part}' for part in parts)}")
        described = database.rows("SELECT column_name, column_type FROM (DESCRIBE examples)")
        fields = {name: _field(database, *column) for name, column in zip(names[0], described, strict=True)}
    stored = StoredColumns(database, "examples", fields, parts)
    if not stored.rows:
        raise empty(f"{budget.path.name} holds no example")
    return stored


def _names(database: Database, file: Path) -> Sequence[str]:
    """Return the names of the columns as the file has them: the database renames those that differ in case alone.

    Raises:
        TaskError: unreadable, or a name twice.
    """
    with database.refusing(file):
        tree = database.rows(f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({database.link(file)})")
    names, open_ends = list[str](), 0
    for name, children in tree[1:]:
        if not open_ends:
            names.append(name)
            open_ends = 1
        open_ends += children - 1
    if len(set(names)) < len(names):
        raise invalid(f"{file.name} has a column twice; give every column its own name")
    return names


def _field(database: Database, column: str, kind: str) -> Field:
    read_as, sql = next((read_as, sql) for types, read_as, sql in _READ if re.fullmatch(types, kind))
    if _WHOLE.fullmatch(kind) and database.rows(
        f"SELECT 1 FROM examples WHERE abs({column}::HUGEINT) >= {EXACT} LIMIT 1"
    ):
        read_as, sql = Kind.TEXTS, "coalesce({c}::VARCHAR, '')"
    if kind == "BOOLEAN" and not database.rows(f"SELECT 1 FROM examples WHERE {column} IS NULL LIMIT 1"):
        sql = "{c}"
    return Field(read_as, sql.format(c=column))
