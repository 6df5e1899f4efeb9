"""From digits to a published artifact by the trainer's own pods, and what they answer where it cannot be."""

import json
import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_artifact.model import load_model
from idla_contract.artifact import CARD, FLOAT_MODEL, MODEL, FileEntry, TensorSpec
from idla_contract.exit_codes import ExitCode
from idla_contract.lineage import Lineage
from idla_contract.problem import Problem
from idla_contract.result import FailureReason, TaskResult
from idla_contract.task import (
    Candidate,
    CompressStep,
    DataSource,
    EvaluateStep,
    ModelSpec,
    ProfileStep,
    PublishStep,
    Training,
    TrainStep,
    VerifyStep,
)
from idla_store import digest_of_path, verify
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.source import Origin
from idla_trainer.models.registry import entry_of
from idla_trainer.problems.registry import load_dataset

pytestmark = pytest.mark.trainer

HASH = "0123456789ab"
RESNET = ModelSpec(template="resnet-small", builder="resnet")
TRAINING = Training(max_epochs=8, batch_size=32)
CANDIDATE = Candidate(task="train", content_hash=HASH, model=RESNET)
SHIP = (CompressStep(candidate=CANDIDATE), EvaluateStep(), VerifyStep(), PublishStep())


@pytest.fixture(scope="module")
def trained(pods: Any) -> TaskResult:
    ended = pods.succeeds("train", TrainStep(model=RESNET, training=TRAINING))
    answer: TaskResult = ended.answer
    return answer


@pytest.fixture(scope="module")
def shipped(pods: Any, trained: TaskResult) -> TaskResult:
    assert trained.train is not None
    ended = pods.succeeds("ship", *SHIP)
    answer: TaskResult = ended.answer
    return answer


@pytest.fixture(scope="module")
def digits(samples: Path) -> Dataset:
    origin = Origin(data_mount=samples, samples=samples, downloads=samples)
    return load_dataset(Problem(), DataSource(uri="sample://digits"), origin)


def test_the_digits_are_profiled(pods: Any, samples: Path) -> None:
    ended = pods.run("profile", ProfileStep())
    profile = ended.answer.profile
    assert (profile.examples, profile.shape, profile.facts["maximum"]) == (1797, (8, 8, 1), 16.0)
    assert profile.digest == digest_of_path(samples / "digits")
    parts = (profile.train_examples, profile.validation_examples, profile.gate_examples, profile.test_examples)
    assert parts == (1149, 144, 144, 360)
    assert profile.warnings == ()


def test_a_training_reports_what_it_reached(trained: TaskResult) -> None:
    report = trained.train
    assert report is not None
    assert (report.template, report.epochs, report.stopped, report.resumed) == ("resnet-small", 8, "MaxEpochs", 0)
    assert 150_000 <= report.parameters <= 450_000
    assert report.validation_score > 0.9
    assert 0 < report.validation_score_error < 0.05
    assert report.examples_per_second > 0
    if report.curve:  # where it fits into the termination message
        best = min(report.curve, key=lambda epoch: epoch.validation_loss)
        assert report.curve.index(best) + 1 == report.best_epoch
        assert best.validation_score == report.validation_score


def test_the_compressed_model_is_three_times_smaller_and_passes_the_gate(shipped: TaskResult) -> None:
    report = shipped.compress
    assert report is not None
    assert [variant.name for variant in report.variants] == ["Float32", "DynamicRange", "Int8"]
    sizes = {variant.name: variant.size_bytes for variant in report.variants}
    chosen = next(variant for variant in report.variants if variant.name == report.choice)
    assert report.reason == "GatePassed"
    assert chosen.passed
    assert chosen.gate_drop <= 0.01
    assert 3 * chosen.size_bytes <= sizes["Float32"]
    assert all(v.latency_p95_milliseconds >= v.latency_p50_milliseconds > 0 for v in report.variants)


def test_the_artifact_answers_the_test_digits_as_reported(pods: Any, shipped: TaskResult, digits: Dataset) -> None:
    assert shipped.artifact is not None
    assert shipped.evaluate is not None
    folder = pods.store / "models" / shipped.artifact.digest.replace(":", "-")
    assert shipped.artifact.uri == f"pvc://claim/models/{folder.name}"
    test = digits.parts.test
    answers = load_model(folder, shipped.artifact.digest).predict({"image": digits.raw["image"][test]}).argmax(axis=1)
    correct = int(np.count_nonzero(answers == digits.targets[test]))
    assert (shipped.evaluate.served_correct, shipped.evaluate.test_examples) == (correct, 360)
    assert shipped.evaluate.served_score == correct / 360 > 0.9
    assert shipped.evaluate.baseline_score < 0.15
    low, high = shipped.evaluate.served_score_interval
    assert low < shipped.evaluate.served_score < high


