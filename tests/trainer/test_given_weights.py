"""A training begins with the weights of an earlier one, with the last layer first and then with all, more slowly."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_contract.artifact import digest_of
from idla_contract.exit_codes import ExitCode
from idla_contract.problem import Problem
from idla_contract.result import FailureReason
from idla_contract.task import DataSource, EarlyStopping, ModelSpec, Training, TrainStep, Weights
from idla_preprocess.arrays import unpack
from idla_trainer.data.source import Origin
from idla_trainer.problems.registry import load_dataset

pytestmark = pytest.mark.trainer

SMALL = {"width": 8, "stages": 2}
FIRST_LATE = 5
EARLY, LATE = "pvc://claim/early.npz", "pvc://claim/late.npz"
GIVEN = "pvc://claim/given.npz"
HEAD = 2
"""Weights of the last layer: kernel and bias."""


def efficient(weights: Weights | None = None, **settings: float) -> ModelSpec:
    return ModelSpec(template="efficient", builder="efficient", hyperparameters=SMALL | settings, weights=weights)


def training(epochs: int, patience: int = 100) -> Training:
    stopping = EarlyStopping(patience_epochs=patience)
    return Training(max_epochs=epochs, batch_size=64, learning_rate=0.004, early_stopping=stopping)


@pytest.fixture(scope="module")
def given(pods: Any, samples: Path) -> Weights:
    """Return the weights of a network that learned digits 0 to 4; digits 5 to 9 lie beside them."""
    origin = Origin(data_mount=samples, samples=samples, downloads=samples)
    digits = load_dataset(Problem(), DataSource(uri="sample://digits"), origin)
    names = np.array(digits.classes)[digits.targets].astype(float).astype(int)
    for file, chosen in (("early", names < FIRST_LATE), ("late", names >= FIRST_LATE)):
        np.savez(pods.data / f"{file}.npz", x=digits.raw["image"][chosen], y=names[chosen])
    pods.succeeds("early", TrainStep(model=efficient(), training=training(3)), uri=EARLY)
    shutil.copy(kept(pods, "early"), pods.data / "given.npz")
    return Weights(uri=GIVEN, sha256=digest_of((pods.data / "given.npz").read_bytes()).removeprefix("sha256:"))


def kept(pods: Any, task: str) -> Path:
    return Path(pods.folder(task) / "candidate" / "weights.npz")


def body(path: Path) -> list[Any]:
    """Return all weights but those of the last layer."""
    arrays = unpack(path.read_bytes())
    return [arrays[name] for name in sorted(arrays)][:-HEAD]


def test_frozen_layers_stay_as_they_were_given(pods: Any, given: Weights) -> None:
    model = efficient(given, frozen_epochs=3)
    ended = pods.succeeds("frozen", TrainStep(model=model, training=training(3)), uri=LATE)
    assert "the training begins with" in ended.log
    assert ended.answer.train.curve[-1].train_loss < ended.answer.train.curve[0].train_loss
    for own, other in zip(body(kept(pods, "frozen")), body(pods.data / "given.npz"), strict=True):
        np.testing.assert_array_equal(own, other)


def test_all_layers_learn_after_the_frozen_epochs_however_little_patience_there_is(pods: Any, given: Weights) -> None:
    model = efficient(given, frozen_epochs=2, fine_tune_rate=0.5)
    ended = pods.succeeds("tuned", TrainStep(model=model, training=training(4, patience=1)), uri=LATE)
    assert ended.answer.train.epochs > 2
    assert ended.answer.train.best_epoch > 2
    pairs = zip(body(kept(pods, "tuned")), body(pods.data / "given.npz"), strict=True)
    assert [place for place, (own, other) in enumerate(pairs) if np.array_equal(own, other)] == []


def test_a_killed_training_goes_on_across_the_phases_as_the_undisturbed_one(pods: Any, given: Weights) -> None:
    model = efficient(given, frozen_epochs=2)
    often = {"checkpoint_period_seconds": 1, "batch_size": 8}
    step = TrainStep(model=model, training=training(6).model_copy(update=often))
    whole = pods.succeeds("whole", step, uri=LATE)
    spec = pods.spec("parted", step, uri=LATE)
    with pods.running(spec) as process:
        pods.wait_for_checkpoint("parted", process)
        process.kill()
    ended = pods.run("parted", step, uri=LATE)
    assert (ended.code, ended.answer.train.resumed) == (ExitCode.SUCCEEDED, 1), ended.log
    assert [point.train_loss for point in ended.answer.train.curve] == pytest.approx(
        [point.train_loss for point in whole.answer.train.curve], abs=1e-5
    )
    for own, other in zip(body(kept(pods, "parted")), body(kept(pods, "whole")), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


REFUSED = {
    "digest": ({}, {"sha256": "0" * 64}, FailureReason.DATA_DIGEST_MISMATCH, "correct weights.sha256"),
    "another claim": ({}, {"uri": "pvc://other/given.npz"}, FailureReason.SPEC_INVALID, "mounts the claim claim"),
    "another width": ({"width": 12}, {}, FailureReason.SPEC_INVALID, "belongs to another network: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_weights_that_do_not_belong_here_are_refused(pods: Any, given: Weights, name: str) -> None:
    settings, change, reason, words = REFUSED[name]
    model = efficient(given.model_copy(update=change), **settings)
    ended = pods.run(f"refused-{name.replace(' ', '-')}", TrainStep(model=model, training=training(1)), uri=LATE)
    assert ended.answer.failure.reason is reason, ended.log
    assert words in ended.answer.failure.message
