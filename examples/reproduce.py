"""Makes the figures of a workflow's `status` again from its published artifact and the raw test file alone.

    python examples/reproduce.py --artifact out/model --status out/workflow.json --test test.csv

It shares no code with what trained, compressed and measured: files are read here, the network is run by LiteRT one
example at a time, and the metrics are written out below. What turns raw inputs into the network's inputs is part of the
artifact (`preprocess.json`), and is read by `idla_preprocess`, the code that every user of the artifact has.

It needs numpy, ai-edge-litert and idla-preprocess: the server's image has them. It ends with 0 where everything holds,
with 1 where something differs, and with 2 where something cannot be read.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from idla_preprocess import InputError, Signature

MISSING = {"", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "?"}
TOLERANCE = 0.0005
"""Three decimals."""
_SMALLEST = 1e-15
_TWO = 2

Array = np.ndarray[Any, np.dtype[Any]]
Table = dict[str, Array]
"""Columns by name: float64 with NaN where one is missing, or objects of `str`; arrays [N, ...] of NPZ files."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was compared."""

    holds: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the workflow asked for and the raw files beside it."""

    data: Mapping[str, Any]
    """`spec.data`."""
    metric: str
    positive: str | None
    test: Path
    before: Path | None
    """Of series: the file that the test file goes on from."""

    def column(self, role: str) -> str | None:
        """Return the column that has a role by name."""
        return (self.data.get("columns") or {}).get(role)


class UnusableError(Exception):
    """Something cannot be read or is not handled here."""


def main() -> int:
    """Compare, tell each finding on a line, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifact", type=Path, required=True, help="the artifact's folder")
    parser.add_argument(
        "--status", type=Path, required=True, help="the TrainingWorkflow as JSON (kubectl get twf NAME -o json)"
    )
    parser.add_argument("--test", type=Path, required=True, help="the test file: CSV, JSONL or NPZ, gzip or not")
    parser.add_argument("--before", type=Path, help="forecasting: the file that the test file goes on from")
    parser.add_argument("--positive", help="f1 of two classes: the class it speaks of, where the spec does not say it")
    options = parser.parse_args()
    try:
        findings = list(findings_of(options))
    except (UnusableError, InputError, OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"reproduce: {type(error).__name__}: {error}\n")
        return 2
    for finding in findings:
        print(f"{'holds  ' if finding.holds else 'DIFFERS'}  {finding.text}")
    return 0 if all(finding.holds for finding in findings) else 1


def findings_of(options: argparse.Namespace) -> Iterator[Finding]:
    """Yield every finding; an artifact with other bytes than promised is not run.

    Raises:
        UnusableError: there is no artifact, or something is not handled here.
    """
    workflow = json.loads(options.status.read_bytes())
    spec, status = workflow["spec"], workflow.get("status", {})
    if not {"artifact", "results"} <= status.keys():
        raise UnusableError(f"{options.status} tells of no published artifact")
    found = list(artifact_findings(options.artifact, status["artifact"]))
    yield from found
    if all(finding.holds for finding in found):
        asked = Asked(
            data=spec["data"],
            metric=status["results"]["metric"],
            positive=options.positive or spec.get("task", {}).get("positiveLabel"),
            test=options.test,
            before=options.before,
        )
        yield metric_finding(options.artifact, asked, status["results"])


