"""Learning from a larger network, and learning to be rounded: what the short trainings of the compression do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from idla_trainer.compression.distill import (
    DistillationTask,
    Settings,
    TrainingExamples,
    TrainingOutcome,
    distill,
    teacher_loss,
)
from idla_trainer.compression.keras_graph import read_graph
from idla_trainer.compression.quantization.fake_quantization import insert_ranges, round_weights, strip_ranges
from idla_trainer.failures import PreemptedError
from idla_trainer.models.prediction import cut_at_logits, predict
from idla_trainer.preemption import Preemption
from idla_trainer.training.checkpoints import Checkpoints
from idla_trainer.training.run import Kept
from typing_extensions import override

pytestmark = pytest.mark.trainer
layers = keras.layers


def network(width: int, seed: int, *, classes: int = 3) -> Any:
    keras.utils.set_random_seed(seed)
    image = keras.Input((6, 6, 1), name="image")
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, use_bias=False)(image)))
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3)(hidden)))
    logits = layers.Dense(classes, name="logits")(layers.Dropout(0.1)(layers.Flatten()(hidden)))
    return keras.Model(image, layers.Softmax()(logits))


def loss(targets: Any, outputs: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)


@pytest.fixture(scope="module")
def data() -> TrainingExamples:
    """Return images of three kinds of stripes under noise."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 480)
    patterns = np.stack([np.tile([0, 1], (6, 3)), np.tile([[0], [1]], (3, 6)), np.ones((6, 6)) / 2])
    images = (patterns[targets] + rng.normal(scale=0.8, size=(480, 6, 6)))[..., np.newaxis].astype(np.float32)
    return TrainingExamples({"image": images[:320]}, targets[:320], {"image": images[320:]}, targets[320:])


@pytest.fixture(scope="module")
def teacher(data: TrainingExamples) -> Any:
    model = network(12, 1)
    distill(model, DistillationTask(data, loss), Settings(epochs=8, learning_rate=0.01, batch_size=32, seed=1))
    return model


def hits(model: Any, data: TrainingExamples) -> float:
    found = predict(cut_at_logits(model), data.validation_inputs).argmax(axis=1)
    return float((found == data.validation_targets).mean())


def test_a_network_learns_the_same_again(data: TrainingExamples, teacher: Any) -> None:
    first, second = network(4, 2), network(4, 2)
    settings = Settings(epochs=3, learning_rate=0.02, batch_size=32, seed=5)
    one, other = (distill(model, DistillationTask(data, loss, teacher), settings) for model in (first, second))
    assert one.losses == other.losses
    assert (one.epochs, len(one.losses)) == (3, 4)
    assert one.losses[one.best_epoch] == min(one.losses) < one.losses[0]
    assert all(
        np.array_equal(a.value.numpy(), b.value.numpy()) for a, b in zip(first.weights, second.weights, strict=True)
    )
    assert hits(first, data) > 0.7


def test_the_teacher_answers_changed_examples_and_weights_count(data: TrainingExamples, teacher: Any) -> None:
    seen = []

    def augment(inputs: Any, epoch: int, step: int) -> Any:
        seen.append((epoch, step))
        return {"image": inputs["image"][:, ::-1]}

    weighted = TrainingExamples(
        data.inputs, data.targets, data.validation_inputs, data.validation_targets, np.zeros(320, np.float32)
    )
    student = network(4, 2)
    before = [weight.value.numpy() for weight in student.trainable_weights]
    distill(
        student,
        DistillationTask(weighted, loss, teacher, augment),
        Settings(epochs=1, batch_size=160, weight_decay=0.0),
    )
    assert seen == [(0, 0), (0, 1)]
    assert all(np.array_equal(a, b.value.numpy()) for a, b in zip(before, student.trainable_weights, strict=True))


def test_the_time_is_kept(data: TrainingExamples) -> None:
    learned = distill(network(4, 2), DistillationTask(data, loss), Settings(epochs=50, seconds=0.0))
    assert learned.epochs == 1


