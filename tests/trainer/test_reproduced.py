"""What a workflow's status says is made again by a script that shares no code with what trained and measured."""

import ast
import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytestmark = pytest.mark.trainer

SCRIPT = Path(__file__).parents[2] / "examples/reproduce.py"
DIGITS = 1797
TEST = 360


@dataclass(frozen=True)
class Held:
    """A workflow with the file that its model has never seen."""

    spec: dict[str, Any]
    test: str
    before: str | None = None


def digits(folder: Path, samples: Path) -> Held:
    lines = gzip.decompress((samples / "digits/digits.csv.gz").read_bytes()).decode().splitlines(keepends=True)
    assert len(lines) == DIGITS
    (folder / "train.csv").write_text("".join(lines[:-TEST]))
    (folder / "test.csv").write_text("".join(lines[-TEST:]))
    return Held(of("ImageClassification", "accuracy", "vgg-small", "csv", epochs=3), "test.csv")


def texts(folder: Path, samples: Path) -> Held:
    del samples
    random = np.random.default_rng(0)
    words = {"cold": ["snow", "ice", "frost", "winter"], "warm": ["sun", "sand", "heat", "summer"]}
    common = ["the", "and", "very", "today", "Weather", "\u00fcber", "\u6771\u4eac"]
    records = []
    for number in range(400):
        label = "cold" if number % 3 else "warm"
        said = random.choice(words[label if random.random() < 0.8 else "warm"], 1).tolist()
        records.append({"label": label, "text": " ".join([*said, *random.choice(common, 6).tolist(), str(number)])})
    for name, part in (("train", records[:300]), ("test", records[300:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in part))
    spec = of("TextClassification", "f1", "ngram-linear", "jsonl", epochs=40)
    spec["task"]["positiveLabel"] = "warm"
    return Held(spec, "test.jsonl")


def records(folder: Path, samples: Path) -> Held:
    del samples
    random = np.random.default_rng(1)
    rows = []
    for _ in range(400):
        kind, size, age = random.choice(["a", "b", "c"]), random.normal(), random.integers(20, 80)
        ill = random.random() < 1 / (1 + np.exp(-2 * size - (kind == "a")))
        cells = [f"{size:.4f}" if random.random() > 0.1 else "?", kind, str(age), str(2 + 2 * ill)]
        rows.append(cells)
    write_csv(folder / "train.csv", ["size", "kind", "age", "class"], rows[:300])
    write_csv(folder / "test.csv", ["size", "kind", "age", "class"], rows[300:])
    spec = of("TabularClassification", "logLoss", "tabular-linear", "csv", epochs=10)
    spec["data"]["columns"] = {"label": "class"}
    return Held(spec, "test.csv")


def numbers(folder: Path, samples: Path) -> Held:
    del samples
    random = np.random.default_rng(2)
    values = random.normal(size=(400, 3))
    wanted = 100 + 20 * values[:, 0] - 5 * values[:, 1] + random.normal(size=400)
    rows = [[*(f"{value:.5f}" for value in row), f"{target:.3f}"] for row, target in zip(values, wanted, strict=True)]
    write_csv(folder / "train.csv", ["x", "y", "z", "target"], rows[:300])
    write_csv(folder / "test.csv", ["x", "y", "z", "target"], rows[300:])
    return Held(of("TabularRegression", "rmse", "tabular-network", "csv", epochs=10), "test.csv")


def series(folder: Path, samples: Path) -> Held:
    del samples
    random = np.random.default_rng(3)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    waves = np.sin(np.arange(800)[:, np.newaxis] / 6 + np.arange(3)) * 10 + 50 + random.normal(size=(800, 3))
    rows = []
    for step, values in enumerate(waves):
        cells = [f"{value:.3f}" if random.random() > 0.05 else "" for value in values]
        rows.append([(start + timedelta(minutes=5 * step)).isoformat(), *cells])
    del rows[701:704]
    names = ["timestamp", "north", "south", "west"]
    write_csv(folder / "train.csv", names, rows[:600])
    write_csv(folder / "test.csv", names, rows[600:])
    spec = of("Forecasting", "rmse", "series-linear", "csv", epochs=3)
    spec["task"] |= {"history": 12, "horizon": 6}
    return Held(spec, "test.csv", before="train.csv")


def of(kind: str, metric: str, template: str, ending: str, *, epochs: int) -> dict[str, Any]:
    """Return the spec of a workflow with one small training."""
    return {
        "task": {"type": kind},
        "data": {"storageUri": f"train.{ending}", "testStorageUri": f"test.{ending}"},
        "objectives": [{"metric": metric}],
        "model": {"selection": "Pinned", "templateRefs": [{"name": template}]},
        "training": {"maxEpochs": epochs},
        "preset": "Fast",
    }


def write_csv(path: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


@pytest.fixture(scope="module", params=[digits, texts, records, numbers, series], ids=lambda make: make.__name__)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, samples: Path) -> list[str]:
    """Run a workflow; return the words of the script that makes its figures again."""
    folder = tmp_path_factory.mktemp(request.param.__name__)
    held: Held = request.param(folder, samples)
    head = {"apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "held"}}
    (folder / "workflow.yaml").write_text(yaml.safe_dump(head | {"spec": held.spec}))
    command = [str(Path(sys.executable).with_name("idla")), "run", "--local", "-f", "workflow.yaml", "-o", "out"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    words = ["--artifact", f"{folder}/out/model", "--status", f"{folder}/out/workflow.json"]
    words += ["--test", f"{folder}/{held.test}"]
    return words + (["--before", f"{folder}/{held.before}"] if held.before else [])


def reproduce(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPT), *words]
    return subprocess.run(
        command, cwd="/", env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )


def test_the_figures_of_status_are_made_again_from_artifact_and_test_file(published: list[str]) -> None:
    ended = reproduce(published)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [line[:17].split() for line in ended.stdout.splitlines()[:3]] == [
        ["holds", "digest"], ["holds", "files"], ["holds", "size"],
    ]  # fmt: skip
    [line] = ended.stdout.splitlines()[3:]
    status = json.loads(Path(published[3]).read_bytes())["status"]["results"]
    assert line.startswith(f"holds    {status['metric']}")
    assert line.endswith(f"(status: {float(status['servedScore']):.4f} on {status['testExamples']})")


def test_a_changed_byte_of_the_artifact_is_noticed(published: list[str], tmp_path: Path) -> None:
    changed = tmp_path / "model"
    shutil.copytree(published[1], changed)
    content = bytearray((changed / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (changed / "model.tflite").write_bytes(content)
    ended = reproduce([published[0], str(changed), *published[2:]])
    assert ended.returncode == 1
    assert "DIFFERS  files" in ended.stdout
    assert "other bytes than listed: model.tflite" in ended.stdout
    assert len(ended.stdout.splitlines()) == 3, "a changed model is not run"


def test_other_test_examples_are_noticed(published: list[str], tmp_path: Path) -> None:
    lines = Path(published[5]).read_text().splitlines(keepends=True)
    fewer = tmp_path / Path(published[5]).name
    fewer.write_text("".join(lines[:-20]))
    ended = reproduce([*published[:5], str(fewer), *published[6:]])
    assert ended.returncode == 1
    assert "DIFFERS" in ended.stdout.splitlines()[3]


def test_a_workflow_that_published_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "workflow.json").write_text(json.dumps({"spec": {}, "status": {"tasks": []}}))
    ended = reproduce(["--artifact", "/nowhere", "--status", f"{tmp_path}/workflow.json", "--test", "/nowhere.csv"])
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith("workflow.json tells of no published artifact\n")


def test_the_script_shares_no_code_with_what_trained_and_measured() -> None:
    tree = ast.walk(ast.parse(SCRIPT.read_text()))
    imported = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    tree = ast.walk(ast.parse(SCRIPT.read_text()))
    imported |= {str(node.module) for node in tree if isinstance(node, ast.ImportFrom)}
    ours = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours == {"numpy", "ai_edge_litert.interpreter", "idla_preprocess"}