def test_the_manifest_says_what_the_artifact_is(pods: Any, shipped: TaskResult, digits: Dataset) -> None:
    assert shipped.artifact is not None
    assert shipped.compress is not None
    folder = pods.store / "models" / shipped.artifact.digest.replace(":", "-")
    manifest = verify(folder, shipped.artifact.digest)
    assert manifest.inputs == (TensorSpec(name="image", datatype="FP32", shape=(-1, 8, 8, 1)),)
    assert manifest.outputs == (
        TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 10)),
        TensorSpec(name="label", datatype="BYTES", shape=(-1,)),
    )
    assert (manifest.labels, manifest.variant) == (tuple("0123456789"), shipped.compress.choice)
    versions = manifest.lineage.environment
    assert sorted(versions) == ["ai-edge-litert", "keras", "numpy", "processor", "python", "threads"]
    assert (versions["numpy"], versions["python"]) == (np.__version__, platform.python_version())
    assert manifest.lineage == shipped.artifact.lineage == Lineage(
        data_digest=digits.digest, template="resnet-small", image="idla/trainer:test", seed=1,
        code_version=manifest.lineage.code_version, tensorflow_version="2.21.0", environment=versions,
    )  # fmt: skip
    assert manifest.made_with is not None
    assert manifest.made_with.builder == "resnet"
    assert manifest.made_with.hyperparameters == dict(entry_of(RESNET)[1])
    assert manifest.made_with.training == json.loads(TRAINING.to_json())
    sizes: dict[str, FileEntry] = {entry.name: entry for entry in manifest.files}
    variants = {variant.name: variant.size_bytes for variant in shipped.compress.variants}
    assert sizes[MODEL].size_bytes == variants[shipped.compress.choice]
    assert sizes[FLOAT_MODEL].size_bytes == variants["Float32"]


def test_what_a_pod_said_outlives_it_beside_its_result(pods: Any, shipped: TaskResult) -> None:
    said = (pods.folder("ship") / "log.txt").read_text()
    assert [word for word in ("step Compress", "step Publish", "SUCCEEDED (exit code 0)") if word not in said] == []
    assert shipped.steps


def test_the_model_card_has_the_figures_of_the_answer(pods: Any, shipped: TaskResult) -> None:
    assert shipped.artifact is not None
    assert shipped.evaluate is not None
    folder = pods.store / "models" / shipped.artifact.digest.replace(":", "-")
    card = (folder / CARD).read_text()
    assert f"**accuracy {shipped.evaluate.served_score:.4f}**" in card
    assert "- 1149 to train, 144 to choose by, 144 to judge the compression, 360 to test" in card
    assert CARD in {entry.name for entry in verify(folder, shipped.artifact.digest).files}


def test_an_artifact_that_is_made_again_elsewhere_has_the_same_digest(
    pods: Any, shipped: TaskResult, samples: Path, tmp_path: Path
) -> None:
    assert shipped.artifact is not None
    other = type(pods)(tmp_path, samples)
    shutil.copytree(pods.folder("train"), other.folder("train"))
    again = other.run("ship", *SHIP)
    assert again.answer.artifact == shipped.artifact, again.log


def test_a_finished_task_is_answered_without_tensorflow(pods: Any, shipped: TaskResult) -> None:
    again = pods.run("ship", *SHIP)
    steps = tuple(step.model_copy(update={"cached": True}) for step in shipped.steps)
    assert (again.code, again.answer) == (ExitCode.SUCCEEDED, shipped.model_copy(update={"steps": steps}))
    assert "step " not in again.log


def test_a_lost_artifact_is_published_again(pods: Any, shipped: TaskResult) -> None:
    assert shipped.artifact is not None
    shutil.rmtree(pods.store / "models" / shipped.artifact.digest.replace(":", "-"))
    again = pods.run("ship", *SHIP)
    assert (again.code, again.answer.artifact) == (ExitCode.SUCCEEDED, shipped.artifact)
    assert [step.cached for step in again.answer.steps] == [True, True, True, False]
    verify(pods.store / "models" / shipped.artifact.digest.replace(":", "-"), shipped.artifact.digest)


def test_a_size_that_no_variant_reaches_is_answered(pods: Any, trained: TaskResult) -> None:
    assert trained.train is not None
    ended = pods.run("tiny", CompressStep(candidate=CANDIDATE, maximum_size_bytes=1000))
    failure = ended.answer.failure
    assert (ended.code, failure.reason) == (ExitCode.BAD_INPUT, FailureReason.CONSTRAINT_UNMET)
    assert failure.message.startswith("no variant may be shipped. Float32: ")
    assert failure.message.count("bytes, at most 1000 allowed") == 3
    assert not (pods.folder("tiny") / "result.json").exists()


def test_a_loss_that_is_no_number_is_answered(pods: Any) -> None:
    training = Training(max_epochs=4, learning_rate=1e30)
    ended = pods.run("diverging", TrainStep(model=RESNET, training=training))
    assert (ended.code, ended.answer.failure.reason) == (ExitCode.DIVERGED, FailureReason.DIVERGED)
    assert "lower training.learningRate (now 1e+30)" in ended.answer.failure.message


def test_colour_images_with_named_classes_go_the_whole_way_in_one_task(pods: Any, digits: Dataset) -> None:
    names = np.array([f"digit {name}" for name in digits.classes])
    tall = np.repeat(digits.raw["image"], 3, axis=3)[:, :, :6] * np.float32(15.9375)
    np.savez(pods.data / "colour.npz", x=tall.astype(np.uint8), y=names[digits.targets])
    vgg = ModelSpec(template="vgg-small", builder="vgg", hyperparameters={"width": 16, "shift": 0})
    ended = pods.run(
        "all",
        ProfileStep(),
        TrainStep(model=vgg, training=Training(max_epochs=6, batch_size=32)),
        CompressStep(candidate=Candidate(task="all", content_hash=HASH, model=vgg)),
        EvaluateStep(),
        VerifyStep(),
        PublishStep(),
        uri="pvc://claim/colour.npz",
    )
    assert ended.code == ExitCode.SUCCEEDED, ended.log
    answer = ended.answer
    assert (answer.profile.shape, answer.profile.facts["maximum"]) == ((8, 6, 3), 255.0)
    assert answer.profile.classes == tuple(sorted(names.tolist()))
    assert answer.evaluate.served_score > 0.8
    folder = pods.store / "models" / answer.artifact.digest.replace(":", "-")
    assert load_model(folder, answer.artifact.digest).manifest.labels == answer.profile.classes
