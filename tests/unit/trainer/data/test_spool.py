"""Columns in files: they read as columns in memory do, and what memory does not hold becomes one."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import DataSource
from idla_preprocess.tabular import TabularSpec
from idla_trainer.data.dataset import Dataset, tensors_of
from idla_trainer.data.formats import stored_columns
from idla_trainer.data.profile import profile
from idla_trainer.data.spool import ArrayWriter, TextColumn, TextWriter, in_file, joined_columns
from idla_trainer.data.table import read_table
from idla_trainer.failures import TaskError
from idla_trainer.problems.tabular import examples as tabular
from idla_trainer.problems.text import examples as text

from tests.columns import objects

DIGEST = "sha256:" + "0a" * 32
ROWS = 600
SOURCE = DataSource(uri="pvc://c/d")


def in_a_file(*parts: list[str]) -> TextColumn:
    writer = TextWriter()
    for part in parts:
        writer.write(part)
    return writer.column()


TEXTS = st.lists(st.text(max_size=6) | st.just("\ud800"), max_size=20)


@given(TEXTS, TEXTS, st.data())
def test_a_column_in_a_file_reads_as_one_in_memory(first: list[str], second: list[str], data: st.DataObject) -> None:
    column, plain = in_a_file(first, second), objects(first + second)
    assert (len(column), column.shape, column.size) == (len(plain), plain.shape, plain.size)
    assert column.tolist() == list(column) == plain.tolist()
    assert np.asarray(column).tolist() == plain.tolist()
    places = np.array(data.draw(st.lists(st.integers(0, len(plain) - 1) if len(plain) else st.nothing())), np.int64)
    assert column[places].tolist() == plain[places].tolist()
    assert column[1:4][::-1].tolist() == plain[1:4][::-1].tolist()
    assert [column[place] for place in places.tolist()] == plain[places].tolist()
    assert joined_columns(column, plain).tolist() == [*plain, *plain]
    assert column.emptied(places).tolist() == ["" if row in places else text for row, text in enumerate(plain)]


def test_an_array_in_a_file_has_the_rows_that_were_written() -> None:
    writer, rows = ArrayWriter(), np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    writer.write(rows[:3])
    writer.write(rows[3:])
    array = writer.array()
    np.testing.assert_array_equal(array, rows)
    assert array.dtype == np.float32
    assert (in_file(array), in_file(array[1:]), in_file(array.copy())) == (True, True, False)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0,)])
def test_an_empty_array_keeps_its_shape(shape: tuple[int, ...]) -> None:
    writer = ArrayWriter()
    writer.write(np.empty(shape, np.float32))
    array = writer.array()
    assert array.shape == shape
    assert array.dtype == np.float32


def rows(count: int = ROWS) -> list[dict[str, Any]]:
    noise = np.random.default_rng(0).normal(size=(count, 2)).round(4).tolist()
    return [
        {"p": p, "q": None if row % 50 == 0 else q, "ward": f"w{row % 3}", "text": f"sign {row % 97} at {row}",
         "label": "ab"[row % 2]}
        for row, (p, q) in enumerate(noise)
    ]  # fmt: skip


def as_jsonl(path: Path) -> Path:
    (path / "d.jsonl").write_text("\n".join(map(json.dumps, rows())))
    return path / "d.jsonl"


def as_csv(path: Path) -> Path:
    lines = [",".join("" if cell is None else str(cell) for cell in row.values()) for row in rows()]
    names = "p,q,ward,text,label"
    (path / "d.csv").write_text("\n".join([names, *lines[:300], names, *lines[300:]]))
    return path / "d.csv"


def as_parquet(path: Path) -> Path:
    for part, start in enumerate((0, 250, 400)):
        some = rows()[start : (250, 400, ROWS)[part]]
        pq.write_table(pa.Table.from_pylist(some), path / f"part-{part}.parquet", row_group_size=60)
    return path


@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_parquet])
def test_a_file_that_memory_does_not_hold_gives_the_same_table(
    tmp_path: Path, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_columns, "_AT_ONCE", 100)
    path = write(tmp_path)
    whole, spilled = read_table(path, SOURCE, 1 << 22), read_table(path, SOURCE, 6_000, spill=True)
    assert list(spilled.columns) == list(whole.columns)
    assert all(map(in_file, spilled.columns.values()))
    for name, column in whole.columns.items():
        np.testing.assert_array_equal(np.asarray(spilled.columns[name]), column)
    with pytest.raises(TaskError, match="the task has room for 6000"):
        dict(read_table(path, SOURCE, 6_000).columns)


PREPARE = {
    TaskType.TEXT_CLASSIFICATION: text.prepare,
    TaskType.TABULAR_CLASSIFICATION: tabular.prepare,
}


@pytest.mark.parametrize("kind", PREPARE)
def test_columns_in_files_give_the_same_data_set(tmp_path: Path, kind: TaskType) -> None:
    path = as_csv(tmp_path)
    tables = read_table(path, SOURCE, 1 << 22), read_table(path, SOURCE, 60_000, spill=True)
    one, other = (
        PREPARE[kind](table, SOURCE, Problem(type=kind), digest=DIGEST).described(table.columns) for table in tables
    )
    assert (one.signature.digest(), one.warnings, one.facts) == (other.signature.digest(), other.warnings, other.facts)
    assert profile(one) == profile(other)
    for name in ("train", "validation", "gate", "test"):
        np.testing.assert_array_equal(getattr(one.parts, name), getattr(other.parts, name))
    assert_equal_examples(one, other)


def assert_equal_examples(one: Dataset, other: Dataset) -> None:
    first, second = one.examples(one.parts.train), other.examples(other.parts.train)
    np.testing.assert_array_equal(first.targets, second.targets)
    for name, tensor in first.inputs.items():
        np.testing.assert_array_equal(second.inputs[name], tensor)
    for name, values in first.raw.items():
        assert values.dtype == second.raw[name].dtype
        np.testing.assert_array_equal(np.asarray(second.raw[name]), values)


def test_a_table_in_files_is_never_in_memory(tmp_path: Path) -> None:
    count, width = 300_000, 24
    numbers = ", ".join(f"hash(range * {width} + {place}) / 1e18 AS n{place}" for place in range(width))
    duckdb.connect().execute(f"COPY (SELECT {numbers} FROM range({count})) TO '{tmp_path / 'd.parquet'}'")
    problem = Problem(type=TaskType.TABULAR_REGRESSION, metric=Metric.RMSE)
    tracemalloc.start()
    try:
        table = read_table(tmp_path / "d.parquet", SOURCE, 1 << 20, spill=True)
        dataset = tabular.prepare(table, SOURCE, problem, digest=DIGEST).described(table.columns)
        assert (profile(dataset).examples, dataset.columns[0].distinct) == (count, count)
        tensors = tensors_of(dataset.preprocess.to_tensors, dataset.raw, dataset.parts.train, 1 << 20)
        assert {name: tensor.shape for name, tensor in tensors.items()} == {"numbers": (192_000, width - 1)}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * count * width / 2


def test_tensors_that_memory_does_not_hold_lie_in_files() -> None:
    raw = {"age": np.arange(3000, dtype=np.float32), "sex": objects(["f", "m", ""] * 1000)}
    spec, _ = TabularSpec.fitted(raw)
    every = np.arange(3000)
    whole, spilled = (tensors_of(spec.to_tensors, raw, every, room) for room in (1 << 20, 1000))
    assert {name: (in_file(whole[name]), in_file(spilled[name])) for name in whole} == {
        "numbers": (False, True), "categories": (False, True),
    }  # fmt: skip
    for name, tensor in whole.items():
        np.testing.assert_array_equal(spilled[name], tensor)
