"""Every format gives the same table, and files of the known kinds are told apart."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_contract.columns import ReadAs
from idla_contract.task import Columns, DataFormat, DataSource
from idla_trainer.data.table import Table, read_table

from tests.forged import npz
from tests.tfrecords import records

MEMORY = 1 << 20


def read(path: Path, memory: int = MEMORY, **options: Any) -> Table:
    return read_table(path, DataSource(uri="pvc://c/x", **options), memory)


def plain(table: Table) -> dict[str, Any]:
    """Return the columns as lists, None for NaN."""
    found = {name: column.tolist() for name, column in table.columns.items()}
    return {name: [None if cell != cell else cell for cell in cells] for name, cells in found.items()}  # noqa: PLR0124


def csv_table(folder: Path, content: str | bytes, **options: Any) -> Table:
    path = folder / "d.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, **options)


MIXED = {"size": [1.5, None, -2.0], "kind": ["a", "", "c d"]}


def jsonl(*records: Any) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


SAME: list[Any] = [
    ("a comma", "d.csv", b"size,kind\n1.5,a\n,\n-2,c d\n"),
    ("Windows line ends", "d.csv", b"size,kind\r\n1.5,a\r\n,\r\n-2,c d\r\n"),
    ("a byte order mark", "d.csv", b"\xef\xbb\xbfsize,kind\n1.5,a\n,\n-2,c d\n"),
    ("empty lines", "d.csv", b"size,kind\n\n1.5,a\n,\n\n-2,c d\n\n"),
    ("a semicolon", "d.csv", b"size;kind\n1.5;a\n?;\n-2;c d\n"),
    ("a bar", "d.csv", b"size|kind\n1.5|a\nnull|\n-2|c d\n"),
    ("tabs by the ending", "d.tsv", b"size\tkind\n1.5\ta\nNULL\t\n-2\tc d\n"),
    ("quotes", "d.csv", b'"size","kind"\n"1.5","a"\n"",""\n"-2","c d"\n'),
    ("compressed", "d.csv.gz", gzip.compress(b"size,kind\n1.5,a\n,\n-2,c d\n")),
    ("compressed under a plain name", "d.csv", gzip.compress(b"size,kind\n1.5,a\n,\n-2,c d\n")),
    ("JSON lines", "d.jsonl", jsonl({"size": 1.5, "kind": "a"}, {"size": None}, {"kind": "c d", "size": -2})),
    ("JSON lines, compressed", "d.jsonl.gz",
     gzip.compress(jsonl({"size": 1.5, "kind": "a"}, {}, {"size": -2, "kind": "c d"}))),
    ("a JSON array", "d.json", b'[\n {"size": 1.5, "kind": "a"},\n {"size": null}, {"kind": "c d", "size": -2}\n]\n'),
    ("a JSON array behind a byte order mark", "d.json",
     b'\xef\xbb\xbf[{"size": 1.5, "kind": "a"}, {}, {"kind": "c d", "size": -2}]'),
    ("rows of nothing at the end", "d.csv", b"size,kind\n1.5,a\n,\n-2,c d\n,\n,\n"),
    ("objects over several lines", "d.json", b'{\n "size": 1.5,\n "kind": "a"\n}\n{}\n{"size": -2, "kind": "c d"}\n'),
    ("Excel's hint", "d.csv", b"sep=;\r\nsize;kind\r\n1.5;a\r\n;\r\n-2;c d\r\n"),
    ("a remark with as many columns", "d.csv", b"# sizes, kinds\n\nsize,kind\n1.5,a\n,\n-2,c d\n"),
    ("a remark that looks like names", "d.csv", b"#sizes,kinds\n\nsize,kind\n1.5,a\n,\n-2,c d\n"),
    ("a delimiter behind each row", "d.csv", b"size,kind\n1.5,a,\n,,\n-2,c d,\n"),
    ("a delimiter behind each line", "d.csv", b"size,kind,\n1.5,a,\n,,\n-2,c d,\n"),
    ("mixed line ends", "d.csv", b"size,kind\r\n1.5,a\n,\r\n-2,c d\n"),
    ("old line ends of a Mac", "d.csv", b"size,kind\r1.5,a\r,\r-2,c d\r"),
    ("arrays", "d.npz", npz(size=np.array([1.5, np.nan, -2]), kind=np.array(["a", "", "c d"]))),
    ("arrays of bytes", "d.npz",
     npz(size=np.array([1.5, np.nan, -2], np.float32), kind=np.array(["a", "", "c d"], "S3"))),
    ("records", "d.tfrecord",
     records({"size": 1.5, "kind": b"a"}, {"size": [], "kind": b""}, {"size": -2.0, "kind": b"c d"})),
    ("records, compressed", "d.tfrecord.gz",
     gzip.compress(records({"size": 1.5, "kind": b"a"}, {"kind": b""}, {"size": -2.0, "kind": b"c d"}))),
]  # fmt: skip


@pytest.mark.parametrize("case", SAME, ids=lambda case: case[0])
def test_every_format_gives_the_same_table(tmp_path: Path, case: Any) -> None:
    _, name, content = case
    (tmp_path / name).write_bytes(content)
    found = read(tmp_path / name)
    assert (plain(found), found.named, found.rows) == (MIXED, True, 3)
    assert (found.columns["size"].dtype.name, found.columns["kind"].dtype.name) == ("float64", "object")


LAYOUTS: list[Any] = [
    ("numbers without names", "5,1,2\n4,?,2\n5,1,4\n", {}, {"0": [5, 4, 5], "1": [1, None, 1], "2": [2, 2, 4]}),
    ("pixels of one value", "0,0,0,7\n0,0,1,3\n", {}, {"0": [0, 0], "1": [0, 0], "2": [0, 1], "3": [7, 3]}),
    ("sensors named by numbers", "773869,767541,717447\n64.5,67,70\n62,69,71\n", {},
     {"773869": [64.5, 62], "767541": [67, 69], "717447": [70, 71]}),
    ("a text above numbers", "a,b,9\n1,2,3\n", {}, {"a": [1], "b": [2], "9": [3]}),
    ("texts without names", "ham,Go on\nspam,Win now!\nham,Ok\n", {},
     {"0": ["ham", "spam", "ham"], "1": ["Go on", "Win now!", "Ok"]}),
    ("texts with usual names", "text,category\nwhere?,card\nwhen?,card\n", {},
     {"text": ["where?", "when?"], "category": ["card", "card"]}),
    ("texts with other names", "wording,kind\nWhere is it?,card\nWhen then?,card\n", {},
     {"wording": ["Where is it?", "When then?"], "kind": ["card", "card"]}),
    ("a name that is asked for", "said,meant\nhi,greet\nho,leave\n", {"columns": Columns(label="meant")},
     {"said": ["hi", "ho"], "meant": ["greet", "leave"]}),
    ("a name whose type is told", "said,meant\nhi,greet\nho,leave\n",
     {"columns": Columns(types={"said": ReadAs.CATEGORY})}, {"said": ["hi", "ho"], "meant": ["greet", "leave"]}),
    ("names by order", "hi,greet\nho,leave\n", {"header": True}, {"hi": ["ho"], "greet": ["leave"]}),
    ("no names by order", "text,label\nhi,greet\n", {"header": False}, {"0": ["text", "hi"], "1": ["label", "greet"]}),
    ("an index without a name", ",a\n0,5\n1,6\n", {}, {"0": [0, 1], "a": [5, 6]}),
    ("one column", "text\nhello\n", {}, {"text": ["hello"]}),
    ("a delimiter by order", "a:b\n1:2\n", {"delimiter": ":"}, {"a": [1], "b": [2]}),
    ("commas in texts of a table of tabs", "ham\tWell, yes\nspam\tWin\n", {},
     {"0": ["ham", "spam"], "1": ["Well, yes", "Win"]}),
    ("a quoted line end", 'text,label\n"one\ntwo, three",a\nfour,b\n', {},
     {"text": ["one\ntwo, three", "four"], "label": ["a", "b"]}),
    ("a quote in a quoted text", 'text,label\n"say ""hi""",a\nfour,b\n', {},
     {"text": ['say "hi"', "four"], "label": ["a", "b"]}),
    ("texts that begin with a quotation mark", 'ham\t"Yes" he said\nspam\tWin\n', {},
     {"0": ["ham", "spam"], "1": ['"Yes" he said', "Win"]}),
    ("quotation marks that would join lines", 'ham\t"Yes\nspam\tWin"\nham\tNo\n', {},
     {"0": ["ham", "spam", "ham"], "1": ['"Yes', 'Win"', "No"]}),
    ("identifiers beyond exact numbers", "id,y\n12345678901234567890,1\n12345678901234567891,2\n", {},
     {"id": ["12345678901234567890", "12345678901234567891"], "y": [1, 2]}),
    ("names like numbers of Python", "id,y\n1_000,1\n2_000,2\n", {}, {"id": ["1_000", "2_000"], "y": [1, 2]}),
    ("columns parted by blanks", "   a     b  c\n   1     2  p\n  10     3  q\n", {},
     {"a": [1, 10], "b": [2, 3], "c": ["p", "q"]}),
    ("blanks, a tab and names in quotes", '18.0  8  307\t"chevrolet malibu"\n15.0  8  350\t"buick skylark"\n', {},
     {"0": [18, 15], "1": [8, 8], "2": [307, 350], "3": ["chevrolet malibu", "buick skylark"]}),
    ("one blank between columns", "1 2 p\n3 4 q\n", {}, {"0": [1, 3], "1": [2, 4], "2": ["p", "q"]}),
    ("sentences of as many words", "hello there\nhow are\nyou now\n", {}, {"0": ["hello there", "how are", "you now"]}),
    ("times and tabs", "2024-05-01 10:00\t5\n2024-05-01 11:00\t6\n", {},
     {"0": ["2024-05-01 10:00", "2024-05-01 11:00"], "1": [5, 6]}),
    ("decimal commas", "a;b\n1,5;2,5\n3,1;4,2\n", {"header": True}, {"a": ["1,5", "3,1"], "b": ["2,5", "4,2"]}),
    ("a title", "Sales of 2024\n\na,b\n1,2\n3,4\n", {}, {"a": [1, 3], "b": [2, 4]}),
    ("the line of names twice", "a,b\n1,2\na,b\n3,4\n", {}, {"a": [1, 3], "b": [2, 4]}),
    ("units beneath the names", "a,b\n[mm],-\n" + "1,p\n" * 20, {}, {"a": [1] * 20, "b": ["p"] * 20}),
    ("columns without a name and a cell", "v1,v2,,\nham,Go on,,\nspam,Win now!,,\nham,Ok,,\nham,No,,\n", {},
     {"v1": ["ham", "spam", "ham", "ham"], "v2": ["Go on", "Win now!", "Ok", "No"]}),
    ("infinite numbers", "a,y\ninf,1\n-1e400,2\n", {}, {"a": [np.inf, -np.inf], "y": [1, 2]}),
]  # fmt: skip


