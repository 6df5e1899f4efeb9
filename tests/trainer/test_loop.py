"""The training loop: what it learns depends neither on how many steps a call takes nor on where it was interrupted."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_contract.task import Schedule, Training
from idla_preprocess import Array, Arrays
from idla_trainer.data.dataset import Examples
from idla_trainer.data.spool import ArrayWriter
from idla_trainer.failures import TaskError
from idla_trainer.models.fine_tuning import Phase
from idla_trainer.training.batches import epoch_order
from idla_trainer.training.feed import Material, stream
from idla_trainer.training.loop import Loop
from idla_trainer.training.network import Loss, Network

pytestmark = pytest.mark.trainer
TRAINING = Training(max_epochs=3, batch_size=8, learning_rate=0.01, average_decay=0.9, schedule=Schedule.LINEAR, seed=4)
COUNT, STEPS = 50, 6
"""Of an epoch; two examples of each are left out."""
CALLS = st.lists(st.integers(1, STEPS + 1), min_size=1, max_size=6)
RANDOM = np.random.default_rng(0)
INPUTS: Arrays = {"x": RANDOM.normal(size=(COUNT, 4)).astype(np.float32), "kind": RANDOM.integers(0, 5, COUNT)}
TARGETS: Array = RANDOM.integers(0, 3, COUNT)
WEIGHTS = RANDOM.uniform(0.5, 2.0, COUNT).astype(np.float32)


def shifted(inputs: Arrays, *, epoch: int, step: int) -> Arrays:
    return {**inputs, "x": inputs["x"] + np.float32(epoch + step / 10)}


def in_files(arrays: Arrays) -> Arrays:
    found = {}
    for name, array in arrays.items():
        writer = ArrayWriter()
        writer.write(array)
        found[name] = writer.array()
    return found


def loss(targets: Any, outputs: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)


def network(training: Training = TRAINING, loss: Loss = loss) -> Network:
    keras.utils.set_random_seed(1)
    x, kind = keras.Input((4,), name="x"), keras.Input((), name="kind", dtype="int64")
    hidden = keras.layers.Concatenate()([x, keras.layers.Embedding(5, 2)(kind)])
    hidden = keras.layers.Dropout(0.2)(keras.layers.BatchNormalization()(keras.layers.Dense(6)(hidden)))
    logits = keras.layers.Dense(3, name="logits")(hidden)
    model = keras.Model([x, kind], keras.layers.Softmax()(logits))
    return Network(model, training, step_loss=lambda _, targets, outputs: loss(targets, outputs), evaluation_loss=loss)


def material(inputs: Arrays = INPUTS, weights: Any = WEIGHTS) -> Material:
    return Material(
        train=Examples(inputs, TARGETS, {}, weights),
        validation=Examples({name: array[:9] for name, array in INPUTS.items()}, TARGETS[:9], {}),
        change=shifted,
    )


def thawing(epoch: int) -> Phase:
    return Phase(frozen=epoch < 1, rate=1.0 if epoch < 1 else 0.5)


class Course:
    """One network that is trained again and again from the same beginning."""

    def __init__(self, training: Training) -> None:
        self._network = network(training)
        self._begin = self._network.state()
        self.undisturbed = self.trained([1])

    def trained(self, calls: Sequence[int], *, interrupted: int | None = None) -> tuple[list[dict[str, float]], Any]:
        """Return curve and weights of calls of so many steps, begun anew from a checkpoint before one of them."""
        self._network.set_state(self._begin)
        loop, call = self._loop(), 0
        while loop.end() is None:
            if call == interrupted:
                arrays, meta = loop.state()
                self._network.set_state({name: np.zeros_like(array) for name, array in self._begin.items()})
                loop = self._loop()
                assert loop.set_state(arrays, meta)
            loop.learn(calls[call % len(calls)])
            call += 1
        curve = [{name: value for name, value in point.items() if name != "seconds"} for point in loop.course.curve]
        return curve, {name: array.tobytes() for name, array in loop.state()[0].items()}

    def _loop(self) -> Loop:
        return Loop(self._network, TRAINING, material(), phase=thawing, score=lambda answers: float(answers.sum()))


@pytest.fixture(scope="module", params=[False, True], ids=["interpreted", "compiled by XLA"])
def course(request: pytest.FixtureRequest) -> Course:
    return Course(TRAINING.model_copy(update={"jit_compile": request.param}))


@settings(max_examples=15, deadline=None)
@given(calls=CALLS, interrupted=st.integers(0, 3 * STEPS))
def test_weights_and_curve_depend_neither_on_the_calls_nor_on_an_interruption(
    course: Course, calls: list[int], interrupted: int
) -> None:
    assert course.trained(calls, interrupted=interrupted) == course.undisturbed


@pytest.mark.parametrize("weights", [WEIGHTS, None], ids=("weighted", "all the same"))
@pytest.mark.parametrize("inputs", [INPUTS, in_files(INPUTS)], ids=("in memory", "in files"))
@pytest.mark.parametrize("first", [0, 1, STEPS, 2 * STEPS + 5])
def test_a_stream_has_the_batches_from_its_step_on(inputs: Arrays, weights: Any, first: int) -> None:
    steps = list(stream(material(inputs, weights), TRAINING, first=first))
    assert len(steps) == TRAINING.max_epochs * STEPS - first
    for step, (found, targets, counts) in enumerate(steps, start=first):
        epoch, place = divmod(step, STEPS)
        chosen = epoch_order(COUNT, 8, seed=TRAINING.seed, epoch=epoch)[place]
        wanted = shifted({name: array[chosen] for name, array in INPUTS.items()}, epoch=epoch, step=place)
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
        assert np.array_equal(targets, TARGETS[chosen])
        assert np.array_equal(counts, np.ones(8) if weights is None else WEIGHTS[chosen])


def test_fewer_examples_than_a_batch_are_one_batch() -> None:
    few = Material(train=Examples({"x": INPUTS["x"][:3]}, TARGETS[:3], {}), validation=None)
    assert [len(targets) for _, targets, _ in stream(few, TRAINING, first=0)] == [3, 3, 3]


def test_the_first_step_with_a_loss_that_is_not_finite_is_named() -> None:
    bad = Examples(
        INPUTS,
        TARGETS,
        {},
        np.where(np.arange(COUNT) == epoch_order(COUNT, 8, seed=4, epoch=0)[3][0], np.nan, 1).astype(np.float32),
    )
    loop = Loop(network(), TRAINING, Material(train=bad, validation=None))
    with pytest.raises(TaskError, match="the training loss is nan in epoch 1, after 3 steps"):
        loop.learn(STEPS)


def test_every_number_of_steps_runs_what_was_traced_once() -> None:
    traced = []

    def counted(targets: Any, outputs: Any) -> Any:
        traced.append(targets)
        return loss(targets, outputs)

    loop = Loop(network(loss=counted), TRAINING, Material(train=material().train, validation=None))
    found = []
    for steps in (1, 2, 3):
        loop.learn(steps)
        found.append(len(traced))
    assert found == [found[0]] * 3
