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
from idla_contract.result import FailureReason
from idla_contract.task import DataFormat, DataSource
from idla_trainer.data.formats.crc32c import checksums, crc32c, masked
from idla_trainer.data.table import Table, read_table
from idla_trainer.failures import TaskError

MEMORY = 100000


def read(path: Path, memory: int = MEMORY, **options: Any) -> Table:
    return read_table(path, DataSource(uri="pvc://c/x", **options), memory)


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("d.csv", "a,b\n1,2\n")
    return buffer.getvalue()


def record(content: bytes, *, length: int | None = None, checksum: int | None = None) -> bytes:
    head = struct.pack("<Q", len(content) if length is None else length)
    foot = masked(crc32c(content)) if checksum is None else checksum
    return head + struct.pack("<I", masked(crc32c(head))) + content + struct.pack("<I", foot)


TEXTS = bytes.fromhex("0a1b0a190a0161") + b"\x12\x14\x0a\x12\x0a\x07" + b"x" * 7 + b"\x0a\x07" + b"y" * 7
IDX_TOLD = bytes([0, 0, 8, 3]) + struct.pack(">3I", 1 << 31, 1 << 15, 1 << 15)
ENDLESS = b"1" + b",1" * (1 << 23) + b"\n"
DEEP = b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}\n"
RAISE = "raise spec.resources.limits.memory, or give it fewer or smaller examples"
KNOWN = ".csv, .tsv, .jsonl, .ndjson, .npz, .parquet, .tfrecord, .tfrecords"
WRITE = "write x and y with numpy.savez"
UNPACK = "is an archive, which is not unpacked here; unpack it and name the file or folder"

