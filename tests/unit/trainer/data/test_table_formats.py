"""Every format gives the same table, and files of the known kinds are told apart."""

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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


MIXED = {"size": [1.5, None, -2.0], "kind": ["a", "", "c d"]}


def jsonl(*records: Any) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


SAME: list[Any] = [
    ("a comma", "d.csv", b"size,kind\n1.5,a\n,\n-2,c d\n"),
    ("a byte order mark", "d.csv", b"\xef\xbb\xbfsize,kind\n1.5,a\n,\n-2,c d\n"),
    ("empty lines", "d.csv", b"size,kind\n\n1.5,a\n,\n\n-2,c d\n\n"),
    ("a semicolon", "d.csv", b"size;kind\n1.5;a\n?;\n-2;c d\n"),
    ("tabs by the ending", "d.tsv", b"size\tkind\n1.5\ta\nNULL\t\n-2\tc d\n"),
    ("compressed", "d.csv.gz", gzip.compress(b"size,kind\n1.5,a\n,\n-2,c d\n")),
    ("compressed under a plain name", "d.csv", gzip.compress(b"size,kind\n1.5,a\n,\n-2,c d\n")),
    ("JSON lines", "d.jsonl", jsonl({"size": 1.5, "kind": "a"}, {"size": None}, {"kind": "c d", "size": -2})),
    ("a JSON array", "d.json", b'[\n {"size": 1.5, "kind": "a"},\n {"size": null}, {"kind": "c d", "size": -2}\n]\n'),
    ("a JSON array behind a byte order mark", "d.json",
     b'\xef\xbb\xbf[{"size": 1.5, "kind": "a"}, {}, {"kind": "c d", "size": -2}]'),
    ("rows of nothing at the end", "d.csv", b"size,kind\n1.5,a\n,\n-2,c d\n,\n,\n"),
    ("objects over several lines", "d.json", b'{\n "size": 1.5,\n "kind": "a"\n}\n{}\n{"size": -2, "kind": "c d"}\n'),
    ("Excel's hint", "d.csv", b"sep=;\r\nsize;kind\r\n1.5;a\r\n;\r\n-2;c d\r\n"),
    ("a remark with as many columns", "d.csv", b"# sizes, kinds\n\nsize,kind\n1.5,a\n,\n-2,c d\n"),
    ("a remark that looks like names", "d.csv", b"#sizes,kinds\n\nsize,kind\n1.5,a\n,\n-2,c d\n"),
    ("a delimiter behind each row", "d.csv", b"size,kind\n1.5,a,\n,,\n-2,c d,\n"),
    ("old line ends of a Mac", "d.csv", b"size,kind\r1.5,a\r,\r-2,c d\r"),
    ("arrays", "d.npz", npz(size=np.array([1.5, np.nan, -2]), kind=np.array(["a", "", "c d"]))),
    ("records", "d.tfrecord",
     records({"size": 1.5, "kind": b"a"}, {"size": [], "kind": b""}, {"size": -2.0, "kind": b"c d"})),
]  # fmt: skip


def test_a_name_that_the_database_has_itself_is_one_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(jsonl({"rowid": 7, "select": "a"}, {"rowid": 8, "select": "b"}))
    assert plain(read(tmp_path / "d.jsonl")) == {"rowid": [7, 8], "select": ["a", "b"]}


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
    ("a backslash in quotes", 'a,b\n"one\n\\0",x\n\\1,y\n', {"header": True},
     {"a": ["one\n\\0", "\\1"], "b": ["x", "y"]}),
    ("a backslash before quotes", 'a,b\n"say \\"hi\\"",x\nfour,y\n', {"header": True},
     {"a": ['say "hi"', "four"], "b": ["x", "y"]}),
    ("names by order", "hi,greet\nho,leave\n", {"header": True}, {"hi": ["ho"], "greet": ["leave"]}),
    ("no names by order", "text,label\nhi,greet\n", {"header": False}, {"0": ["text", "hi"], "1": ["label", "greet"]}),
    ("an index without a name", ",a\n0,5\n1,6\n", {}, {"0": [0, 1], "a": [5, 6]}),
    ("one column", "text\nhello\n", {}, {"text": ["hello"]}),
    ("one column with empty lines between", 'text\nhello you\n\n""\nthere\n\n', {}, {"text": ["hello you", "there"]}),
    ("a delimiter by order", "a:b\n1:2\n", {"delimiter": ":"}, {"a": [1], "b": [2]}),
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
    ("a text below many numbers", "a,b\n" + "1.50,2\n" * 3000 + "x,3\n", {},
     {"a": ["1.50"] * 3000 + ["x"], "b": [2] * 3000 + [3]}),
    ("infinite numbers", "a,y\ninf,1\n-1e400,2\n", {}, {"a": [np.inf, -np.inf], "y": [1, 2]}),
]  # fmt: skip


@pytest.mark.parametrize("case", LAYOUTS, ids=lambda case: case[0])
def test_the_layout_of_a_csv_file_is_found(tmp_path: Path, case: Any) -> None:
    _, content, options, columns = case
    (tmp_path / "d.csv").write_text(content)
    found = read(tmp_path / "d.csv", **options)
    assert plain(found) == columns
    assert found.named == (set(columns) != set(map(str, range(len(columns)))))


def idx(values: Any, kind: int = 0x08) -> bytes:
    array = np.array(values, {0x08: ">u1", 0x0C: ">i4", 0x0E: ">f8"}[kind])
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


