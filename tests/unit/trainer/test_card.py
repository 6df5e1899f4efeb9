"""The model card: what it says of each kind of task, and that no secret, time or mark of somebody else stands in it."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.artifact import ArtifactManifest, FileEntry, Lineage, MadeWith, TensorSpec
from idla_contract.problem import METRICS, Metric, Problem, TaskType
from idla_contract.result import CompressReport, EvaluateReport, RefitReport, Variant
from idla_contract.task import DataSource, Rejected, Selection, Split, TaskSpec
from idla_preprocess import Classes, ImageSpec
from idla_trainer.card import Told, plain, render_card
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Parts
from idla_trainer.problems.classification import Classification

DIGEST = "sha256:" + "1d" * 32
OTHER = "sha256:" + "2e" * 32
SECTIONS = ["Inputs and answers", "Data", "Choice", "Quality", "Size", "Limits", "How it was made"]


def told(kind: TaskType = TaskType.IMAGE_CLASSIFICATION, **changes: Any) -> Told:
    labels = ("cat", "dog <b>")
    metric = METRICS[kind][0]
    positions = np.arange(10)
    manifest = ArtifactManifest(
        task_type=kind,
        inputs=(TensorSpec(name="image", datatype="FP32", shape=(-1, 2, 2, 1)),),
        outputs=(TensorSpec(name="label", datatype="BYTES", shape=(-1,)),),
        labels=labels,
        variant="Int8",
        files=(FileEntry(name="model.tflite", digest=DIGEST, size_bytes=1),),
        lineage=Lineage(
            data_digest=DIGEST, template="vgg-small", image="idla/trainer:1", seed=7, code_version="0.1.0",
            tensorflow_version="2.21.0", environment={"python": "3.11.2", "processor": "a fast one"},
        ),
        made_with=MadeWith(builder="vgg", hyperparameters={"width": 8}, training={"maxEpochs": 3, "seed": 7}),
    )  # fmt: skip
    variants = tuple(
        Variant(
            name=name, size_bytes=size, gate_score=0.9, gate_drop=0.01, gate_drop_interval=(-0.01, 0.03),
            latency_p50_milliseconds=0.777, latency_p95_milliseconds=0.888, passed=True, message="p50 0.777 ms",
        )
        for name, size in (("Float32", 4000), ("Int8", 1000))
    )  # fmt: skip
    facts: dict[str, Any] = {
        "spec": TaskSpec(
            workflow="pets",
            task="publish",
            content_hash="0123456789",
            problem=Problem(type=kind, metric=metric),
            data=DataSource(
                uri="https://user:secret@host.example/pets.npz?token=secret#secret",
                test_uri="https://host.example/test.npz?token=secret",
            ),
            artifact_uri="pvc://claim",
            steps=({"kind": "Evaluate"},),
        ),
        "dataset": Dataset(
            digest=DIGEST,
            test_digest=OTHER,
            problem=Problem(type=kind, metric=metric),
            raw={"image": np.zeros((10, 2, 2, 1), np.float32)},
            targets=positions % 2,
            parts=Parts(positions[:4], positions[4:6], positions[6:8], positions[8:]),
            preprocess=ImageSpec(height=2, width=2, channels=1, maximum=1),
            answers=Classes(labels),
            objective=Classification(metric=Metric.ACCURACY, classes=2),
            classes=labels,
            facts={"maximum": 16.0},
            warnings=("2 images are *equal*",),
        ),
        "manifest": manifest,
        "selection": Selection(
            reason="BestAccuracy",
            figures="validation accuracy 0.9931 \u00b1 0.0116, 300 weights",
            rejected=(
                Rejected(template="resnet-small", reason="LowerAccuracy", figures="validation accuracy 0.9 \u00b1 0.1"),
                Rejected(template="huge", reason="OutOfMemory"),
            ),
        ),
        "compress": CompressReport(choice="Int8", reason="GatePassed", variants=variants),
        "evaluate": EvaluateReport(
            metric=metric, test_examples=360, float_score=0.97, served_score=0.96, served_score_interval=(0.94, 0.98),
            baseline_score=0.5, float_metrics={"logLoss": 0.02}, served_metrics={"logLoss": 0.0312345},
        ),
    }  # fmt: skip
    return Told(**(facts | changes))


@pytest.mark.parametrize("kind", TaskType)
def test_every_kind_of_task_has_a_card_with_every_section(kind: TaskType) -> None:
    card = render_card(told(kind))
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == SECTIONS
    assert all(text.strip() for text in re.split(r"^## .*$", card, flags=re.MULTILINE))


def test_a_card_says_what_was_chosen_reached_and_made() -> None:
    card = render_card(told())
    for line in (
        "# Model card: vgg-small for ImageClassification",
        r"- address: https://\*\*\*@host.example/pets.npz?\*\*\*",
        f"- digest: {DIGEST}",
        f"- its digest: {OTHER}",
        "- examples: 10, those of the first file split by the seed 42 in shares of 64 to 16",
        "- 4 to train, 2 to choose by, 2 to judge the compression, 2 to test",
        r"- note: 2 images are \*equal\*",
        "- chosen (BestAccuracy): validation accuracy 0.9931 \u00b1 0.0116, 300 weights",
        "- not resnet-small (LowerAccuracy): validation accuracy 0.9 \u00b1 0.1",
        "- not huge (OutOfMemory)",
        "| accuracy | 0.9600 | 0.9700 | 0.5000 |",
        "| logLoss | 0.03123 | 0.02 |  |",
        r"| Int8 | 1000 | 0.9000 | 0.0100 \[-0.0100, 0.0300\] | shipped |",
        "- seed: 7",
        "- processor: a fast one",
        "- hyperparameters: width 8",
        "- training: maxEpochs 3, seed 7",
    ):
        assert line in card.splitlines(), line
    assert "**accuracy 0.9600**, 95 % interval 0.9400 to 0.9800 (more is better)" in card


def test_equal_work_of_two_workflows_has_one_card() -> None:
    first = told()
    second = replace(first, spec=first.spec.model_copy(update={"workflow": "others", "task": "publish-again"}))
    assert render_card(first) == render_card(second)


@pytest.mark.parametrize(
    ("refit", "said"),
    [
        (
            RefitReport(shipped=True, examples=8, message="made again from 8 examples"),
            "the chosen network was made again from 8 examples: nothing held out can judge it but the test split.",
        ),
        (
            RefitReport(shipped=False, examples=8, message="it took 7.3 s"),
            "The chosen network was not made again from more examples; what was judged is what is shipped.",
        ),
    ],
)
def test_a_card_says_what_became_of_making_it_again(refit: RefitReport, said: str) -> None:
    card = render_card(told(refit=refit))
    assert said in card
    assert "7.3" not in card
    assert "made again" not in render_card(told())


def test_no_latency_and_no_secret_stands_in_a_card() -> None:
    card = render_card(told())
    assert [word for word in ("secret", "0.777", "0.888", "<b>", "user") if word in card] == []


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (
            TaskType.IMAGE_CLASSIFICATION,
            DataSource(uri="sample://x"),
            "split by the seed 42 into 64, 16 and 20 percent",
        ),
        (
            TaskType.FORECASTING,
            DataSource(uri="sample://x", split=Split(train_percent=72, validation_percent=8)),
            "cut in the order of time into 72, 8 and 20 percent",
        ),
        (
            TaskType.TEXT_CLASSIFICATION,
            DataSource(uri="sample://x", test_uri="sample://y"),
            "those of the first file split by the seed 42 in shares of 64 to 16",
        ),
    ],
)
def test_a_card_says_how_the_examples_were_shared_out(kind: TaskType, data: DataSource, said: str) -> None:
    card = render_card(told(kind, spec=told(kind).spec.model_copy(update={"data": data})))
    assert f"- examples: 10, {said}" in card.splitlines()


def test_a_card_without_a_selection_says_so() -> None:
    assert "- not told to the pod that made this card" in render_card(told(selection=None, compress=None))


@given(st.text(max_size=1000))
def test_a_text_of_somebody_else_stays_one_bounded_line_without_marks(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert "\r" not in shown
    assert len(shown) <= 600
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>|`*_#\[\]]", shown)
