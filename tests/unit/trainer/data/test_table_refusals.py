"""What cannot be a table is refused by one clear sentence, before it takes room."""

import gzip
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from idla_contract.task import DataFormat, DataSource
from idla_trainer.data.table import Table, read_table
from idla_trainer.failures import TaskError

from tests.forged import compressed
from tests.golden import Golden
from tests.tfrecords import record, records
from tests.unit.trainer.refusals import refused

MEMORY = 100000


def read(path: Path, memory: int = MEMORY, **options: Any) -> Table:
    table = read_table(path, DataSource(uri="pvc://c/x", **options), memory)
    return Table(dict(table.columns), table.named, table.warnings)  # each column is read when it is asked for


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("d.csv", "a,b\n1,2\n")
    return buffer.getvalue()


IDX_TOLD = bytes([0, 0, 8, 3]) + struct.pack(">3I", 1 << 31, 1 << 15, 1 << 15)
SINGLE = b"\x93NUMPY and more"
DEEP = b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}\n"


def idx(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(min(1000, int(np.prod(shape))))


REFUSED: dict[str, Any] = {
    "no byte": ("d.csv", b""),
    "no line": ("d.csv", b"\n\n"),
    "names only": ("d.csv", b"a,b\n"),
    "a name twice": ("d.csv", b"a,b,a\n1,2,3\n"),
    "numbers in a JSON array": ("d.json", b"[1, 2]"),
    "an object around the list": ("d.json", b'{"page": 1, "data": [{"a": 1}, {"a": 2}]}'),
    "a name twice in JSON": ("d.jsonl", b'{"a": 1, "a": 2}\n'),
    "names that differ in case alone": ("d.jsonl", b'{"a": 1, "A": 2}\n'),
    "a value without a name": ("d.jsonl", b'{"": 1}\n'),
    "a line too long": ("d.csv", b"a,b\n1,2\n3,4,5\n6,7\n"),
    "a quote that is not closed": ("d.csv", b'a,b\n1,2\n"x,3\n4\n'),
    "names for fewer columns": ("d.csv", b"size,kind\n1,2,a\n3,4,b\n5,6,a\n"),
    "notes beneath the table": ("d.csv", b"a,b\n" + b"1,2\n" * 60 + b"\nSource: mine\n"),
    "a gzip cut in half": ("d.csv.gz", gzip.compress(b"1,2\n" * 99)[:-12]),
    "too many columns": ("d.csv.gz", gzip.compress(b"1" + b",1" * (1 << 23) + b"\n")),
    "an endless cell": ("d.csv", b'a,b\n1,"' + b"x\n" * 70000),
    "numbers that unpack to more than the memory": ("d.csv.gz", gzip.compress(b"1,2\n" * 140000)),
    "texts that do": ("d.csv", b"a,b\n" + b"".join(b"%0300d,1\n" % row for row in range(300))),
    "no JSON": ("d.jsonl", b'{"a": 1}\n{"a": \n'),
    "a broken line of JSON": ("d.jsonl", b'{"a": 1}\n' * 30 + b'{broken\n{"a": 2}\n'),
    "commas behind lines of JSON": ("d.jsonl", b'{"a": 1},\n{"a": 2},\n'),
    "no line of JSON": ("d.jsonl", b"\n\n"),
    "deep JSON": ("d.jsonl", DEEP * 2),
    "an object in an object": ("d.jsonl", b'{"a": {"b": 1}}\n{}\n'),
    "a list of texts": ("d.jsonl", b'{"a": "x"}\n{"a": ["x", "y"]}\n'),
    "a ragged list": ("d.jsonl", b'{"a": [[1], [2, 3]]}\n{}\n'),
    "lists of two shapes": ("d.jsonl", b'{"a": [1, 2]}\n{"a": [1]}\n'),
    "a list that is missing": ("d.jsonl", b'{"a": [1, 2]}\n{}\n'),
    "a number that 32 bits do not hold": ("d.jsonl", b'{"a": [1, 1e300]}\n{"a": [1, 2]}\n'),
    "JSON beyond the memory": ("d.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 15000)),
    "arrays of different length": ("d.npz", compressed(x=np.zeros((3, 2)), y=np.zeros(2))),
    "a number alone": ("d.npz", compressed(x=np.float64(3))),
    "arrays of objects": ("d.npz", compressed(x=np.array([{}], dtype=object), y=np.zeros(1))),
    "a broken archive": ("d.npz", b"PK\x03\x04 no zip"),
    "a single array": ("d.npz", SINGLE),
    "arrays of times": ("d.npz", compressed(x=np.array(["2020-01-01"], dtype="M8[D]"))),
    "texts in two dimensions": ("d.npz", compressed(x=np.array([["a", "b"]]))),
    "bytes that are no UTF-8": ("d.npz", compressed(x=np.array([b"ok", b"caf\xe9"]))),
    "arrays beyond the memory": ("d.npz", compressed(x=np.zeros((1000, 100), np.uint8))),
    "an archive named NPZ": ("d.npz", zipped()),
    "a zip archive": ("d.zip", zipped()),
    "a tar archive": ("d.tar.gz", gzip.compress(b"x")),
    "an unknown ending": ("d.docx", b"x"),
    "IDX without a partner": ("train-images-idx3-ubyte", IDX_TOLD),
    "images in a file": ("d.csv", b"1,2\n", {"format": DataFormat.IMAGE_FOLDER}),
    "a record cut in half": ("d.tfrecord", record(b"")[:-1]),
    "no frame of a record": ("d.tfrecord", b"1,2,3\n" * 9),
    "a record of another checksum": ("d.tfrecord", record(b"abcdef", checksum=7)),
    "a record that tells of terabytes": ("d.tfrecord", record(b"", length=1 << 40)),
    "no Example in a record": ("d.tfrecord", record(b"\xff" * 20)),
    "lists of two lengths in records": ("d.tfrecord", records({"a": [1, 2]}, {"a": 1})),
    "records without a feature": ("d.tfrecord", records({}, {})),
    "several texts in a feature": ("d.tfrecord", records({"a": [b"x", b"y"]})),
    "nothing": ("set", {"LICENSE": b"free"}),
    "two files": ("set", {"a.csv": b"1", "b.npz": b"1"}),
    "three IDX files": ("set", {"a-images": idx(2, 1, 1), "b-images": idx(2, 1, 1), "c-labels": idx(2)}),
    "more labels than images": ("set", {"a-images": idx(2, 1, 1), "a-labels": idx(3)}),
    "IDX that tells of more than it holds": ("set", {"a-images": idx(40, 10, 10), "a-labels": idx(40)}),
    "IDX beyond the memory": ("set", {"a-images": IDX_TOLD, "a-labels": idx(3)}),
    "a shard missing": ("set", {"d.tfrecord-00000-of-00002": record(b"")}),
    "images one folder deeper": ("set", {"train/x.jpg": b"1"}, {"format": DataFormat.NPZ}),
    "a folder of images": ("set", {"cat/a.jpg": b"1"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused(tmp_path: Path, case: str, golden: Golden) -> None:
    name, content, *options = REFUSED[case]
    for file, written in (content if isinstance(content, dict) else {"": content}).items():
        (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / file).write_bytes(written)
    golden(": ".join(refused(lambda: read(tmp_path / name, **dict(*options)))))


OTHER_KINDS = (
    b"version https://git-lfs.github.com/spec/v1\n", b"\n<!DOCTYPE html>\n<html><head>", b"<?xml version='1.0'?>",
    b"PK\x03\x04......[Content_Types].xml", b"\xd0\xcf\x11\xe0\xa1\xb1", zipped(), b"PAR1....", SINGLE, b"%PDF-1.7",
    b"SQLite format 3\0", b"\xfd7zXZ\0", b"\x80\x04", b"\x89HDF\r\n", b"ARROW1", gzip.compress(gzip.compress(b"1,2\n")),
    b'[\n {"a": 1},\n {"a": 2}\n]\n', b'{"a": 1}\n{"a": 2}\n',
)  # fmt: skip


def test_a_file_of_another_kind_is_told_what_it_is(tmp_path: Path, golden: Golden) -> None:
    said = []
    for content in OTHER_KINDS:
        (tmp_path / "d.csv").write_bytes(content)
        said.append(refused(lambda: read(tmp_path / "d.csv"))[1])
    golden(said)


CELL = st.text(st.characters(codec="utf-8", exclude_characters='",\r\n\0'), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    name=st.sampled_from(["d.csv", "d.jsonl", "d.npz", "d.tfrecord", "d.csv.gz", "d-ubyte"]),
    content=st.binary(max_size=300),
)
def test_any_bytes_are_a_table_or_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    try:
        table = read(tmp_path / name)
    except TaskError:
        return
    assert {len(column) for column in table.columns.values()} == {table.rows}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_json_gives_back_the_texts_that_were_written(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    (tmp_path / "d.jsonl").write_text("".join(json.dumps({"a": a, "b": b}) + "\n" for a, b in rows), encoding="utf-8")
    found = read(tmp_path / "d.jsonl").columns
    assert list(zip(found["a"].tolist(), found["b"].tolist(), strict=True)) == rows
