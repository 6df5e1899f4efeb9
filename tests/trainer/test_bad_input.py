"""Input that cannot work, through `idla run --local`: one clear reason, the right exit code, no TensorFlow.

A case of each sort; all that is refused is in tests/unit/trainer, by kind of data.
"""

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

TABLE, TEXT = {"type": "TabularClassification"}, {"type": "TextClassification"}
IMAGE, SERIES = {"type": "ImageClassification"}, {"type": "Forecasting"}
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


def series(rows: int = 200) -> bytes:
    return csv(("timestamp", "one", "two"), [(300 * row, row % 12, row * 7 % 5) for row in range(rows)])


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


def damaged_line(folder: Path) -> None:
    lines = b"".join(json.dumps({"text": f"t{row}", "label": row % 2}).encode() + b"\n" for row in range(900))
    content = bytearray(gzip.compress(lines, mtime=0))
    content[len(content) // 2] ^= 0xFF
    (folder / "d.jsonl.gz").write_bytes(bytes(content))


def unpacks_to_more(folder: Path) -> None:
    line = b",".join([b"1.5"] * 100) + b"\n"
    with gzip.open(folder / "d.csv.gz", "wb", compresslevel=1) as file:
        file.writelines([line * 500] * 400)


ALIKE = "together need 3 groups or more with each class, but all 60 examples are in 1"
UNSEEN = "1 of 3 classes have no example outside the test file"
ROOM = "the task has room for"
CASES: list[Case] = [
    ("a damaged archive of texts", damaged_line, "d.jsonl.gz", {"task": TEXT},
     "DataInvalid", "d.jsonl.gz is compressed by gzip and damaged ("),
    ("no such label of records", put(d_csv=table()), "d.csv", {"task": TABLE, "data": {"columns": {"label": "class"}}},
     "DataInvalid", "data.columns.label: found 'class'; the columns' names are 'p', 'q', 'label'. Correct the name"),
    ("a label of records that is in the test file alone", put(d_csv=table(), t_csv=table(9, "az")), "d.csv",
     {"task": TABLE, "data": TESTED}, "TooFewExamples", f"{UNSEEN}: 'z'. Give at least"),
    ("NaN among the labels of records", put(d_csv=table().replace(b",a\n", b",NaN\n", 1)), "d.csv", {"task": TABLE},
     "TooFewExamples", "1 of 3 classes have fewer: 'NaN' has 1. Add examples or leave these classes out"),
    ("an empty label of records", put(d_csv=table().replace(b",a\n", b",\n", 1)), "d.csv", {"task": TABLE},
     "DataInvalid", "1 of 60 examples have no label; the first is example 0 (counted from 0)"),
    ("NaN among pixels", put(d_npz={"x": np.full((60, 6, 6), np.nan), "y": np.arange(60) % 2}), "d.npz",
     {"task": IMAGE}, "NotFinite", "60 of 60 examples have NaN, infinite or missing pixels; the first is example 0"),
    ("NaN alone in series", put(d_csv=csv(("a", "b"), [("", "NaN")] * 200)), "d.csv", {"task": SERIES},
     "TooFewExamples", "has no known value: a forecast of it cannot be measured"),
    ("equal images", put(d_npz={"x": np.ones((60, 6, 6)), "y": np.arange(60) % 2}), "d.npz", {"task": IMAGE},
     "TooFewExamples", ALIKE),
    ("a test file without a record", put(d_csv=table(), t_csv=b"p,q,label\n"), "d.csv",
     {"task": TABLE, "data": TESTED}, "DataEmpty", "the test file: the file has a line of names but"),
    ("one class of records", put(d_csv=table(labels="a")), "d.csv", {"task": TABLE},
     "SingleClass", "all 60 examples have the label 'a'; a classifier needs two classes or more"),
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