def artifact_findings(folder: Path, promised: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what digests and sizes say: that of the manifest, those of every file in it, and their sum."""
    content = (folder / "manifest.json").read_bytes()
    digest, manifest = _digest(content), json.loads(content)
    yield Finding(digest == promised["digest"], f"digest    {digest} (status: {promised['digest']})")
    sizes = {entry["name"]: len((folder / entry["name"]).read_bytes()) for entry in manifest["files"]}
    wrong = [
        entry["name"]
        for entry in manifest["files"]
        if (_digest((folder / entry["name"]).read_bytes()), sizes[entry["name"]])
        != (entry["digest"], entry["sizeBytes"])
    ]
    stray = sorted({path.name for path in folder.iterdir()} - set(sizes) - {"manifest.json"})
    said = f"; other bytes than listed: {', '.join(wrong)}" if wrong else ""
    said += f"; not listed: {', '.join(stray)}" if stray else ""
    yield Finding(not wrong and not stray, f"files     {len(sizes)} as the manifest lists them{said}")
    size = len(content) + sum(sizes.values())
    yield Finding(size == promised["sizeBytes"], f"size      {size} bytes (status: {promised['sizeBytes']})")


def metric_finding(folder: Path, asked: Asked, promised: Mapping[str, Any]) -> Finding:
    """Return what the served model scores on the test file, beside what the status says."""
    arrays = dict(np.load(folder / "preprocess.npz", allow_pickle=False))
    signature = Signature.restored((folder / "preprocess.json").read_bytes(), arrays)
    kind = json.loads((folder / "manifest.json").read_bytes())["taskType"]
    if kind not in _READERS:
        raise UnusableError(f"raw files of {kind} are not read here; those of {', '.join(_READERS)} are")
    raw, truth = _READERS[kind](asked, signature)
    count = len(truth)
    values = answers(folder / "model.tflite", signature.preprocess.to_tensors(raw))
    found = score(asked, signature, truth, values)
    said, examples = float(promised["servedScore"]), promised["testExamples"]
    holds = abs(found - said) <= TOLERANCE and count == examples
    return Finding(holds, f"{asked.metric:<9} {found:.4f} on {count} test examples (status: {said:.4f} on {examples})")


def answers(model: Path, tensors: Mapping[str, Array]) -> Array:
    """Return what a model file answers, [N, ...], asked one example at a time."""
    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    sources = {
        source["name"].removeprefix("serving_default_").removesuffix(":0"): source
        for source in interpreter.get_input_details()
    }
    found = []
    for example in range(len(next(iter(tensors.values())))):
        for name, source in sources.items():
            interpreter.set_tensor(source["index"], tensors[name][example : example + 1].astype(source["dtype"]))
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(found)


# The metrics, by their definitions.


def score(asked: Asked, signature: Signature, truth: Array, values: Array) -> float:
    """Return the metric of answers [N, ...] to examples with this truth: class numbers, or values with NaN."""
    content = signature.answers.content()
    if asked.metric == "pinball":
        return _pinball(truth, np.sort(values[..., 1:], axis=-1), content["levels"])
    if asked.metric in _OF_VALUES:
        errors = (values[..., 0] - truth)[~np.isnan(truth)].astype(np.float64)
        return float(_OF_VALUES[asked.metric](errors))
    if asked.metric not in _OF_CLASSES:
        raise UnusableError(f"the metric {asked.metric} is not written here")
    labels = list(content["labels"])
    predicted = np.where(values.max(axis=1) < content.get("threshold", 0), _REFUSED, values.argmax(axis=1))
    if asked.positive is None and asked.metric == "f1" and len(labels) == _TWO:
        raise UnusableError("f1 of two classes: say by --positive which class it speaks of")
    positive = None if asked.positive is None else labels.index(asked.positive)
    answers = predicted if asked.metric in _OF_ANSWERS else values
    return float(_OF_CLASSES[asked.metric](truth, answers, positive))


def _balanced(truth: Array, predicted: Array, positive: int | None) -> Any:
    del positive
    return np.mean([np.mean(predicted[truth == label] == label) for label in np.unique(truth)])


def _f1(truth: Array, predicted: Array, positive: int | None) -> Any:
    def of(label: int) -> float:
        marked = np.count_nonzero(truth == label) + np.count_nonzero(predicted == label)
        return 2 * np.count_nonzero((truth == label) & (predicted == label)) / marked if marked else 0.0

    labels = np.union1d(truth, predicted) if positive is None else [positive]
    return np.mean([of(label) for label in labels if label != _REFUSED])


def _auc(truth: Array, values: Array, positive: int | None) -> Any:
    """Return how often an example of a class is put before another, ties as half; the mean over the classes."""

    def of(label: int) -> float:
        inside, outside = values[truth == label, label], np.sort(values[truth != label, label])
        if not len(inside) or not len(outside):
            return float("nan")
        sides = (np.searchsorted(outside, inside, side="left"), np.searchsorted(outside, inside, side="right"))
        return float(np.mean(sides) / len(outside))

    classes = values.shape[1]
    if positive is None and classes == _TWO:
        positive = 1
    return np.nanmean([of(label) for label in (range(classes) if positive is None else [positive])])


def _log_loss(truth: Array, values: Array, positive: int | None) -> Any:
    del positive
    return -np.mean(np.log(np.clip(_shares(values)[np.arange(len(truth)), truth], _SMALLEST, 1)))


def _brier(truth: Array, values: Array, positive: int | None) -> Any:
    del positive
    classes = values.shape[1]
    squares = np.sum((_shares(values) - np.eye(classes)[truth]) ** 2, axis=1)
    return np.mean(squares) / (2 if classes == _TWO else 1)


def _shares(values: Array) -> Array:
    shares: Array = values.astype(np.float64) / values.sum(axis=1, keepdims=True, dtype=np.float64)
    return shares


_REFUSED = -1
_OF_ANSWERS = frozenset({"accuracy", "balancedAccuracy", "f1"})
"""What is measured of the classes that are answered, not of their probabilities."""
_OF_CLASSES: dict[str, Callable[[Array, Array, int | None], Any]] = {
    "accuracy": lambda truth, predicted, _: np.mean(predicted == truth),
    "balancedAccuracy": _balanced,
    "f1": _f1,
    "auc": _auc,
    "logLoss": _log_loss,
    "brier": _brier,
}
_OF_VALUES: dict[str, Callable[[Array], Any]] = {
    "rmse": lambda errors: np.sqrt(np.mean(errors**2)),
    "mae": lambda errors: np.mean(np.abs(errors)),
}


def _pinball(truth: Array, quantiles: Array, levels: Sequence[float]) -> float:
    known = ~np.isnan(truth)
    errors = truth[known].astype(np.float64)[:, np.newaxis] - quantiles[known]
    return float(np.mean(np.maximum(np.array(levels) * errors, (np.array(levels) - 1) * errors)))


# The raw files, by what the task makes of them: raw inputs as a user would send them, and the truth.


def read_images(asked: Asked, signature: Signature) -> tuple[Table, Array]:
    """Return `image` [N, H, W, C] and class numbers [N] of an NPZ file, or of a CSV file with a pixel a column."""
    shape = signature.inputs[0].shape[1:]
    if ".npz" in asked.test.suffixes:
        arrays = read_table(asked.test, asked)
        pixels, labels = arrays["x"], arrays["y"]
    else:
        table = read_table(asked.test, asked)
        label = _answer(table, asked, "label")
        pixels, labels = np.stack([table[name] for name in table if name != label], axis=1), table[label]
    return {"image": pixels.astype(np.float32).reshape(-1, *shape)}, class_numbers(labels, signature)


def read_texts(asked: Asked, signature: Signature) -> tuple[Table, Array]:
    """Return `text` [N] and class numbers [N]."""
    table = read_table(asked.test, asked)
    label = _answer(table, asked, "label")
    first = next((name for name, values in table.items() if values.dtype == object and name != label), "")
    text = asked.column("text") or ("text" if "text" in table else first)
    return {"text": table[text]}, class_numbers(table[label], signature)


def read_classes(asked: Asked, signature: Signature) -> tuple[Table, Array]:
    """Return the columns that the artifact takes, and class numbers [N]."""
    table = read_table(asked.test, asked)
    return _features(table, signature), class_numbers(table[_answer(table, asked, "label")], signature)


def read_numbers(asked: Asked, signature: Signature) -> tuple[Table, Array]:
    """Return the columns that the artifact takes, and the numbers [N] to predict."""
    table = read_table(asked.test, asked)
    return _features(table, signature), table[_answer(table, asked, "target")].astype(np.float32)


def read_windows(asked: Asked, signature: Signature) -> tuple[Table, Array]:
    """Return windows `series` [N, history, S] with their `time`, and the values [N, horizon, S] that follow them.

    A window is of the test where all of its targets are; its history may lie in the file before.
    """
    if asked.before is None:
        raise UnusableError("a forecast is made from the rows before: give their file by --before")
    content, horizon = signature.preprocess.content(), signature.answers.content()["horizon"]
    history, period, sensors = content["history"], content["periodSeconds"], content["sensors"]
    earlier, later = read_table(asked.before, asked), read_table(asked.test, asked)
    values = np.concatenate([np.stack([part[name] for name in sensors], axis=1) for part in (earlier, later)])
    grid, start, first = values.astype(np.float32), 0, len(earlier[sensors[0]])
    clock = asked.column("timestamp") or "timestamp"
    if clock in earlier:
        times = np.concatenate([_seconds(earlier[clock]), _seconds(later[clock])])
        places = np.rint((times - times.min()) / period).astype(np.int64)
        grid = np.full((places.max() + 1, len(sensors)), np.nan, np.float32)
        grid[places], start, first = values, int(times.min()), int(places[first:].min())
    chosen = [
        row
        for row in range(max(first, history), len(grid) - horizon + 1)
        if not np.isnan(grid[row : row + horizon]).all()
    ]
    series = np.stack([grid[row - history : row] for row in chosen])
    raw: Table = {"series": series, "time": np.array([start + (row - 1) * period for row in chosen], np.int64)}
    wanted = {tensor.name for tensor in signature.inputs}
    truth = np.stack([grid[row : row + horizon] for row in chosen])
    return {name: array for name, array in raw.items() if name in wanted}, truth


_READERS = {
    "ImageClassification": read_images,
    "TextClassification": read_texts,
    "IntentDetection": read_texts,
    "TabularClassification": read_classes,
    "TabularRegression": read_numbers,
    "Forecasting": read_windows,
}


def class_numbers(labels: Array, signature: Signature) -> Array:
    """Return the places [N] of labels among the classes that the artifact answers; the number 3 is `3` or `3.0`.

    Raises:
        UnusableError: a label is none of the classes.
    """
    known: dict[str | float, int] = {}
    for place, name in enumerate(signature.answers.content()["labels"]):
        number = _number(name)
        known |= {_look(name): place} | ({} if number is None else {number: place})
    written = [str(label).lower() if isinstance(label, bool) else label for label in labels.tolist()]
    names = [_look(label) if isinstance(label, str) else float(label) for label in written]
    stray = next((name for name in names if name not in known), None)
    if stray is not None:
        raise UnusableError(
            f"the label {stray!r} is none of the artifact's {len(known)} classes: is it the right column?"
        )
    return np.array([known[name] for name in names], dtype=np.int64)


def _features(table: Table, signature: Signature) -> Table:
    return {
        tensor.name: _floats(table[tensor.name])
        if tensor.datatype == "FP32"
        else np.array([_plain(value) for value in table[tensor.name].tolist()], dtype=object)
        for tensor in signature.inputs
    }


def _floats(column: Array) -> Array:
    """Return numbers; a text among them is a missing one."""
    if column.dtype != object:
        return column.astype(np.float32)
    numbers = (_number(cell) for cell in column.tolist())
    return np.array([np.nan if number is None else number for number in numbers], dtype=np.float32)


def _answer(table: Table, asked: Asked, role: str) -> str:
    named = asked.column(role) or asked.column("target" if role == "label" else "label")
    others = [name for name in table if name != asked.column("text")]
    return named or (role if role in table else others[-1])


def _plain(value: object) -> str:
    """Return a label or category as a text: whole numbers without a point, an empty one where it is missing."""
    if isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    return "" if np.isnan(number) else str(int(number)) if number.is_integer() else repr(number)


def _look(label: str) -> str:
    """Return what labels have in common that look the same."""
    composed = unicodedata.normalize("NFC", label)
    return "".join(character for character in composed if unicodedata.category(character) != "Cf").strip()


def _seconds(column: Array) -> Array:
    if column.dtype.kind == "f":
        return np.round(column).astype(np.int64)
    moments = (datetime.fromisoformat(text) for text in column.tolist())
    aware = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments)
    return np.array([round(moment.timestamp()) for moment in aware], dtype=np.int64)


# The formats.


def read_table(path: Path, asked: Asked) -> Table:
    """Return the columns of a file by the names or, without a line of names, by their numbers from 0."""
    content = path.read_bytes()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    kinds = {suffix.lower() for suffix in path.suffixes}
    if ".npz" in kinds:
        return dict(np.load(io.BytesIO(content), allow_pickle=False).items())
    if kinds & {".jsonl", ".ndjson"}:
        records = [json.loads(line) for line in content.decode().splitlines() if line.strip()]
        names = dict.fromkeys(name for record in records for name in record)
        return {name: _column([_written(record.get(name)) for record in records]) for name in names}
    return _read_csv(content.decode("utf-8-sig"), asked)


def _read_csv(text: str, asked: Asked) -> Table:
    line = text.partition("\n")[0]
    delimiter = asked.data.get("delimiter") or max("\t,;|", key=line.count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    named = asked.data.get("header")
    if named is None:
        wanted = set((asked.data.get("columns") or {}).values() if asked.data.get("columns") else ())
        named = bool({name for name in wanted if isinstance(name, str)} & set(rows[0])) or (
            all(_number(cell) is None for cell in rows[0]) and not (wanted and all(name.isdigit() for name in wanted))
        )
    names = [cell.strip() for cell in rows[0]] if named else [str(place) for place in range(len(rows[0]))]
    return {name: _column(list(cells)) for name, cells in zip(names, zip(*rows[named:], strict=True), strict=True)}


def _column(cells: Sequence[str]) -> Array:
    numbers = [_number(cell) for cell in cells]
    if None not in numbers:
        return np.array(numbers, dtype=np.float64)
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def _number(cell: str) -> float | None:
    text = cell.strip()
    if text in MISSING:
        return float("nan")
    try:
        return None if "_" in text or re.fullmatch("[+-]?0[0-9]+", text) else float(text)
    except ValueError:
        return None


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
