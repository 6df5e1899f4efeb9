"""What is written in any dialect is read back as it was, or is refused with its line: never silently other."""

import csv
import gzip
import io
import re
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from idla_contract.encoding import Encoding
from idla_contract.task import Columns, DataSource
from idla_trainer.data.formats.encodings import python_codec
from idla_trainer.data.table import read_table
from idla_trainer.failures import TaskError

MEMORY = 1 << 24
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
ALPHABETS = {
    Encoding.UTF_8: "aZ09 '#;,|\t\"\n_-./\\é漢🙂",
    Encoding.UTF_16LE: "aZ09 '#;,|\t\"\n_-./\\é漢🙂",
    Encoding.WINDOWS_1252: "aZ09 '#;,|\t\"\n_-./\\éß",
    Encoding.SHIFT_JIS: "aZ09 '#;,|\t\"\n_-./漢字カ",
}


@dataclass(frozen=True)
class Written:
    """A table and how it is written."""

    rows: list[list[str]]
    delimiter: str
    encoding: Encoding
    told: bool
    """Whether the user says delimiter and encoding."""
    content: bytes


@st.composite
def tables(draw: st.DrawFn) -> Written:
    encoding = draw(st.sampled_from(list(ALPHABETS)))
    cell = st.text(ALPHABETS[encoding], max_size=6)
    number = st.floats(-1e6, 1e6).map(lambda value: f"{value:.3f}")
    columns = draw(st.lists(st.sampled_from([cell, number]), min_size=2, max_size=5))
    rows = draw(st.lists(st.tuples(*columns).map(list), min_size=2, max_size=12))
    rows = [[f"name{place}" for place in range(len(columns))], *rows]
    delimiter = draw(st.sampled_from(",;\t|"))
    quoting: Literal[0, 1] = draw(st.sampled_from((0, 1)))
    end = draw(st.sampled_from(["", delimiter]))
    above = draw(st.sampled_from([(), ("# made by hand",), ("# a logger's", "# own words, of 2024", "")]))
    line_ends = cycle(draw(st.sampled_from([("\n",), ("\r\n",), ("\n", "\r\n"), ("\r\n", "\n")])))
    text = io.StringIO()
    text.writelines(line + next(line_ends) for line in above)
    for row in rows:
        csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end + next(line_ends)).writerow(row)
    encoded = text.getvalue().encode(python_codec(encoding))
    content = draw(st.sampled_from([encoded, gzip.compress(encoded)]))
    return Written(rows, delimiter, encoding, draw(st.booleans()), content)


@settings(suppress_health_check=QUIET)
@given(table=tables())
def test_a_table_in_any_dialect_is_read_as_it_was_written(tmp_path: Path, table: Written) -> None:
    (tmp_path / "d.csv").write_bytes(table.content)
    names = table.rows[0]
    told = {"delimiter": table.delimiter, "encoding": table.encoding} if table.told else {}
    source = DataSource(uri="pvc://c/x", header=True, columns=Columns(label=names[-1]), **told)
    try:
        found = read_table(tmp_path / "d.csv", source, MEMORY, label=("label",))
        columns = dict(found.columns)
    except TaskError as error:
        if without_end(table.rows[1:]) and not re.search(r"line \d|data\.encoding", str(error)):
            raise
        return
    expected = dict(zip(names, zip(*without_end(table.rows[1:]), strict=True), strict=True))
    if any("data.encoding" in warning or "quotation marks" in warning for warning in found.warnings):
        return  # it was guessed, and the user is told so
    assert list(columns) == names
    for name, cells in expected.items():
        assert_same(columns[name], list(cells))


def without_end(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows without those at the end that hold nothing."""
    last = max((place for place, row in enumerate(rows) if any(row)), default=-1)
    return rows[: last + 1]


def assert_same(column: Any, cells: list[str]) -> None:
    """Compare what is read with what was written: as texts, or as the numbers that they are."""
    if column.dtype == object:
        assert column.tolist() == cells
    else:
        np.testing.assert_array_equal(column, [float(cell) if cell.strip() else np.nan for cell in cells])