@pytest.mark.parametrize("case", LAYOUTS, ids=lambda case: case[0])
def test_the_layout_of_a_csv_file_is_found(tmp_path: Path, case: Any) -> None:
    _, content, options, columns = case
    found = csv_table(tmp_path, content, **options)
    assert plain(found) == columns
    assert found.named == (set(columns) != set(map(str, range(len(columns)))))


def test_a_column_that_turns_out_to_hold_texts_keeps_its_first_cells_as_written(tmp_path: Path) -> None:
    rows = 1 << 17
    found = csv_table(tmp_path, "a,b\n" + "1.50,2\n" * (rows + 5) + "x,3\n", memory=1 << 26)
    assert (found.rows, set(found.columns["a"].tolist())) == (rows + 6, {"1.50", "x"})
    assert (found.columns["b"].dtype.name, found.columns["b"].sum()) == ("float64", 2 * (rows + 5) + 3)


def test_lists_in_json_become_arrays(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(jsonl({"x": [[1, 2], [3, 4]], "y": True}, {"x": [[5, 6], [7, 8.5]], "y": 0}))
    found = read(tmp_path / "d.jsonl")
    assert found.columns["x"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]]
    assert plain(Table({"y": found.columns["y"]})) == {"y": [1, 0]}


def test_numbers_and_texts_in_one_column_of_json_are_texts(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(jsonl({"y": 1}, {"y": "a"}, {"y": None}, {"y": 1 << 60}))
    assert plain(read(tmp_path / "d.jsonl")) == {"y": ["1", "a", "", str(1 << 60)]}


def test_records_hold_numbers_arrays_and_encoded_images(tmp_path: Path) -> None:
    jpeg = b"\xff\xd8\xff\xe0 image"
    examples = (
        {"image": jpeg, "box": [0.5, 1.0], "label": -3, "big": 1 << 60},
        {"image": b"\x89PNG", "box": [2.0, 3.0], "label": 2, "big": 1},
    )
    (tmp_path / "d.tfrecord").write_bytes(records(*examples))
    found = read(tmp_path / "d.tfrecord")
    assert {name: column.tolist() for name, column in found.columns.items()} == {
        "image": [jpeg, b"\x89PNG"],
        "box": [[0.5, 1.0], [2.0, 3.0]],
        "label": [-3, 2],
        "big": [str(1 << 60), "1"],
    }


def test_shards_are_one_table(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"d.tfrecord-0000{number}-of-00002").write_bytes(records({"y": number}))
    assert plain(read(tmp_path)) == {"y": [0, 1]}


AS_WRITTEN: dict[str, tuple[str, str, dict[str, Any], dict[str, list[Any]]]] = {
    "texts that read like missing ones": (
        "d.csv", "text,topic\nNA,a\nnull,b\nhi,c\n", {}, {"text": ["NA", "null", "hi"], "topic": ["a", "b", "c"]},
    ),
    "postal codes": ("d.csv", "zip,label\n02139,a\n10001,b\n", {}, {"zip": ["02139", "10001"], "label": ["a", "b"]}),
    "no codes": (
        "d.csv", "low,high,label\n0,00.5,a\n-0,NA,b\n", {},
        {"low": [0.0, 0.0], "high": [0.5, None], "label": ["a", "b"]},
    ),
    "classes by their usual name": (
        "d.csv", "label,size\n007,1\n42,2\n1E5,3\n", {}, {"label": ["007", "42", "1E5"], "size": [1.0, 2.0, 3.0]},
    ),
    "classes in the last column": (
        "d.csv", "size,kind\n1,3.0\n2,NA\n", {}, {"size": [1.0, 2.0], "kind": ["3.0", "NA"]},
    ),
    "classes by name": (
        "d.csv", "1,3.0,5\n2,1.50,7\n", {"columns": Columns(label="1")},
        {"0": [1.0, 2.0], "1": ["3.0", "1.50"], "2": [5.0, 7.0]},
    ),
    "truth values as classes": (
        "d.jsonl", '{"size": true, "label": true}\n{"size": false, "label": false}\n', {},
        {"size": [1.0, 0.0], "label": ["true", "false"]},
    ),
    "half an emoji": (
        "d.jsonl", '{"text": "so \\ud83d", "label": "\\ud83d\\ude00"}\n{"text": "\\uDE00", "label": "b"}\n', {},
        {"text": ["so \ufffd", "\ufffd"], "label": ["\U0001f600", "b"]},
    ),
    "numbers as classes": ("d.jsonl", '{"label": 7}\n{"label": null}\n', {}, {"label": ["7", ""]}),
}  # fmt: skip


@pytest.mark.parametrize("case", AS_WRITTEN)
def test_codes_texts_and_classes_stay_as_they_are_written(tmp_path: Path, case: str) -> None:
    name, content, options, expected = AS_WRITTEN[case]
    (tmp_path / name).write_text(content)
    source = DataSource(uri="pvc://c/x", **options)
    assert plain(read_table(tmp_path / name, source, MEMORY, label=("label",))) == expected


def idx(array: Any, kind: int = 0x08) -> bytes:
    content: bytes = array.tobytes()
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + content


IMAGES = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
LABELS = np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)