class Interrupting(Preemption):
    """A signal that comes after so many calls of the compiled function; the call after it is the last one."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self._calls = calls

    @override
    def check(self) -> None:
        super().check()
        self._calls -= 1
        self.requested = self._calls <= 0


def weights(model: Any) -> list[bytes]:
    return [weight.value.numpy().tobytes() for weight in model.weights]


ROUNDED = {"rounding": round_weights}
CHANGED = {"augment": lambda inputs, epoch, step: {"image": inputs["image"] + np.float32(epoch + step / 9)}}


@pytest.mark.parametrize(
    ("changes", "rounded", "compiled"),
    [({}, False, False), (CHANGED, False, True), (ROUNDED, True, False), (ROUNDED, True, True)],
    ids=("by answers", "by answers to changed images, compiled", "to be rounded", "to be rounded, compiled"),
)
def test_what_was_interrupted_goes_on_and_what_had_ended_is_not_repeated(
    changes: Any, data: TrainingExamples, teacher: Any, tmp_path: Path, *, rounded: bool, compiled: bool
) -> None:
    settings = Settings(epochs=3, learning_rate=0.01, batch_size=32, average_decay=0.9, seed=5, jit_compile=compiled)
    task = DistillationTask(data, loss, teacher, **changes)

    def attempt(calls: int, fingerprint: str = "this one") -> tuple[TrainingOutcome, list[bytes]]:
        student = insert_ranges(network(4, 2)) if rounded else network(4, 2)
        kept = Kept(checkpoints=Checkpoints(tmp_path / "kept"), fingerprint=fingerprint)
        outcome = distill(student, task, settings, kept=kept, preemption=Interrupting(calls))
        return replace(outcome, seconds=0.0, earlier_seconds=0.0), weights(student)

    undisturbed = attempt(1000, "another one")
    for calls in (1, 2, 4):
        with pytest.raises(PreemptedError):
            attempt(calls)
    assert attempt(1000) == undisturbed
    [end] = (tmp_path / "kept").glob("*.checkpoint")
    assert attempt(0) == undisturbed, "no step is taken any more"
    assert [*(tmp_path / "kept").glob("*.checkpoint")] == [end]


def test_what_diverges_stays_as_it_was_best(data: TrainingExamples) -> None:
    def breaks(targets: Any, outputs: Any) -> Any:
        return loss(targets, outputs) * tf.where(tf.shape(targets)[0] == 32, float("nan"), 1.0)

    model = network(4, 2)
    before = [weight.value.numpy() for weight in model.weights]
    learned = distill(model, DistillationTask(data, breaks), Settings(epochs=3, batch_size=32))
    assert (learned.epochs, learned.best_epoch, len(learned.losses)) == (0, 0, 1)
    assert all(np.array_equal(a, b.value.numpy()) for a, b in zip(before, model.weights, strict=True))


@pytest.mark.parametrize(
    ("teacher_logits", "student_logits", "classes"),
    [([[1.0, 2.0, -1.0]], [[0.0, 1.0, 3.0]], True), ([[1.5]], [[-0.5]], True), ([[1.0, 2.0]], [[0.0, 4.0]], False)],
)
def test_the_distance_is_zero_only_from_oneself(
    teacher_logits: list[list[float]], student_logits: list[list[float]], *, classes: bool
) -> None:
    settings = Settings(classes=classes)
    one, other = tf.constant(teacher_logits), tf.constant(student_logits)
    assert float(teacher_loss(one, one, settings)[0]) == pytest.approx(0.0, abs=1e-6)
    assert float(teacher_loss(one, other, settings)[0]) > 0.1


def int8_hits(model: Any, data: TrainingExamples) -> float:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([data.inputs["image"][i : i + 1]] for i in range(100))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    run = interpreter.get_signature_runner()
    images: npt.NDArray[Any] = data.validation_inputs["image"]
    found = [next(iter(run(image=image[np.newaxis]).values())).argmax() for image in images]
    return float((np.array(found) == data.validation_targets).mean())


@pytest.mark.filterwarnings("ignore")
def test_a_network_learns_to_be_rounded(data: TrainingExamples, teacher: Any) -> None:
    rounding = insert_ranges(teacher)
    kinds = [call.kind for call in read_graph(rounding).graph.calls]
    assert (kinds.count("ActivationRange"), kinds.count("BatchNormalization")) == (2, 0)
    task = DistillationTask(data, loss, teacher, rounding=round_weights)
    learned = distill(rounding, task, Settings(epochs=3, learning_rate=2e-4))
    plain = strip_ranges(rounding)
    assert [call.kind for call in read_graph(plain).graph.calls] == [
        kind for kind in kinds if kind != "ActivationRange"
    ]
    assert min(learned.losses) < 2 * learned.losses[0]
    assert int8_hits(plain, data) >= hits(teacher, data) - 0.03


def test_weights_are_rounded_to_255_levels_and_the_gradient_passes() -> None:
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, name="logits")])
    change = round_weights(model)
    values = [tf.random.stateless_normal((6, 3), (1, 2)), tf.ones(3)]
    with tf.GradientTape() as tape:
        tape.watch(values)
        kernel, bias = change(values)
        total = tf.reduce_sum(kernel)
    levels = kernel / (tf.reduce_max(tf.abs(values[0]), axis=0) / 127)
    assert np.allclose(levels, np.round(levels), atol=1e-3)
    assert np.allclose(kernel, values[0], atol=0.02)
    assert bias is values[1]
    assert np.array_equal(tape.gradient(total, values[0]), np.ones((6, 3)))
