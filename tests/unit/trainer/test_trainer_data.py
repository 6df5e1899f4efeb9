"""What the trainer reads, and how it refuses what it cannot use."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataFormat, DataSource
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.source import Origin, fetch_data
from idla_trainer.failures import TaskError
from idla_trainer.problems.image.examples import CheckedImages, checked, read
from idla_trainer.runtime_limits import memory_bytes

PIXELS = np.arange(6 * 4, dtype=np.float64).reshape(6, 4)
LABELS = ["b", "a", "b", "a", "b", "a"]
IMAGES = PIXELS.astype(np.float32).reshape(6, 2, 2, 1)


def lines(labels: list[Any] = LABELS, header: str = "", pixels: Any = PIXELS) -> bytes:
    rows = [",".join([*(f"{value:g}" for value in row), str(label)]) for row, label in zip(pixels, labels, strict=True)]
    return "\n".join([header, *rows] if header else rows).encode() + b"\n"


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def load(folder: Path, name: str, content: bytes, *, memory: int | None = None, **options: Any) -> CheckedImages:
    (folder / name).write_bytes(content)
    source = DataSource(uri=f"pvc://claim/{name}", **options)
    return loaded(source, folder, memory=memory)


def loaded(source: DataSource, folder: Path, *, memory: int | None = None) -> CheckedImages:
    origin = Origin(data_mount=folder, samples=folder / "none", downloads=folder / "work")
    found = fetch_data(source.uri, source.digest, origin)
    return checked(read(found.path, source, memory_bytes() if memory is None else memory))


NAMES = "p0,p1,p2,p3,label"


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        pytest.param("d.csv", lines(), {}, id="without a line of names"),
        pytest.param("d.csv", lines(header=NAMES), {}, id="with one"),
        pytest.param("d.csv", b"\xef\xbb\xbf" + lines(header=NAMES), {}, id="with a byte order mark"),
        pytest.param("d.csv", lines(header=NAMES).replace(b"\n", b"\r\n"), {}, id="with Windows line ends"),
        pytest.param("d.csv", lines(header="1,2,3,4,label"), {}, id="pixels named by numbers"),
        pytest.param("d.csv", lines(header="p0,p1,p2,p3,kind"), {}, id="the last column where none is called label"),
        pytest.param("d.csv", lines(header="p0,p1,p2,p3,kind"), {"columns": Columns(label="kind")}, id="label named"),
        pytest.param("d.csv.gz", gzip.compress(lines()), {}, id="compressed"),
        pytest.param("d.csv", gzip.compress(lines()), {}, id="compressed, whatever the ending says"),
        pytest.param("d.txt", lines(), {"format": DataFormat.CSV}, id="another ending, format given"),
        pytest.param("d.npz", npz(x=PIXELS.reshape(6, 2, 2), y=LABELS), {}, id="grey arrays"),
        pytest.param("d.npz", npz(x=IMAGES, y=np.array(LABELS, dtype="S1")), {}, id="channels, labels as bytes"),
    ],
)  # fmt: skip
def test_every_spelling_of_the_same_examples_gives_the_same_data(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any]
) -> None:
    found = load(tmp_path, name, content, **options)
    assert found.pixels.dtype == np.float32
    assert np.array_equal(found.pixels, IMAGES)
    assert (found.classes, found.labels.tolist(), found.spec.maximum) == (("a", "b"), [1, 0, 1, 0, 1, 0], 23.0)


def test_the_label_may_stand_anywhere(tmp_path: Path) -> None:
    content = b"p0,label,p1,p2,p3\n1,x,2,3,4\n5,y,6,7,8\n"
    found = load(tmp_path, "d.csv", content)
    assert found.pixels.reshape(2, 4).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert found.classes == ("x", "y")


def test_a_first_line_of_names_is_known_by_its_numbers_below(tmp_path: Path) -> None:
    found = load(tmp_path, "d.csv", b"0,1,2,3,digit\n1,2,3,4,7\n5,6,7,8,3\n")
    assert (found.classes, len(found.labels)) == (("3", "7"), 2)


def test_a_folder_with_one_data_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "LICENSE").write_text("free")
    found = load(tmp_path, "set/d.csv", lines())
    again = loaded(DataSource(uri="pvc://c/set"), tmp_path)
    assert np.array_equal(found.pixels, again.pixels)


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        pytest.param(["10", "9", "1"], ("1", "9", "10"), [2, 1, 0], id="whole numbers in their order"),
        pytest.param(["3.0", "3", "1e0", "-2"], ("-2", "1", "3"), [2, 2, 1, 0], id="spellings of whole numbers"),
        pytest.param(["10", "9", "x"], ("10", "9", "x"), [0, 1, 2], id="texts among them"),
        pytest.param([" cat", "cat ", "dog"], ("cat", "dog"), [0, 0, 1], id="spaces around"),
    ],
)
def test_classes_have_one_order(labels: list[str], classes: tuple[str, ...], numbers: list[int]) -> None:
    found, order = encode_labels(labels)
    assert (order, found.tolist()) == (classes, numbers)


def with_value(value: str) -> bytes:
    return lines().replace(b"9,10", f"9,{value}".encode())


def in_example_2(value: float) -> Any:
    images = PIXELS.reshape(6, 2, 2).copy()
    images[2, 0, 1] = value
    return images


NOT_FINITE = (
    "1 of 6 examples have NaN, infinite or missing pixels; the first is example 2 (counted from 0, label 'b'). "
    "Mend or remove them"
)
NO_SQUARE = (
    "pixels beside the label; a CSV file holds square grey images, such as 64 pixels for 8 x 8. "
    "Use an NPZ file for other shapes"
)
NO_LABEL = (
    "1 of 6 examples have no label; the first is example 2 (counted from 0). Give every example one, or leave those "
    "without one out"
)
CORRECT = "Correct data.columns.label or the file"
KNOWN = ".csv, .tsv, .jsonl, .ndjson, .npz, .parquet, .tfrecord, .tfrecords"
REFUSED: list[Any] = [
    ("no byte", "d.csv", b"", {}, "DataEmpty", "d.csv is empty; it needs one example or more"),
    ("no line", "d.csv", b"\n\n", {}, "DataEmpty", "the file has no line; it needs one example a line"),
    ("names only", "d.csv", b"a,b,c,d,label\n", {}, "DataEmpty", "the file has a line of names but no example"),
    ("arrays of nothing", "d.npz", npz(x=np.zeros((0, 2, 2)), y=[]), {}, "DataEmpty",
     "there is no example; at least five of each class are needed"),
    ("one class", "d.csv", lines(["a"] * 6), {}, "SingleClass",
     "all 6 examples have the label 'a'; a classifier needs two classes or more"),
    ("a NaN pixel in CSV", "d.csv", with_value("nan"), {}, "NotFinite",
     NOT_FINITE),
    ("a missing pixel", "d.csv", with_value(""), {}, "NotFinite",
     NOT_FINITE),
    ("an infinite pixel in NPZ", "d.npz", npz(x=in_example_2(np.inf), y=LABELS), {}, "NotFinite",
     NOT_FINITE),
    ("a pixel beyond 32 bits", "d.npz", npz(x=in_example_2(1e300), y=LABELS), {}, "NotFinite",
     NOT_FINITE),
    ("a text as pixel", "d.csv", with_value("dark"), {}, "DataInvalid",
     "example 2 has the text 'dark' as pixel 2; pixels are numbers"),
    ("black images only", "d.csv", lines(pixels=PIXELS * 0), {}, "DataInvalid",
     "the largest pixel is 0; pixels go from 0 to a maximum above 0"),
    ("no square", "d.csv", lines(pixels=PIXELS[:, :3]), {}, "DataInvalid",
     f"a line has 3 {NO_SQUARE}"),
    ("no pixel", "d.csv", b"1\n2\n", {}, "DataInvalid",
     f"a line has 0 {NO_SQUARE}"),
    ("lines of different length", "d.csv", lines() + b"1,2,a\n", {}, "DataInvalid",
     "example 6 has 3 columns, the first line has 5"),
    ("no such label column", "d.csv", lines(header="p0,p1,p2,p3,kind"),
     {"columns": Columns(label="digit")}, "DataInvalid",
     f"there is no label column 'digit': the first line names 'p1', 'p2', 'p3', 'kind' as the last of 5. {CORRECT}"),
    ("label column without names", "d.csv", lines(), {"columns": Columns(label="digit")}, "DataInvalid",
     f"there is no label column 'digit': the file has no line of names. {CORRECT}"),
    ("no label", "d.csv", lines(["a", "b", "", "a", "b", "a"]), {}, "DataInvalid",
     NO_LABEL),
    ("a fraction as label", "d.csv", lines([1, 2, 1.5, 1, 2, 1]), {}, "DataInvalid",
     "the label '1.5' is a fraction; labels are whole numbers or texts, one for each class"),
    ("an endless label", "d.csv", lines(["a" * 200, *"bababa"[:5]]), {}, "DataInvalid",
     "the label of example 0 has 200 characters; at most 128 are allowed"),
    ("unknown ending", "d.arrow", lines(), {}, "DataInvalid",
     f"d.arrow ends in none of {KNOWN}, with or without .gz; rename it or set data.format"),
    ("x missing", "d.npz", npz(images=PIXELS, y=LABELS), {}, "DataInvalid",
     "d.npz lacks the array 'x'; it holds images, y"),
    ("no archive", "d.npz", b"garbage", {}, "DataInvalid",
     "d.npz is no readable NPZ file (it is no zip archive of arrays); write x and y with numpy.savez"),
    ("a broken archive", "d.npz", b"PK\x03\x04 no zip", {}, "DataInvalid",
     "d.npz is no readable NPZ file (File is not a zip file); write x and y with numpy.savez"),
    ("objects", "d.npz", npz(x=np.array([{"a": 1}] * 6, dtype=object), y=LABELS), {}, "DataInvalid",
     "d.npz is no readable NPZ file (it holds Python objects, which are never read); write x and y with numpy.savez"),
    ("a single array", "d.npz", npy(PIXELS), {}, "DataInvalid",
     "d.npz is a single array; write x and y with numpy.savez"),
    ("flat arrays", "d.npz", npz(x=PIXELS, y=LABELS), {}, "DataInvalid",
     "x has the shape [6, 4]; allowed: [N, H, W] or [N, H, W, C]"),
    ("too few labels", "d.npz", npz(x=PIXELS.reshape(6, 2, 2), y=LABELS[:5]), {}, "DataInvalid",
     "y has the shape [5]; allowed: [6], one label for each image of x"),
    ("images of texts", "d.npz", npz(x=np.full((6, 2, 2), "a"), y=LABELS), {}, "DataInvalid",
     "x has values of type <U1; pixels are numbers"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_what_cannot_be_used_is_refused(tmp_path: Path, case: Any) -> None:
    _, name, content, options, reason, message = case
    with pytest.raises(TaskError) as refusal:
        load(tmp_path, name, content, **options)
    assert (refusal.value.reason, str(refusal.value)) == (FailureReason(reason), message)


def encrypted() -> bytes:
    content = bytearray(npz(x=IMAGES, y=LABELS))
    for at in (content.index(b"PK\x01\x02") + 8, content.index(b"PK\x03\x04") + 6):
        content[at] |= 1
    return bytes(content)


def lying() -> bytes:
    """Return an NPZ whose x tells of a shape that no memory holds."""
    content = npz(x=IMAGES, y=LABELS)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"(6, 2, 2, 1), }" + b" " * 10, b"(99999999999, 2, 2, 1), }"))
    return buffer.getvalue()


def cut_gzip() -> bytes:
    return gzip.compress(lines() * 50)[:-20]


def pickled() -> bytes:
    return npz(x=np.array([{"a": 1}] * 6, dtype=object), y=LABELS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("d.csv.gz", cut_gzip(), id="gzip cut in half"),
        pytest.param("d.csv", b"\x80\x81\xff" * 10, id="no text"),
        pytest.param("d.npz", b"PK\x03\x04 no zip", id="no zip"),
        pytest.param("d.npz", npz(x=IMAGES, y=LABELS)[:-300], id="zip cut in half"),
        pytest.param("d.npz", pickled(), id="pickled objects"),
        pytest.param("d.npz", lines(), id="CSV by another name"),
        pytest.param("d.npz", encrypted(), id="encrypted"),
        pytest.param("d.npz", lying(), id="a shape that no memory holds"),
    ],
)
def test_an_unreadable_file_is_invalid(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(TaskError, match=r"is no readable (CSV|NPZ) file") as refusal:
        load(tmp_path, name, content)
    assert refusal.value.reason is FailureReason.DATA_INVALID


def bomb() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=np.ones((1 << 14, 16, 16), np.uint8), y=np.zeros(1 << 14, np.uint8))
    return buffer.getvalue()


def told(size: int) -> str:
    return (
        f"take {size} bytes of memory or more, the task has room for 100000; raise spec.resources.limits.memory, or "
        "give it fewer or smaller examples"
    )


NPZ_SIZE = (1 << 22) + (1 << 14) + 2 * 128
ENDLESS = b"1" + b",1" * (1 << 23) + b"\n"
TOO_LARGE: list[Any] = [
    ("an NPZ that unpacks to a hundred times its size", "d.npz", bomb(), f"the examples of d.npz {told(NPZ_SIZE)}"),
    ("a gzip that does", "d.csv.gz", gzip.compress(b"1,2,3,4,5\n" * 20000),
     f"the examples of d.csv.gz {told(17 * 5883)}"),
    ("long labels", "d.csv", (b"1," + b"a" * 60000 + b"\n") * 2, f"the examples of d.csv {told(2 * 60004)}"),
    ("one endless line", "d.csv.gz", gzip.compress(ENDLESS),
     "d.csv.gz is no readable CSV file (a line has more than 16777216 characters)"),
]  # fmt: skip


@pytest.mark.parametrize("case", TOO_LARGE, ids=lambda case: case[0])
def test_more_than_the_memory_holds_is_refused_while_it_is_small(tmp_path: Path, case: Any) -> None:
    _, name, content, message = case
    assert len(content) < 200000
    with pytest.raises(TaskError) as refusal:
        load(tmp_path, name, content, memory=100000)
    assert (refusal.value.reason, str(refusal.value)) == (FailureReason.DATA_INVALID, message)


def test_what_just_fits_is_read(tmp_path: Path) -> None:
    assert len(load(tmp_path, "d.csv", lines(), memory=6 * 17).labels) == 6
    content = npz(x=IMAGES, y=LABELS)
    assert len(load(tmp_path, "d.npz", content, memory=6 * 4 * 4 + 6 * 4 + 2 * 128).labels) == 6


def test_nothing_but_x_and_y_is_looked_at_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = npz(x=IMAGES, y=LABELS, model=np.array([{"a": 1}], dtype=object), **{"../../evil": IMAGES})
    assert np.array_equal(load(tmp_path, "d.npz", content).pixels, IMAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["d.npz"]


def put_texts(folder: Path) -> None:
    (folder / "d.jsonl").write_text('{"text": "a", "label": "b"}\n')


def put_nothing(folder: Path) -> None:
    (folder / "readme.txt").write_text("nothing here")


def put_two(folder: Path) -> None:
    for name in ("a.csv", "b.npz"):
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("put", "reason", "message"),
    [
        pytest.param(put_nothing, "DataEmpty",
                     f"the folder set holds no data file ({KNOWN}, with or without .gz), no IDX file and no folder of "
                     "images; name a file or a folder with one", id="none"),
        pytest.param(put_texts, "DataInvalid",
                     "data.format: images are read from CSV, NPZ, IDX and ImageFolder so far, found JSONL",
                     id="a file of texts is known for what it is"),
        pytest.param(put_two, "DataInvalid",
                     "the folder set holds 2 data files (a.csv, b.npz, ...); name one", id="two"),
    ],
)  # fmt: skip
def test_a_folder_needs_exactly_one_data_file(
    tmp_path: Path, put: Callable[[Path], None], reason: str, message: str
) -> None:
    (tmp_path / "set").mkdir()
    put(tmp_path / "set")
    with pytest.raises(TaskError) as refusal:
        loaded(DataSource(uri="pvc://c/set"), tmp_path)
    assert (refusal.value.reason, str(refusal.value)) == (FailureReason(reason), message)
