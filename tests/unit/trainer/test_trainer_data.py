"""What the trainer reads, and how it refuses what it cannot use."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_contract.task import Columns, DataFormat, DataSource
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.source import Origin, fetch_data
from idla_trainer.problems.image.examples import CheckedImages, checked
from idla_trainer.problems.image.reading import read
from idla_trainer.runtime_limits import memory_bytes

from tests.forged import compressed, npz
from tests.golden import Golden
from tests.unit.trainer.refusals import refused

PIXELS = np.arange(6 * 4, dtype=np.float64).reshape(6, 4)
LABELS = ["b", "a", "b", "a", "b", "a"]
IMAGES = PIXELS.astype(np.float32).reshape(6, 2, 2, 1)


def lines(labels: list[Any] = LABELS, header: str = "", pixels: Any = PIXELS) -> bytes:
    rows = [",".join([*(f"{value:g}" for value in row), str(label)]) for row, label in zip(pixels, labels, strict=True)]
    return "\n".join([header, *rows] if header else rows).encode() + b"\n"


def load(folder: Path, name: str, content: bytes, *, memory: int | None = None, **options: Any) -> CheckedImages:
    (folder / name).write_bytes(content)
    source = DataSource(uri=f"pvc://claim/{name}", **options)
    origin = Origin(data_mount=folder, samples=folder / "none", downloads=folder / "work")
    path, _ = fetch_data(source.uri, source.digest, origin)
    return checked(read(path, source, memory_bytes() if memory is None else memory))


def objects(labels: list[str]) -> bytes:
    pixels = IMAGES[..., 0].tolist()
    return "\n".join(json.dumps({"x": x, "y": y}) for x, y in zip(pixels, labels, strict=True)).encode()


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
        pytest.param("d.csv", lines(header=NAMES).replace(b",", b";"), {}, id="semicolons"),
        pytest.param("d.csv", lines().replace(b",", b" "), {"delimiter": " ", "header": False}, id="delimiter given"),
        pytest.param("d.jsonl", objects(LABELS), {}, id="JSON lines of arrays"),
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


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        pytest.param(["10", "9", "1"], ("1", "9", "10"), [2, 1, 0], id="whole numbers in their order"),
        pytest.param(["007", "042", "7"], ("007", "7", "042"), [0, 2, 1], id="codes with zeros before them"),
        pytest.param(["3.0", "1e0", "-2"], ("-2", "1e0", "3.0"), [2, 1, 0], id="numbers as they stand"),
        pytest.param(["NA", "null", "nan"], ("NA", "nan", "null"), [0, 2, 1], id="what reads like missing"),
        pytest.param(
            ["café", "cafe\u0301", "cafe\u0301", "ba\u200br", "bar", "bar"],
            ("bar", "cafe\u0301"),
            [1, 1, 1, 0, 0, 0],
            id="what looks the same",
        ),
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


BOMB = compressed(x=np.ones((1 << 14, 16, 16), np.uint8), y=np.zeros(1 << 14, np.uint8))
REFUSED: list[Any] = [
    ("arrays of nothing", "d.npz", npz(x=np.zeros((0, 2, 2)), y=[]), {}, "DataEmpty"),
    ("one class", "d.csv", lines(["a"] * 6), {}, "SingleClass"),
    ("a NaN pixel in CSV", "d.csv", with_value("nan"), {}, "NotFinite"),
    ("a missing pixel", "d.csv", with_value(""), {}, "NotFinite"),
    ("an infinite pixel in NPZ", "d.npz", npz(x=in_example_2(np.inf), y=LABELS), {}, "NotFinite"),
    ("a pixel beyond 32 bits", "d.npz", npz(x=in_example_2(1e300), y=LABELS), {}, "NotFinite"),
    ("a text as pixel", "d.csv", with_value("dark"), {}, "DataInvalid"),
    ("black images only", "d.csv", lines(pixels=PIXELS * 0), {}, "DataInvalid"),
    ("no square", "d.csv", lines(pixels=PIXELS[:, :3]), {}, "DataInvalid"),
    ("no pixel", "d.csv", b"1\n2\n", {}, "DataInvalid"),
    ("no such label column", "d.csv", lines(header="p0,p1,p2,p3,kind"), {"columns": Columns(label="digit")},
     "DataInvalid"),
    ("label column without names", "d.csv", lines(), {"columns": Columns(label="digit")}, "DataInvalid"),
    ("no label", "d.csv", lines(["a", "b", "", "a", "b", "a"]), {}, "DataInvalid"),
    ("no label at all", "d.npz", npz(x=PIXELS.reshape(6, 2, 2), y=np.array([""] * 6)), {}, "DataInvalid"),
    ("a fraction as label", "d.csv", lines([1, 2, 1.5, 1, 2, 1]), {}, "DataInvalid"),
    ("labels that are all different", "d.csv", lines([f"cat {n}" for n in range(30)], pixels=np.ones((30, 4))), {},
     "DataInvalid"),
    ("identifiers in place of pixels", "d.csv", lines(pixels=PIXELS[:, :1], header="id,label"), {}, "DataInvalid"),
    ("a column of labels", "d.npz", npz(x=PIXELS.reshape(6, 2, 2), y=np.ones((6, 1))), {}, "DataInvalid"),
    ("a column for each class", "d.npz", npz(x=PIXELS.reshape(6, 2, 2), y=np.ones((6, 3))), {}, "DataInvalid"),
    ("the names of Keras", "d.npz", npz(x_train=PIXELS, y_train=LABELS), {}, "DataInvalid"),
    ("an endless label", "d.csv", lines(["a" * 200, *"bababa"[:5]]), {}, "DataInvalid"),
    ("x missing", "d.npz", npz(images=PIXELS, y=LABELS), {}, "DataInvalid"),
    ("channels first", "d.npz", npz(x=np.ones((6, 3, 8, 8)), y=LABELS), {}, "DataInvalid"),
    ("flat arrays", "d.npz", npz(x=PIXELS, y=LABELS), {}, "DataInvalid"),
    ("too few labels", "d.npz", npz(x=PIXELS.reshape(6, 2, 2), y=LABELS[:5]), {}, "DataInvalid"),
    ("a file of texts", "d.jsonl", b'{"text": "a", "label": "b"}\n', {}, "DataInvalid"),
    ("an NPZ that unpacks to more than the memory", "d.npz", BOMB, {}, "DataInvalid"),
    ("a gzip that does", "d.csv.gz", gzip.compress(b"1,2,3,4,5\n" * 20000), {}, "DataInvalid"),
    ("labels that do", "d.csv", b"1," + b"a" * 60000 + b"\n1," + b"b" * 60000 + b"\n", {}, "DataInvalid"),
    ("another array beside them", "d.jsonl", objects(LABELS).replace(b'"y"', b'"z": [1], "y"'), {}, "DataInvalid"),
    ("images of texts", "d.npz", npz(x=np.full((6, 2, 2), "a"), y=LABELS), {}, "DataInvalid"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_what_cannot_be_used_is_refused(tmp_path: Path, case: Any, golden: Golden) -> None:
    """What the reader of tables refuses as well is in `data/test_table_refusals.py`."""
    _, name, content, options, reason = case
    assert len(content) < 200000
    found, said = refused(lambda: load(tmp_path, name, content, memory=100000, **options))
    golden(said)
    assert found == reason


def test_what_just_fits_is_read(tmp_path: Path) -> None:
    assert len(load(tmp_path, "d.csv", lines(), memory=5 * 512 + 6 * (4 * 8 + 58)).labels) == 6
    content = npz(x=IMAGES, y=LABELS)
    assert len(load(tmp_path, "d.npz", content, memory=6 * 4 * 4 + 6 * 4 + 2 * 128).labels) == 6


def test_nothing_but_x_and_y_is_looked_at_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = npz(x=IMAGES, y=LABELS, model=np.array([{"a": 1}], dtype=object), **{"../../evil": IMAGES})
    assert np.array_equal(load(tmp_path, "d.npz", content).pixels, IMAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["d.npz"]