JPEG = b"\xff\xd8\xff\xe0 image"
PAIR = {"train-images-idx3-ubyte": idx([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), "train-labels-idx1-ubyte": idx([1, 0])}
PAIRED: dict[str, list[Any]] = {"x": [[[[1], [2]], [[3], [4]]], [[[5], [6]], [[7], [8]]]], "y": [1, 0]}
FOLDERS: dict[str, tuple[dict[str, bytes], dict[str, Any], dict[str, list[Any]]]] = {
    "lists in JSON": (
        {"d.jsonl": jsonl({"x": [[1, 2], [3, 4]], "y": True}, {"x": [[5, 6], [7, 8.5]], "y": 0})}, {},
        {"x": [[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]], "y": [1, 0]},
    ),
    "numbers and texts in JSON": (
        {"d.jsonl": jsonl({"y": 1}, {"y": "a"}, {"y": None}, {"y": 1 << 60})}, {}, {"y": ["1", "a", "", str(1 << 60)]},
    ),
    "records of all kinds": (
        {"d.tfrecord": records(
            {"image": JPEG, "box": [0.5, 1.0], "label": -3, "big": 1 << 60},
            {"image": b"\x89PNG", "box": [2.0, 3.0], "label": 2, "big": 1},
        )}, {},
        {"image": [JPEG, b"\x89PNG"], "box": [[0.5, 1.0], [2.0, 3.0]], "label": [-3, 2], "big": [str(1 << 60), "1"]},
    ),
    "shards": ({f"d.tfrecord-0000{part}-of-00002": records({"y": part}) for part in range(2)}, {}, {"y": [0, 1]}),
    "parts": ({"a-1.csv": b"a,b\n1,2\n", "a-2.csv": b"a,b\n3,4\n"}, {}, {"a": [1, 3], "b": [2, 4]}),
    "a pair of IDX files": (PAIR, {}, PAIRED),
    "a compressed pair": ({f"{name}.gz": gzip.compress(content) for name, content in PAIR.items()}, {}, PAIRED),
    "numbers of several bytes": (
        {"a-images": idx([[1, 2], [3, 400]], 0x0C), "a-labels": idx([0.5, 1.5], 0x0E)}, {},
        {"x": [[1, 2], [3, 400]], "y": [0.5, 1.5]},
    ),
    "one data file": ({"d.csv": b"a,b\n1,2\n", "LICENSE": b"free"}, {}, {"a": [1], "b": [2]}),
    "one file by order": ({"d.txt": b"a,b\n1,2\n"}, {"format": DataFormat.CSV}, {"a": [1], "b": [2]}),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDERS)
def test_the_files_of_a_folder_are_one_table(tmp_path: Path, case: str) -> None:
    contents, options, columns = FOLDERS[case]
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert plain(read(tmp_path, **options)) == columns


@pytest.mark.parametrize("name", PAIR)
def test_one_file_of_a_pair_stands_for_both(tmp_path: Path, name: str) -> None:
    for other, content in PAIR.items():
        (tmp_path / other).write_bytes(content)
    found = read(tmp_path / name)
    assert (plain(found), found.columns["x"].dtype.name) == (PAIRED, "uint8")


AS_WRITTEN: dict[str, tuple[str, str, dict[str, list[Any]]]] = {
    "texts that read like missing ones": (
        "d.csv", "text,topic\nNA,a\nnull,b\nhi,c\n", {"text": ["NA", "null", "hi"], "topic": ["a", "b", "c"]},
    ),
    "postal codes": ("d.csv", "zip,label\n02139,a\n10001,b\n", {"zip": ["02139", "10001"], "label": ["a", "b"]}),
    "no codes": (
        "d.csv", "low,high,label\n0,00.5,a\n-0,NA,b\n", {"low": [0, 0], "high": [0.5, None], "label": ["a", "b"]},
    ),
    "classes by their usual name": (
        "d.csv", "label,size\n007,1\n42,2\n1E5,3\n", {"label": ["007", "42", "1E5"], "size": [1, 2, 3]},
    ),
    "classes in the last column": ("d.csv", "size,kind\n1,3.0\n2,NA\n", {"size": [1, 2], "kind": ["3.0", "NA"]}),
    "truth values as classes": (
        "d.jsonl", '{"size": true, "label": true}\n{"size": false, "label": false}\n',
        {"size": [1, 0], "label": ["true", "false"]},
    ),
    "half an emoji": (
        "d.jsonl", '{"text": "so \\ud83d", "label": "\\ud83d\\ude00"}\n{"text": "\\uDE00", "label": "b"}\n',
        {"text": ["so \ufffd", "\ufffd"], "label": ["\U0001f600", "b"]},
    ),
    "numbers as classes": ("d.jsonl", '{"label": 7}\n{"label": null}\n', {"label": ["7", ""]}),
}  # fmt: skip


@pytest.mark.parametrize("case", AS_WRITTEN)
def test_codes_texts_and_classes_stay_as_they_are_written(tmp_path: Path, case: str) -> None:
    name, content, expected = AS_WRITTEN[case]
    (tmp_path / name).write_text(content)
    assert plain(read_table(tmp_path / name, DataSource(uri="pvc://c/x"), MEMORY, label=("label",))) == expected


def test_the_column_of_the_classes_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("1,3.0,5\n2,1.50,7\n")
    source = DataSource(uri="pvc://c/x", columns=Columns(label="1"))
    found = plain(read_table(tmp_path / "d.csv", source, MEMORY, label=("label",)))
    assert found == {"0": [1, 2], "1": ["3.0", "1.50"], "2": [5, 7]}
