"""The model card: what it says of each kind of task, and that no secret, time or mark of somebody else stands in it."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.artifact import ArtifactManifest, FileEntry, MadeWith, TensorSpec
from idla_contract.lineage import Lineage
from idla_contract.problem import METRICS, Metric, Problem, TaskType
from idla_contract.result import CompressReport, EvaluateReport, RefitReport, Variant
from idla_contract.task import DataSource, Rejected, Selection, Split, TaskSpec
from idla_preprocess import Classes, ImageSpec
from idla_trainer.card import Told, plain, render_card
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Parts
from idla_trainer.problems.classification import Classification

from tests.golden import Golden

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


def test_equal_work_of_two_workflows_has_one_card() -> None:
    first = told()
    second = replace(first, spec=first.spec.model_copy(update={"workflow": "others", "task": "publish-again"}))
    assert render_card(first) == render_card(second)


def of_data(kind: TaskType, **data: Any) -> Told:
    return told(kind, spec=told(kind).spec.model_copy(update={"data": DataSource(uri="sample://x", **data)}))


CARDS = {
    "whole": told(),
    "made again": told(refit=RefitReport(shipped=True, examples=8, message="made again from 8 examples")),
    "not made again": told(refit=RefitReport(shipped=False, examples=8, message="it took 7.3 s")),
    "split by a seed": of_data(TaskType.IMAGE_CLASSIFICATION),
    "cut in time": of_data(TaskType.FORECASTING, split=Split(train_percent=72, validation_percent=8)),
    "beside a test file": of_data(TaskType.TEXT_CLASSIFICATION, test_uri="sample://y"),
    "a test split among the data": replace(
        of_data(TaskType.IMAGE_CLASSIFICATION), dataset=replace(told().dataset, test_given=True)
    ),
    "without a selection": told(selection=None, compress=None),
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_what_was_chosen_reached_and_made(name: str, golden: Golden) -> None:
    golden(render_card(CARDS[name]).splitlines())


@pytest.mark.parametrize("name", CARDS)
def test_no_time_and_no_secret_stands_in_a_card(name: str) -> None:
    card = render_card(CARDS[name])
    assert [word for word in ("secret", "0.777", "0.888", "7.3", "<b>", "user") if word in card] == []


@given(st.text(max_size=1000))
def test_a_text_of_somebody_else_stays_one_bounded_line_without_marks(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert "\r" not in shown
    assert len(shown) <= 600
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>|`*_#\[\]]", shown)
