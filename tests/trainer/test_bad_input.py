"""Input that cannot work, through `idla run --local`: one clear reason, the right exit code, no TensorFlow."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla.report.exit_status import ExitCode

from tests.trainer.local_runs import LocalPlace

pytestmark = pytest.mark.trainer

TABLE, NUMBER = {"type": "TabularClassification"}, {"type": "TabularRegression"}
TEXT, IMAGE, SERIES = {"type": "TextClassification"}, {"type": "ImageClassification"}, {"type": "Forecasting"}
TESTED = {"testStorageUri": "t.csv"}
ZEROS = "sha256:" + "0" * 64
MEMORY = 640 << 20
Write = Callable[[Path], object]
Case = tuple[str, Write, str, dict[str, Any], str, str]
"""Name, files, `storageUri`, spec, reason, and words of the message."""


def csv(names: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    return "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows), ""]).encode()


def table(rows: int = 60, labels: str = "ab") -> bytes:
    return csv(("p", "q", "label"), [(row % 7, row * 37 % 11 / 3, labels[row % len(labels)]) for row in range(rows)])


def texts(rows: int = 60, labels: str = "ab") -> bytes:
    named = [labels[row % len(labels)] for row in range(rows)]
    return csv(("text", "label"), [(f"word{row} of {label}", label) for row, label in enumerate(named)])


def series(rows: int = 200, sensor: str = "two") -> bytes:
    return csv(("timestamp", "one", sensor), [(300 * row, row % 12, row * 7 % 5) for row in range(rows)])


def numbers(rows: int = 60, *, gap: str = "2.5") -> bytes:
    return csv(("p", "target"), [(row % 7, gap if row == 4 else 1.5 * row) for row in range(rows)])


def images(rows: int = 60, classes: int = 2) -> dict[str, Any]:
    pixels = np.random.default_rng(0).integers(0, 255, (rows, 6, 6), dtype=np.uint8)
    return {"x": pixels, "y": np.arange(rows) % classes}


def put(**files: Any) -> Write:
    """Return what writes files; `d_csv` is named `d.csv`, a mapping becomes arrays of NPZ."""

    def write(folder: Path) -> None:
        for name, content in files.items():
            path = folder / name.replace("_", ".")
            if isinstance(content, dict):
                np.savez_compressed(path, **content)
            else:
                path.write_bytes(content)

    return write


def cut_archive(folder: Path) -> None:
    put(d_npz=images())(folder)
    content = (folder / "d.npz").read_bytes()
    (folder / "d.npz").write_bytes(content[: len(content) // 2])


def damaged_line(folder: Path) -> None:
    lines = b"".join(json.dumps({"text": f"t{row}", "label": row % 2}).encode() + b"\n" for row in range(900))
    content = bytearray(gzip.compress(lines, mtime=0))
    content[len(content) // 2] ^= 0xFF
    (folder / "d.jsonl.gz").write_bytes(bytes(content))


def broken_picture(folder: Path) -> None:
    for label in "ab":
        (folder / "set" / label).mkdir(parents=True)
        for number in range(6):
            (folder / "set" / label / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 and nothing more")


def unpacks_to_more(folder: Path) -> None:
    line = b",".join([b"1.5"] * 100) + b"\n"
    with gzip.open(folder / "d.csv.gz", "wb", compresslevel=1) as file:
        file.writelines([line * 500] * 400)


FEW = "classes have fewer"
ALIKE = "count as the first of them; so 1 of 2 classes keep fewer than 5"
UNSEEN = "1 of 3 classes have no example outside the test file"
ROOM = "bytes of memory or more, the task has room for"
CASES: list[Case] = [
    ("a cut archive of records", put(d_csv=gzip.compress(table(900))[:-100]), "d.csv", {"task": TABLE},
     "DataInvalid", "d.csv is no readable CSV file (Compressed file ended before the end"),
    ("a damaged archive of texts", damaged_line, "d.jsonl.gz", {"task": TEXT},
     "DataInvalid", "d.jsonl.gz is no readable JSONL file (example "),
    ("a cut archive of images", cut_archive, "d.npz", {"task": IMAGE},
     "DataInvalid", "d.npz is no readable NPZ file (File is not a zip file); write x and y with numpy.savez"),
    ("a picture that is none", broken_picture, "set", {"task": IMAGE},
     "DataInvalid", "image 0 (counted from 0, of 'a'): found 21 bytes that cannot be read"),
    ("a cut archive of series", put(d_csv=gzip.compress(series(900))[:-100]), "d.csv", {"task": SERIES},
     "DataInvalid", "d.csv is no readable CSV file (Compressed file ended before the end"),
    ("no such label of records", put(d_csv=table()), "d.csv", {"task": TABLE, "data": {"columns": {"label": "class"}}},
     "DataInvalid", "data.columns.label: found 'class'; the columns' names are 'p', 'q', 'label'. Correct the name"),
    ("no such text", put(d_csv=texts()), "d.csv", {"task": TEXT, "data": {"columns": {"text": "body"}}},
     "DataInvalid", "data.columns.text: found 'body'; the columns' names are 'text', 'label'. Correct the name"),
    ("no such label of images", put(d_csv=table()), "d.csv", {"task": IMAGE, "data": {"columns": {"label": "digit"}}},
     "DataInvalid", "there is no label column 'digit': the first line names 'p', 'q', 'label'. Correct data.columns"),
    ("no such time", put(d_csv=series()), "d.csv", {"task": SERIES, "data": {"columns": {"timestamp": "when"}}},
     "DataInvalid", "data.columns.timestamp: no column 'when'; there are 'timestamp', 'one', 'two'"),
    ("a label of records that is in the test file alone", put(d_csv=table(), t_csv=table(9, "az")), "d.csv",
     {"task": TABLE, "data": TESTED}, "TooFewExamples", f"{UNSEEN}: 'z'. Give at least"),
    ("a label of texts that is in the test file alone", put(d_csv=texts(), t_csv=texts(9, "az")), "d.csv",
     {"task": TEXT, "data": TESTED}, "TooFewExamples", f"{UNSEEN}: 'z'. Give at least"),
    ("a label of images that is in the test file alone", put(d_npz=images(), t_npz=images(9, 3)), "d.npz",
     {"task": IMAGE, "data": {"testStorageUri": "t.npz"}}, "TooFewExamples", f"{UNSEEN}: '2'. Give at least"),
    ("a sensor that is in the test file alone", put(d_csv=series(), t_csv=series(50, "three")), "d.csv",
     {"task": SERIES, "data": TESTED}, "DataInvalid", "the test file has the sensors 'one', 'three'"),
    ("NaN among the labels of records", put(d_csv=table().replace(b",a\n", b",NaN\n", 1)), "d.csv", {"task": TABLE},
     "DataInvalid", "1 of 60 examples have no label; the first is example 0 (counted from 0)"),
    ("NaN to predict", put(d_csv=numbers(gap="NaN")), "d.csv", {"task": NUMBER},
     "NotFinite", "1 of 60 examples have no finite number to predict; the first is example 4 (counted from 0)"),
    ("NaN among pixels", put(d_npz={"x": np.full((60, 6, 6), np.nan), "y": np.arange(60) % 2}), "d.npz",
     {"task": IMAGE}, "NotFinite", "60 of 60 examples have NaN, infinite or missing pixels; the first is example 0"),
    ("NaN alone in series", put(d_csv=csv(("a", "b"), [("", "NaN")] * 200)), "d.csv", {"task": SERIES},
     "TooFewExamples", "at least one each with a known target"),
    ("equal texts", put(d_csv=csv(("text", "label"), [("hi", "a"), ("hi", "b")] * 30)), "d.csv",
     {"task": TEXT}, "TooFewExamples", f"{ALIKE}: 'b' 0 of 30"),
    ("equal images", put(d_npz={"x": np.ones((60, 6, 6)), "y": np.arange(60) % 2}), "d.npz", {"task": IMAGE},
     "TooFewExamples", f"{ALIKE}: '1' 0 of 30"),
    ("a test file without a record", put(d_csv=table(), t_csv=b"p,q,label\n"), "d.csv",
     {"task": TABLE, "data": TESTED}, "DataEmpty", "the test file: the file has a line of names but"),
    ("nothing", put(d_csv=b""), "d.csv", {"task": SERIES}, "DataEmpty", "d.csv is empty; it needs one example or more"),
    ("one class of records", put(d_csv=table(labels="a")), "d.csv", {"task": TABLE},
     "SingleClass", "all 60 examples have the label 'a'; a classifier needs two classes or more"),
    ("one class of texts", put(d_csv=texts(labels="a")), "d.csv", {"task": TEXT},
     "SingleClass", "all 60 examples have the label 'a'; a classifier needs two classes or more"),
    ("one class of images", put(d_npz=images(classes=1)), "d.npz", {"task": IMAGE},
     "SingleClass", "all 60 examples have the label '0'; a classifier needs two classes or more"),
    ("one number to predict", put(d_csv=csv(("p", "target"), [(n % 7, 3) for n in range(60)])), "d.csv",
     {"task": NUMBER}, "DataInvalid", "all 60 examples have the number 3 to predict; there is nothing to learn"),
    ("ten records of three classes", put(d_csv=table(10, "abc")), "d.csv", {"task": TABLE},
     "TooFewExamples", f"at least 5 examples, but 3 of 3 {FEW}: 'a' has 4, 'b' has 3, 'c' has 3. Add examples"),
    ("ten rows of series", put(d_csv=series(10)), "d.csv", {"task": SERIES},
     "TooFewExamples", "10 rows, 6 of them for training, are too few for windows of 12 + 12 rows"),
    ("a million classes", put(d_npz={"x": np.zeros((1_000_000, 1, 1), np.uint8), "y": np.arange(1_000_000)}), "d.npz",
     {"task": IMAGE}, "DataInvalid", "there are 1000000 different labels; at most 1000 classes are allowed."),
    ("a host that is not there", put(), "https://does-not-exist.invalid/d.csv", {"task": TABLE},
     "DataUnreachable", "the host does-not-exist.invalid has no address"),
    ("a file that is not there", put(), "d.csv", {"task": TABLE},
     "DataNotFound", "`spec.data.storageUri` is 'd.csv': there is no "),
    ("another digest", put(d_csv=table()), "d.csv", {"task": TABLE, "data": {"digest": ZEROS}},
     "DataDigestMismatch", f"expected {ZEROS}; correct the digest if the change is wanted, else restore the data"),
    ("another digest of the test file", put(d_csv=table(), t_csv=table(9)), "d.csv",
     {"task": TABLE, "data": {**TESTED, "testDigest": ZEROS}}, "DataDigestMismatch", f"expected {ZEROS};"),
    ("series that memory does not hold", unpacks_to_more, "d.csv.gz", {"task": SERIES, "memory": MEMORY},
     "DataInvalid", ROOM),
    ("images that memory does not hold", put(d_npz={"x": np.zeros((9000, 200, 200), np.uint8), "y": np.arange(9000)}),
     "d.npz", {"task": IMAGE, "memory": MEMORY}, "DataInvalid", ROOM),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_bad_input_is_refused_with_its_reason(tmp_path: Path, samples: Path, case: Case) -> None:
    _, write, uri, spec, reason, said = case
    write(tmp_path)
    ended = LocalPlace(tmp_path, samples).run(uri, **spec)
    assert (ended.reason, ended.code, ended.document["exitCode"]) == (reason, ExitCode.DATA, ExitCode.DATA), ended.said
    assert said in ended.message
    assert ended.document.get("artifact") is None
    assert "Traceback" not in ended.said
