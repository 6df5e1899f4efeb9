"""Parquet files: what each type becomes, parts of a file, and what is refused."""

import decimal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.task import DataFormat, DataSource
from idla_trainer.data.formats import parquet as files
from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.table import read_table
from pyarrow import parquet

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

MEMORY = 1 << 22
DAY = datetime(2024, 5, 1, 8, 15, tzinfo=UTC)


def read_parquet(path: Path, memory: int) -> dict[str, Any]:
    parts = sorted(path.iterdir()) if path.is_dir() else [path]
    return dict(files.read_parquet(parts, Budget(path, memory, spill=False)))


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path, **options)
    return path


COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "whole numbers": (pa.array([1, 2, None], pa.int32()), [1.0, 2.0, None]),
    "numbers": (pa.array([1.5, None, -0.25], pa.float32()), [1.5, None, -0.25]),
    "truth values of which one is missing": (pa.array([True, None, False]), [1.0, None, 0.0]),
    "truth values": (pa.array([True, False]), [True, False]),
    "decimals": (pa.array([decimal.Decimal("1.25"), None, decimal.Decimal(3)]), [1.25, None, 3.0]),
    "numbers beyond a float": (pa.array([1 << 60, 2, None]), [str(1 << 60), "2", ""]),
    "whole decimals beyond a float": (
        pa.array([decimal.Decimal((1 << 53) + 1), None], pa.decimal128(18, 0)),
        [str((1 << 53) + 1), ""],
    ),
    "texts": (pa.array(["a", None, "NA"]), ["a", "", "NA"]),
    "categories": (pa.array(["a", None, "a"]).dictionary_encode(), ["a", "", "a"]),
    "times": (pa.array([DAY, None], pa.timestamp("ms", "UTC")), ["2024-05-01 08:15:00Z", ""]),
    "bytes": (pa.array([b"\xff\xd8", None, b""]), [b"\xff\xd8", b"", b""]),
    "pictures of Hugging Face": (pa.array([{"bytes": b"\xff\xd8", "path": "a.jpg"}, None]), [b"\xff\xd8", b""]),
    "lists": (pa.array([[1, 2], [3, 4], [5, 6]]), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    "lists of decimals": (pa.array([[decimal.Decimal("1.5")], [decimal.Decimal(2)]]), [[1.5], [2.0]]),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_every_type_has_its_column(tmp_path: Path, case: str) -> None:
    array, expected = COLUMNS[case]
    column = read_parquet(write(tmp_path / "d.parquet", {"it": array}), MEMORY)["it"]
    assert [None if cell != cell else cell for cell in column.tolist()] == expected  # noqa: PLR0124


CELLS = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=5))


@given(st.lists(st.tuples(CELLS, st.none() | st.floats(-9, 9)), min_size=1, max_size=40), st.integers(1, 9))
def test_groups_of_rows_and_compression_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, float | None]], group: int
) -> None:
    texts, numbers = (pa.array(column) for column in zip(*rows, strict=True))
    columns = {"text": texts.cast("string"), "number": numbers.cast("double")}
    folder = tmp_path_factory.mktemp("parquet")
    one = read_parquet(write(folder / "one.parquet", columns), MEMORY)
    other = read_parquet(write(folder / "two.parquet", columns, row_group_size=group, compression="gzip"), MEMORY)
    assert one["text"].tolist() == other["text"].tolist()
    np.testing.assert_array_equal(one["number"], other["number"])


def test_the_parts_in_a_folder_are_one_table(tmp_path: Path) -> None:
    write(tmp_path / "set/part-1.parquet", {"a": [3], "b": ["z"]})
    write(tmp_path / "set/part-0.parquet", {"a": [1, 1 << 60], "b": ["x", "y"]})
    (tmp_path / "set/_SUCCESS").touch()
    for kind in (DataFormat.AUTO, DataFormat.PARQUET):
        table = read_table(tmp_path / "set", DataSource(uri="pvc://c/set", format=kind), MEMORY)
        assert {name: column.tolist() for name, column in table.columns.items()} == {
            "a": ["1", str(1 << 60), "3"],
            "b": ["x", "y", "z"],
        }


def test_a_text_in_many_rows_takes_its_memory_once(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", {"text": ["x" * 100_000] * 4000})
    assert {len(text) for text in read_parquet(path, MEMORY)["text"]} == {100_000}


BAD: dict[str, Any] = {
    "another file": b"no such file",
    "half a file": b"PAR1" * 9 + b"x",
    "no row": {"a": pa.array([], pa.int8())},
    "objects": {"a": [{"x": 1}]},
    "lists of many lengths": {"a": [[1], [1, 2]]},
    "lists of texts": {"a": [["x"], ["y"]]},
    "too much": {"a": np.arange(1e6)},
    "a name of the reader's own": {"file_row_number": [1]},
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_refused(tmp_path: Path, case: str, golden: Golden) -> None:
    path, content = tmp_path / "d.parquet", BAD[case]
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write(path, content)
    golden(": ".join(refused(lambda: read_parquet(path, MEMORY))))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    content = write(tmp_path / "d.parquet", {"a": np.arange(9999.0) ** 2}).read_bytes()
    (tmp_path / "d.parquet").write_bytes(content[:40] + bytes(20_000) + content[20_040:])
    said = refused(lambda: read_parquet(tmp_path / "d.parquet", MEMORY))[1]
    assert said.startswith("d.parquet is no readable Parquet file (")


def test_parts_with_other_columns_are_refused(tmp_path: Path, golden: Golden) -> None:
    write(tmp_path / "set/a.parquet", {"a": [1], "b": [2]})
    write(tmp_path / "set/b.parquet", {"a": [1], "c": [2]})
    golden(refused(lambda: read_parquet(tmp_path / "set", MEMORY))[1])
