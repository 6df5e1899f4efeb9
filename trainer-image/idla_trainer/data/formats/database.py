"""A database beside the process that reads data files and holds what memory need not hold."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from idla_trainer.data.formats.files import is_compressed
from idla_trainer.data.formats.refusals import invalid, unreadable
from idla_trainer.failures import TaskError
from idla_trainer.runtime_limits import cpu_count

DatabaseError = duckdb.Error
_PLACE = re.compile(r"(?: in)?(?:(?<! of) file)?:? [\"']?/[^\s\"']*/file-\d+(\.gz)?[\"']?,?")
"""Where a file lies, which is no business of the reader of a message."""
_LEAST, _MOST = 1 << 28, 1 << 30
"""Bytes of memory that it works with; the rest lies in files."""
_AT_ONCE = 1 << 14
"""Rows that are fetched together."""
_COLUMNS, _QUERIES = 16, 64
"""Columns that a query looks at: many small queries are prepared faster than a large one, but each takes the longer
the wider the table is."""
_SHOWN = 60
"""Characters of a line."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A line of a CSV file that does not fit."""

    line: int
    """From 1."""
    kind: str
    """In the database's words, such as TOO MANY COLUMNS."""
    column: int
    """From 1."""
    text: str
    """The beginning of the line."""


class Database:
    """Tables and files to be asked by SQL; gone with the last that refers to it."""

    def __init__(self, memory: int) -> None:
        """Begin without a table.

        Args:
            memory: bytes that the examples may take, of which a quarter is worked with.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="examples-"))
        """Lives as long as the database."""
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.memory = memory
        self._links = 0
        limit = min(max(memory // 4, _LEAST), _MOST)
        self._connection = duckdb.connect(
            config={
                "threads": cpu_count(),
                "memory_limit": f"{limit}B",
                "temp_directory": str(self.folder / "overflow"),
                # Nothing is fetched and nothing foreign is loaded, whatever a file says.
                "autoinstall_known_extensions": False,
                "allow_community_extensions": False,
                "lock_configuration": True,
            }
        )

    def link(self, path: Path) -> str:
        """Return a name of a file, as an SQL literal: in its own name `*` and `[` would stand for others."""
        self._links += 1
        link = self.folder / f"file-{self._links}{'.gz' * is_compressed(path)}"
        link.symlink_to(path.absolute())
        return literal(str(link))

    def run(self, query: str) -> None:
        """Run a statement.

        Raises:
            DatabaseError: it cannot be done.
        """
        self._connection.execute(query)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return all rows of an answer.

        Raises:
            DatabaseError: there is none.
        """
        return self._connection.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        """Return the one row of an answer.

        Raises:
            DatabaseError: there is none.
        """
        return self.rows(query)[0]

    def blocks(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of an answer, some at a time.

        Raises:
            DatabaseError: there is none.
        """
        answer = self._connection.cursor().execute(query)
        while rows := answer.fetchmany(_AT_ONCE):
            yield rows

    def of_each(self, relation: str, columns: Sequence[str], answers: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield some answers on each column, in the order of the columns.

        Args:
            relation: the table, or what stands for one in SQL.
            columns: the SQL of each.
            answers: SQL in which `{c}` stands for the column.

        Raises:
            DatabaseError: there is none.
        """
        width = max(_COLUMNS, len(columns) // _QUERIES)
        for start in range(0, len(columns), width):
            asked = [answer.format(c=column) for column in columns[start : start + width] for answer in answers]
            row = self.row(f"SELECT {', '.join(asked)} FROM {relation}")
            yield from (row[place : place + len(answers)] for place in range(0, len(row), len(answers)))

    def take_reject(self) -> Reject | None:
        """Return the first line that did not fit since the last call."""
        if not self.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'"):
            return None
        found = self.rows(
            f"SELECT line, error_type::VARCHAR, column_idx, left(csv_line, {_SHOWN}) FROM reject_errors ORDER BY line "
            "LIMIT 1"
        )
        self.run("DROP TABLE reject_errors")
        self.run("DROP TABLE reject_scans")
        return Reject(*found[0]) if found else None

    def numbers(self, query: str) -> Sequence[npt.NDArray[np.float64]]:
        """Return the columns of an answer that holds numbers, NaN where there is none.

        Raises:
            DatabaseError: there is none.
        """
        found = self._connection.execute(query).fetchnumpy().values()
        return [np.ma.filled(column.astype(np.float64), np.nan) for column in found]


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def refuse(path: Path, kind: str, error: Exception, memory: int) -> TaskError:
    """Return the refusal of a file that the database could not read.

    Args:
        path: the file.
        kind: the format.
        error: what it came to.
        memory: bytes that the examples may take.
    """
    if isinstance(error, duckdb.OutOfMemoryException):
        return invalid(
            f"the task has room for {memory} bytes of examples, too little to read {path.name}; raise "
            "spec.resources.limits.memory, or give it fewer or smaller examples"
        )
    why = _first_line(error)
    return unreadable(path, kind, why, "copy it again" if "magic bytes" in why else "")


def _first_line(error: Exception) -> str:
    """Return what an error says, without hints and without the paths of this machine."""
    text = str(error).partition("\n")[0].strip()
    return _PLACE.sub("", text).removeprefix("Invalid Input Error: ").removesuffix(".").strip()
