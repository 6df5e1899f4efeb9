"""A database beside the process that reads data files and holds what memory need not hold."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.formats.files import DAMAGE, is_compressed
from idla_trainer.data.formats.refusals import invalid, unreadable
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

    def __init__(self, kind: str, budget: Budget) -> None:
        """Begin without a table.

        Args:
            kind: the format of the files, for messages.
            budget: the memory that the examples may take, of which a quarter is worked with.
        """
        self._kind = kind
        self.budget = budget
        self.folder = Path(tempfile.mkdtemp(prefix="examples-"))
        """Lives as long as the database."""
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._links = 0
        limit = min(max(budget.memory // 4, _LEAST), _MOST)
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

    def value(self, query: str) -> Any:
        """Return the one cell of an answer.

        Raises:
            DatabaseError: there is none.
        """
        return self.rows(query)[0][0]

    def cells(self, query: str) -> Iterator[list[Any]]:
        """Yield the cells of an answer of one column, some at a time.

        Raises:
            DatabaseError: there is none.
        """
        answer = self._connection.cursor().execute(query)
        while rows := answer.fetchmany(_AT_ONCE):
            yield [cell for (cell,) in rows]

    def of_each(self, relation: str, columns: Sequence[str], question: str) -> list[Any]:
        """Return what is asked of each column, in the order of the columns.

        Args:
            relation: the table, or what stands for one in SQL.
            columns: the SQL of each.
            question: SQL in which `{c}` stands for the column.

        Raises:
            DatabaseError: there is no answer.
        """
        asked, answers = [question.format(c=column) for column in columns], list[Any]()
        width = max(_COLUMNS, len(columns) // _QUERIES)
        for start in range(0, len(columns), width):
            answers += self.rows(f"SELECT {', '.join(asked[start : start + width])} FROM {relation}")[0]
        return answers

    def take_reject(self) -> Reject | None:
        """Return the first line that did not fit since the last call."""
        if not self.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'"):
            return None
        found = self.rows(
            f"SELECT line, error_type::VARCHAR, column_idx, left(csv_line, {_SHOWN}) FROM reject_errors ORDER BY line "
            "LIMIT 1"
        )
        self.run("DROP TABLE reject_errors; DROP TABLE reject_scans")
        return Reject(*found[0]) if found else None

    def numbers(self, query: str) -> Sequence[npt.NDArray[Any]]:
        """Return the columns of an answer that holds numbers, NaN where there is none, or truth values.

        Raises:
            DatabaseError: there is no answer.
        """
        found = self._connection.execute(query).fetchnumpy().values()
        return [
            column if column.dtype == np.bool_ else np.ma.filled(column.astype(np.float64), np.nan) for column in found
        ]

    @contextmanager
    def refusing(self, path: Path) -> Iterator[None]:
        """Refuse a file where reading it fails within the context.

        Raises:
            TaskError: it does.
        """
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise invalid(
                f"the task has room for {self.budget.memory} bytes of examples, too little to read {path.name}; raise "
                "spec.resources.limits.memory, or give it fewer or smaller examples"
            ) from error
        except (DatabaseError, *DAMAGE) as error:
            why = _first_line(error)
            raise unreadable(path, self._kind, why, "copy it again" if "magic bytes" in why else "") from error


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    """Return what an error says, without hints and without the paths of this machine."""
    text = str(error).partition("\n")[0].strip()
    return _PLACE.sub("", text).removeprefix("Invalid Input Error: ").removesuffix(".").strip()