def put_idx(folder: Path, *, compressed: bool = False) -> None:
    for name, array in (("train-images-idx3-ubyte", IMAGES), ("train-labels-idx1-ubyte", LABELS)):
        content = idx(array)
        (folder / (name + ".gz" * compressed)).write_bytes(gzip.compress(content) if compressed else content)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
@pytest.mark.parametrize("named", ["", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_a_pair_of_idx_files_is_images_and_labels(tmp_path: Path, named: str, *, compressed: bool) -> None:
    put_idx(tmp_path, compressed=compressed)
    found = read(tmp_path / (named + ".gz" * compressed) if named else tmp_path)
    assert {name: (column.dtype.name, column.shape) for name, column in found.columns.items()} == {
        "x": ("uint8", (6, 2, 2, 1)),
        "y": ("float64", (6,)),
    }
    assert np.array_equal(found.columns["x"][..., 0], IMAGES)
    assert found.columns["y"].tolist() == LABELS.tolist()


def test_numbers_of_several_bytes_in_idx_files_have_the_right_order(tmp_path: Path) -> None:
    (tmp_path / "a-images").write_bytes(idx(np.array([[1, 2], [3, 400]], dtype=">i4"), 0x0C))
    (tmp_path / "a-labels").write_bytes(idx(np.array([0.5, 1.5], dtype=">f8"), 0x0E))
    found = read(tmp_path)
    assert {name: column.tolist() for name, column in found.columns.items()} == {
        "x": [[1, 2], [3, 400]],
        "y": [0.5, 1.5],
    }


def put_images(folder: Path) -> None:
    for name in ("dog/b.PNG", "cat/a.jpg", "cat/c.jpeg", "cat/.hidden", "__MACOSX/x.jpg", ".git/x.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    (folder / "README.md").write_text("animals")


def test_folders_of_images_are_classes(tmp_path: Path) -> None:
    put_images(tmp_path)
    assert {name: column.tolist() for name, column in read(tmp_path).columns.items()} == {
        "image": [b"cat/a.jpg", b"cat/c.jpeg", b"dog/b.PNG"],
        "label": ["cat", "cat", "dog"],
    }


def put_csv(folder: Path) -> None:
    (folder / "d.csv").write_text("a,b\n1,2\n")
    (folder / "LICENSE").write_text("free")


def put_text(folder: Path) -> None:
    (folder / "d.txt").write_text("a,b\n1,2\n")


@pytest.mark.parametrize(
    ("put", "options"),
    [
        pytest.param(put_csv, {}, id="by the ending"),
        pytest.param(put_text, {"format": DataFormat.CSV}, id="by order"),
    ],
)
def test_the_one_data_file_of_a_folder_is_read(
    tmp_path: Path, put: Callable[[Path], None], options: dict[str, Any]
) -> None:
    put(tmp_path)
    assert plain(read(tmp_path, **options)) == {"a": [1], "b": [2]}
