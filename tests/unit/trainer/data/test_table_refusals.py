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
from idla_trainer.problems.image.reading import read as read_images

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
ENDLESS = b"1" + b",1" * (1 << 23) + b"\n"
SINGLE = b"\x93NUMPY and more"
DEEP = b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}\n"
OF_IMAGES_TOO = {
    "no byte", "no line", "names only", "rows of different length", "no text", "a gzip cut in half", "an endless line",
    "no archive", "a broken archive", "half an archive", "a single array", "arrays of objects", "a zip archive",
    "a tar archive", "an unknown ending", "IDX without a partner", "images in a file",
}  # fmt: skip
"""What the reader of square images, which is another one, refuses as well."""
REFUSED: list[Any] = [
    ("no byte", "d.csv", b"", {}, "DataEmpty"),
    ("no line", "d.csv", b"\n\n", {}, "DataEmpty"),
    ("names only", "d.csv", b"a,b\n", {}, "DataEmpty"),
    ("rows of different length", "d.csv", b"a,b\n1,2\n3\n", {}, "DataInvalid"),
    ("a name twice", "d.csv", b"a,b,a\n1,2,3\n", {}, "DataInvalid"),
    ("no text", "d.csv", bytes(range(1, 256)), {}, "DataInvalid"),
    ("a pointer of Git LFS", "d.parquet", b"version https://git-lfs.github.com/spec/v1\n", {}, "DataInvalid"),
    ("a page to sign in", "d.npz", b"\n<!DOCTYPE html>\n<html><head>", {}, "DataInvalid"),
    ("XML", "d.csv", b"<?xml version='1.0'?>", {}, "DataInvalid"),
    ("a workbook", "d.csv", b"PK\x03\x04......[Content_Types].xml", {}, "DataInvalid"),
    ("an old workbook", "d.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", {}, "DataInvalid"),
    ("a zip archive by another name", "d.csv", zipped(), {}, "DataInvalid"),
    ("Parquet by another name", "d.csv", b"PAR1....", {}, "DataInvalid"),
    ("an array by another name", "d.csv", SINGLE, {}, "DataInvalid"),
    ("a document", "d.csv", b"%PDF-1.7", {}, "DataInvalid"),
    ("a database", "d.csv", b"SQLite format 3\0", {}, "DataInvalid"),
    ("compressed by another program", "d.csv", b"\xfd7zXZ\0", {}, "DataInvalid"),
    ("a JSON array by another name", "d.csv", b'[\n {"a": 1},\n {"a": 2}\n]\n', {}, "DataInvalid"),
    ("numbers in a JSON array", "d.json", b"[1, 2]", {}, "DataInvalid"),
    ("an object around the list", "d.json", b'{"page": 1, "data": [{"a": 1}, {"a": 2}]}', {}, "DataInvalid"),
    ("a name twice in JSON", "d.jsonl", b'{"a": 1, "a": 2}\n', {}, "DataInvalid"),
    ("names that differ in case alone", "d.jsonl", b'{"a": 1, "A": 2}\n', {}, "DataInvalid"),
    ("a value without a name", "d.jsonl", b'{"": 1}\n', {}, "DataInvalid"),
    ("a line too long", "d.csv", b"a,b\n1,2\n3,4,5\n6,7\n", {}, "DataInvalid"),
    ("a quote that is not closed", "d.csv", b'a,b\n1,2\n"x,3\n4\n', {}, "DataInvalid"),
    ("names for fewer columns", "d.csv", b"size,kind\n1,2,a\n3,4,b\n5,6,a\n", {}, "DataInvalid"),
    ("names for more columns", "d.csv", b"size,kind,more\n1,a\n3,b\n5,a\n", {}, "DataInvalid"),
    ("JSON lines by another name", "d.csv", b'{"a": 1}\n{"a": 2}\n', {}, "DataInvalid"),
    ("one line of many too long", "d.csv", b"a,b\n" + b"1,2\n" * 60 + b"1,2,3\n", {}, "DataInvalid"),
    ("notes beneath the table", "d.csv", b"a,b\n" + b"1,2\n" * 60 + b"\nSource: mine\n", {}, "DataInvalid"),
    ("a gzip in a gzip", "d.csv.gz", gzip.compress(gzip.compress(b"1,2\n")), {}, "DataInvalid"),
    ("a pickle", "d.pkl", b"\x80\x04", {}, "DataInvalid"),
    ("compressed by a program that is not known", "d.csv.bz2", b"BZh9", {}, "DataInvalid"),
    ("a gzip cut in half", "d.csv.gz", gzip.compress(b"1,2\n" * 99)[:-12], {}, "DataInvalid"),
    ("an endless line", "d.csv.gz", gzip.compress(ENDLESS), {}, "DataInvalid"),
    ("an endless cell", "d.csv", b'a,b\n1,"' + b"x\n" * 70000, {}, "DataInvalid"),
    ("too many columns", "d.csv", b"1," * (1 << 18) + b"1\n", {}, "DataInvalid"),
    ("numbers that unpack to more than the memory", "d.csv.gz", gzip.compress(b"1,2\n" * 140000), {}, "DataInvalid"),
    ("texts that do", "d.csv", b"a,b\n" + b"".join(b"%0300d,1\n" % row for row in range(300)), {}, "DataInvalid"),
    ("no JSON", "d.jsonl", b'{"a": 1}\n{"a": \n', {}, "DataInvalid"),
    ("a broken line of JSON", "d.jsonl", b'{"a": 1}\n' * 30 + b'{broken\n{"a": 2}\n', {}, "DataInvalid"),
    ("commas behind lines of JSON", "d.jsonl", b'{"a": 1},\n{"a": 2},\n', {}, "DataInvalid"),
    ("columns in one object", "d.json", b'{"a": [1, 2], "b": [3, 4]}', {}, "DataInvalid"),
    ("rows in one object", "d.json", b'{"0": {"a": 1}, "1": {"a": 2}}', {}, "DataInvalid"),
    ("no object", "d.jsonl", b"[1, 2]\n", {}, "DataInvalid"),
    ("no line of JSON", "d.jsonl", b"\n\n", {}, "DataEmpty"),
    ("deep JSON", "d.jsonl", DEEP, {}, "DataInvalid"),
    ("an object in an object", "d.jsonl", b'{"a": {"b": 1}}\n', {}, "DataInvalid"),
    ("a list of texts", "d.jsonl", b'{"a": "x"}\n{"a": ["x", "y"]}\n', {}, "DataInvalid"),
    ("a ragged list", "d.jsonl", b'{"a": [[1], [2, 3]]}\n', {}, "DataInvalid"),
    ("lists of two shapes", "d.jsonl", b'{"a": [1, 2]}\n{"a": [1]}\n', {}, "DataInvalid"),
    ("a list that is missing", "d.jsonl", b'{"a": [1, 2]}\n{}\n', {}, "DataInvalid"),
    ("JSON beyond the memory", "d.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 15000), {}, "DataInvalid"),
    ("arrays of different length", "d.npz", compressed(x=np.zeros((3, 2)), y=np.zeros(2)), {}, "DataInvalid"),
    ("a number alone", "d.npz", compressed(x=np.float64(3)), {}, "DataInvalid"),
    ("arrays of nothing", "d.npz", compressed(x=np.zeros((0, 2))), {}, "DataEmpty"),
    ("arrays of objects", "d.npz", compressed(x=np.array([{}], dtype=object), y=np.zeros(1)), {}, "DataInvalid"),
    ("no archive", "d.npz", b"garbage", {}, "DataInvalid"),
    ("a broken archive", "d.npz", b"PK\x03\x04 no zip", {}, "DataInvalid"),
    ("half an archive", "d.npz", compressed(x=np.zeros(9))[:-30], {}, "DataInvalid"),
    ("a single array", "d.npz", SINGLE, {}, "DataInvalid"),
    ("arrays of times", "d.npz", compressed(x=np.array(["2020-01-01"], dtype="M8[D]")), {}, "DataInvalid"),
    ("texts in two dimensions", "d.npz", compressed(x=np.array([["a", "b"]])), {}, "DataInvalid"),
    ("arrays beyond the memory", "d.npz", compressed(x=np.zeros((1000, 100), np.uint8)), {}, "DataInvalid"),
    ("an archive named NPZ", "d.npz", zipped(), {}, "DataInvalid"),
    ("a zip archive", "d.zip", zipped(), {}, "DataInvalid"),
    ("a tar archive", "d.tar.gz", gzip.compress(b"x"), {}, "DataInvalid"),
    ("an unknown ending", "d.docx", b"x", {}, "DataInvalid"),
    ("IDX without a partner", "train-images-idx3-ubyte", IDX_TOLD, {}, "DataInvalid"),
    ("images in a file", "d.csv", b"1,2\n", {"format": DataFormat.IMAGE_FOLDER}, "DataInvalid"),
    ("a record cut in half", "d.tfrecord", record(b"")[:-1], {}, "DataInvalid"),
    ("no frame of a record", "d.tfrecord", b"1,2,3\n" * 9, {}, "DataInvalid"),
    ("a record of another checksum", "d.tfrecord", record(b"abcdef", checksum=7), {}, "DataInvalid"),
    ("a record that tells of terabytes", "d.tfrecord", record(b"", length=1 << 40), {}, "DataInvalid"),
    ("no Example in a record", "d.tfrecord", record(b"\xff" * 20), {}, "DataInvalid"),
    ("a head cut in half", "d.tfrecord", record(b"") + b"12345", {}, "DataInvalid"),
    ("lists of two lengths in records", "d.tfrecord", records({"a": [1, 2]}, {"a": 1}), {}, "DataInvalid"),
    ("several texts in a feature", "d.tfrecord", records({"a": [b"x", b"y"]}), {}, "DataInvalid"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_what_is_no_table_is_refused(tmp_path: Path, case: Any, golden: Golden) -> None:
    _, name, content, options, reason = case
    (tmp_path / name).write_bytes(content)
    found, said = refused(lambda: read(tmp_path / name, **options))
    golden(said)
    assert found == reason


@pytest.mark.parametrize("case", [case for case in REFUSED if case[0] in OF_IMAGES_TOO], ids=lambda case: case[0])
def test_the_reader_of_images_refuses_the_same_in_the_same_words(tmp_path: Path, case: Any) -> None:
    path, source = tmp_path / case[1], DataSource(uri="pvc://c/x", **case[3])
    path.write_bytes(case[2])
    assert refused(lambda: read_images(path, source, MEMORY)) == refused(lambda: read(path, **case[3]))


def put(folder: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        path = folder / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def idx(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(min(1000, int(np.prod(shape))))


FOLDERS: list[Any] = [
    ("nothing", {"LICENSE": b"free"}, {}, "DataEmpty"),
    ("two files", {"a__csv": b"1", "b__npz": b"1"}, {}, "DataInvalid"),
    ("two pairs of IDX files",
     {"a-images": idx(2, 1, 1), "a-labels": idx(2), "b-images": idx(2, 1, 1), "b-labels": idx(2)}, {}, "DataInvalid"),
    ("more labels than images", {"a-images": idx(2, 1, 1), "a-labels": idx(3)}, {}, "DataInvalid"),
    ("images twice", {"a-images": idx(2, 1, 1), "b-images": idx(2, 1, 1)}, {}, "DataInvalid"),
    ("IDX that tells of more than it holds", {"a-images": idx(40, 10, 10), "a-labels": idx(40)}, {}, "DataInvalid"),
    ("IDX beyond the memory", {"a-images": IDX_TOLD, "a-labels": idx(3)}, {}, "DataInvalid"),
    ("a shard missing", {"d__tfrecord-00000-of-00002": record(b"")}, {}, "DataInvalid"),
    ("images one folder deeper", {"train_in_x__jpg": b"1"}, {"format": DataFormat.NPZ}, "DataEmpty"),
    ("images beyond the memory", {"cat_in_a__jpg": b"1" * 100000}, {}, "DataInvalid"),
]  # fmt: skip


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case[0])
def test_a_folder_that_is_no_table_is_refused(tmp_path: Path, case: Any, golden: Golden) -> None:
    _, contents, options, reason = case
    (tmp_path / "set").mkdir()
    put(tmp_path / "set", **contents)
    found, said = refused(lambda: read(tmp_path / "set", **options))
    golden(said)
    assert found == reason


def test_a_link_among_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "cat").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "set" / "cat" / "a.jpg").symlink_to(tmp_path / "secret")
    with pytest.raises(TaskError, match=r"cat/a\.jpg is a link or a special file; replace it by a plain file"):
        read(tmp_path / "set")


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