REFUSED: list[Any] = [
    ("no byte", "d.csv", b"", {}, "DataEmpty", "d.csv is empty; it needs one example or more"),
    ("no line", "d.csv", b"\n\n", {}, "DataEmpty", "the file has no line; it needs one example a line"),
    ("names only", "d.csv", b"a,b\n", {}, "DataEmpty", "the file has a line of names but no example"),
    ("rows of different length", "d.csv", b"a,b\n1,2\n3\n", {}, "DataInvalid",
     "example 1 has 1 columns, the first line has 2"),
    ("a name twice", "d.csv", b"a,b,a\n1,2,3\n", {}, "DataInvalid",
     "the first line of d.csv names 'a' twice; give every column its own name"),
    ("no text", "d.csv", b"\x80\x81\xff" * 9, {}, "DataInvalid",
     "d.csv is no readable CSV file ('utf-8' codec can't decode byte 0x80 in position 0: invalid start byte)"),
    ("a gzip cut in half", "d.csv.gz", gzip.compress(b"1,2\n" * 99)[:-12], {}, "DataInvalid",
     "d.csv.gz is no readable CSV file (Compressed file ended before the end-of-stream marker was reached)"),
    ("an endless line", "d.csv.gz", gzip.compress(ENDLESS), {}, "DataInvalid",
     "d.csv.gz is no readable CSV file (a line has more than 16777216 characters)"),
    ("an endless cell", "d.csv", b'a,b\n1,"' + b"x\n" * 70000, {}, "DataInvalid",
     "d.csv is no readable CSV file (field larger than field limit (131072))"),
    ("too many columns", "d.csv", b"1," * (1 << 18) + b"1\n", {}, "DataInvalid",
     "d.csv has 262145 columns; at most 262144 are allowed. Use an NPZ file"),
    ("numbers that unpack to more than the memory", "d.csv.gz", gzip.compress(b"1,2\n" * 140000), {}, "DataInvalid",
     f"the examples of d.csv.gz take 1049600 bytes of memory or more, the task has room for 100000; {RAISE}"),
    ("texts that do", "d.csv", b"a,b\n" + (b"x" * 300 + b",1\n") * 300, {}, "DataInvalid",
     f"the examples of d.csv take 108124 bytes of memory or more, the task has room for 100000; {RAISE}"),
    ("no JSON", "d.jsonl", b'{"a": 1}\n{"a": \n', {}, "DataInvalid",
     "d.jsonl is no readable JSONL file (example 1: Expecting value: line 2 column 1 (char 7))"),
    ("no object", "d.jsonl", b"[1, 2]\n", {}, "DataInvalid",
     ("example 0 of d.jsonl is '[1, 2]'; every line has to be a JSON object, such as "
     '{"text": "hello", "label": "greeting"}')),
    ("no line of JSON", "d.jsonl", b"\n\n", {}, "DataEmpty", "d.jsonl holds no example"),
    ("deep JSON", "d.jsonl", DEEP, {}, "DataInvalid",
     "d.jsonl is no readable JSONL file (example 0: a value is nested too deeply)"),
    ("an object in an object", "d.jsonl", b'{"a": {"b": 1}}\n', {}, "DataInvalid",
     ("example 0 of d.jsonl has \"{'b': 1}\" as 'a'; allowed: a number, a text, or a list of numbers in which all rows "
     "have one length")),
    ("a ragged list", "d.jsonl", b'{"a": [[1], [2, 3]]}\n', {}, "DataInvalid",
     ("example 0 of d.jsonl has '[[1], [2, 3]]' as 'a'; allowed: a number, a text, or a list of numbers in which all "
     "rows have one length")),
    ("lists of two shapes", "d.jsonl", b'{"a": [1, 2]}\n{"a": [1]}\n', {}, "DataInvalid",
     "'a' of example 1 of d.jsonl has another shape than that of example 0: [1], not [2]; give all of them one shape"),
    ("a list that is missing", "d.jsonl", b'{"a": [1, 2]}\n{}\n', {}, "DataInvalid",
     "'a' of example 1 of d.jsonl has another shape than that of example 0: none, not [2]; give all of them one shape"),
    ("JSON beyond the memory", "d.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 5000), {}, "DataInvalid",
     f"the examples of d.jsonl.gz take 100008 bytes of memory or more, the task has room for 100000; {RAISE}"),
    ("arrays of different length", "d.npz", npz(x=np.zeros((3, 2)), y=np.zeros(2)), {}, "DataInvalid",
     "the arrays of d.npz have the shapes x [3, 2], y [2]; all need the same first dimension, the examples"),
    ("a number alone", "d.npz", npz(x=np.float64(3)), {}, "DataInvalid",
     "the arrays of d.npz have the shapes x []; all need the same first dimension, the examples"),
    ("arrays of nothing", "d.npz", npz(x=np.zeros((0, 2))), {}, "DataEmpty", "the arrays of d.npz hold no example"),
    ("arrays of objects", "d.npz", npz(x=np.array([{}], dtype=object)), {}, "DataInvalid",
     f"d.npz is no readable NPZ file (it holds Python objects, which are never read); {WRITE}"),
    ("arrays of times", "d.npz", npz(x=np.array(["2020-01-01"], dtype="M8[D]")), {}, "DataInvalid",
     "x has values of type datetime64[D]; allowed: numbers and texts"),
    ("texts in two dimensions", "d.npz", npz(x=np.array([["a", "b"]])), {}, "DataInvalid",
     "x holds texts in the shape [1, 2]; texts need the shape [N]"),
    ("arrays beyond the memory", "d.npz", npz(x=np.zeros((1000, 100), np.uint8)), {}, "DataInvalid",
     f"the examples of d.npz take 100128 bytes of memory or more, the task has room for 100000; {RAISE}"),
    ("an archive named NPZ", "d.npz", zipped(), {}, "DataInvalid",
     f"d.npz is no readable NPZ file (it is a zip archive without an array); {WRITE}, or unpack it"),
    ("a zip archive", "d.zip", zipped(), {}, "DataInvalid", f"d.zip {UNPACK}"),
    ("a tar archive", "d.tar.gz", gzip.compress(b"x"), {}, "DataInvalid", f"d.tar.gz {UNPACK}"),
    ("an unknown ending", "d.docx", b"x", {}, "DataInvalid",
     f"d.docx ends in none of {KNOWN}, with or without .gz; rename it or set data.format"),
    ("IDX without a partner", "train-images-idx3-ubyte", IDX_TOLD, {}, "DataInvalid",
     ("train-images-idx3-ubyte has no partner: an IDX file of images needs one of labels beside it, such as "
     "train-images-idx3-ubyte and train-labels-idx1-ubyte")),
    ("images in a file", "d.csv", b"1,2\n", {"format": DataFormat.IMAGE_FOLDER}, "DataInvalid",
     "d.csv is no folder; an image folder holds a folder of images for each class"),
    ("a record cut in half", "d.tfrecord", record(b"")[:-1], {}, "DataInvalid",
     "d.tfrecord is no readable TFRecord file (record 0: the file ends within it)"),
    ("no frame of a record", "d.tfrecord", b"1,2,3\n" * 9, {}, "DataInvalid",
     "d.tfrecord is no readable TFRecord file (record 0: its length is damaged)"),
    ("a record of another checksum", "d.tfrecord", record(b"abcdef", checksum=7), {}, "DataInvalid",
     "d.tfrecord is no readable TFRecord file (record 0: its checksum does not fit its bytes)"),
    ("a record that tells of terabytes", "d.tfrecord", record(b"", length=1 << 40), {}, "DataInvalid",
     "d.tfrecord is no readable TFRecord file (record 0: it has 1099511627776 bytes, the task has room for 100000)"),
    ("no Example in a record", "d.tfrecord", record(b"\xff" * 20), {}, "DataInvalid",
     "d.tfrecord is no readable TFRecord file (record 0: a number without an end)"),
    ("several texts in a feature", "d.tfrecord", record(TEXTS), {}, "DataInvalid",
     "the feature 'a' of d.tfrecord holds several texts; keep one in each example"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_what_is_no_table_is_refused(tmp_path: Path, case: Any) -> None:
    _, name, content, options, reason, message = case
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError) as refusal:
        read(tmp_path / name, **options)
    assert (refusal.value.reason, str(refusal.value)) == (FailureReason(reason), message)


def put(folder: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        path = folder / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def idx(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(min(1000, int(np.prod(shape))))


FOLDERS: list[Any] = [
    ("nothing", {"LICENSE": b"free"}, {}, "DataEmpty",
     (f"the folder set holds no data file ({KNOWN}, with or without .gz), no IDX file and no folder of images; name a "
     "file or a folder with one")),
    ("two files", {"a__csv": b"1", "b__npz": b"1"}, {}, "DataInvalid",
     "the folder set holds 2 data files (a.csv, b.npz, ...); name one"),
    ("two pairs of IDX files",
     {"a-images": idx(2, 1, 1), "a-labels": idx(2), "b-images": idx(2, 1, 1), "b-labels": idx(2)},
     {}, "DataInvalid",
     ("the folder set holds 4 IDX files (a-images, a-labels, b-images, b-labels); name a folder with one of images and "
     "one of labels, or one of the files")),
    ("more labels than images", {"a-images": idx(2, 1, 1), "a-labels": idx(3)}, {}, "DataInvalid",
     "there are 2 images and 3 labels; each image needs one label"),
    ("images twice", {"a-images": idx(2, 1, 1), "b-images": idx(2, 1, 1)}, {}, "DataInvalid",
     "a-images and b-images are not one file of images and one of labels"),
    ("IDX that tells of more than it holds", {"a-images": idx(40, 10, 10), "a-labels": idx(40)}, {}, "DataInvalid",
     "a-images is no readable IDX file (it tells of the shape [40, 10, 10], 4000 bytes, and holds 1000)"),
    ("IDX beyond the memory", {"a-images": IDX_TOLD, "a-labels": idx(3)}, {}, "DataInvalid",
     f"the examples of a-images take {1 << 61} bytes of memory or more, the task has room for 100000; {RAISE}"),
    ("a shard missing", {"d__tfrecord-00000-of-00002": record(b"")}, {}, "DataInvalid",
     "the folder set does not hold all shards of one data set; it holds 1"),
    ("images one folder deeper", {"train_in_x__jpg": b"1"}, {"format": DataFormat.NPZ}, "DataEmpty",
     (f"the folder set holds no data file ({KNOWN}, with or without .gz), no IDX file and no folder of images; name a "
     "file or a folder with one")),
    ("something else among images", {"cat_in_a__jpg": b"1", "cat_in_b__gif": b"1"}, {}, "DataInvalid",
     "cat/b.gif ends in none of .jpg, .jpeg, .png; convert or remove it"),
    ("images beyond the memory", {"cat_in_a__jpg": b"1" * 100000}, {}, "DataInvalid",
     f"the examples of set take 100041 bytes of memory or more, the task has room for 100000; {RAISE}"),
]  # fmt: skip


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case[0])
def test_a_folder_that_is_no_table_is_refused(tmp_path: Path, case: Any) -> None:
    _, contents, options, reason, message = case
    (tmp_path / "set").mkdir()
    put(tmp_path / "set", **contents)
    with pytest.raises(TaskError) as refusal:
        read(tmp_path / "set", **options)
    assert (refusal.value.reason, str(refusal.value)) == (FailureReason(reason), message)


def test_folders_of_images_in_folders_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "train" / "cat").mkdir(parents=True)
    with pytest.raises(TaskError, match="if train is one part of the data, name it in the URI"):
        read(tmp_path, format=DataFormat.IMAGE_FOLDER)


def test_a_link_among_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "cat").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "set" / "cat" / "a.jpg").symlink_to(tmp_path / "secret")
    with pytest.raises(TaskError, match=r"cat/a\.jpg is a link or a special file; replace it by a plain file"):
        read(tmp_path / "set")


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_many_checksums_are_those_of_each(contents: list[bytes]) -> None:
    assert checksums(contents) == [crc32c(content) for content in contents]


def test_the_checksum_is_that_of_the_standard() -> None:
    known = {b"123456789": 0xE3069283, bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43}
    assert {content: crc32c(content) for content in known} == known


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
    missing = {"", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "?"}
    kept = [tuple("" if cell.strip() in missing else cell for cell in row) for row in rows]
    assert list(zip(found["a"].tolist(), found["b"].tolist(), strict=True)) == kept
