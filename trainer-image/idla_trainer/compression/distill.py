"""Training of a smaller network by a larger one: it learns the targets and what the larger one answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from idla_trainer.compression.graph import fed
from idla_trainer.training.batches import epoch_order, steps_per_epoch

Arrays = Mapping[str, npt.NDArray[Any]]
Loss = Callable[[Any, Any], Any]
"""Targets and outputs of the layer "logits" -> one loss an example, as `Objective.loss`."""
Augment = Callable[..., Arrays]
"""`augment(inputs, epoch=, step=)` returns the changed inputs of a batch."""
Change = Callable[[Sequence[Any]], list[Any]]
"""Trainable values of a network -> what it computes with instead."""
_AT_ONCE = 512
_WARM_UP = 0.05
_LAST_RATE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Examples to learn from, and others by which the best epoch is chosen."""

    inputs: Arrays
    targets: npt.NDArray[Any]
    validation_inputs: Arrays
    validation_targets: npt.NDArray[Any]
    weights: npt.NDArray[np.float32] | None = None
    """Of the examples to learn from; None is 1 each."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What is learned and from whom."""

    data: Data
    loss: Loss
    """Of the targets."""
    teacher: Any | None = None
    """A model with the same logits; None trains by the targets alone."""
    augment: Augment | None = None
    """Changes the inputs of each batch; the teacher answers the changed ones."""
    change: Callable[[Any], Change] | None = None
    """For the model that is trained, what it computes with (quantization-aware training)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how the smaller network learns."""

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 0.001
    """Peak of a linear warm-up over 5 % of the steps and a cosine decay to 1 % of it."""
    weight_decay: float = 1e-4
    teacher_share: float = 0.7
    """Weight of the teacher's answers in the loss; the targets have the rest."""
    temperature: float = 3.0
    """Softens both answers where these are classes (Hinton et al. 2015)."""
    classes: bool = True
    """Whether the logits are of classes: their distributions are compared, else the values by squares."""
    seconds: float = float("inf")
    """Epochs that would end later are not begun; the first one is always learned."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """What the training came to."""

    epochs: int
    best_epoch: int
    """Counted from 1; 0 is the network as it came."""
    losses: tuple[float, ...]
    """Of the validation examples, the first before any step."""
    seconds: float


def distill(student: Any, lesson: Lesson, settings: Settings, check: Callable[[], None] = lambda: None) -> Learned:
    """Train a model in place; it ends with the weights of its best epoch by the loss of the validation examples.

    Args:
        student: a functional Keras model with a layer named "logits".
        lesson: what it learns.
        settings: how it learns.
        check: called before each step; may raise to end the training.
    """
    started = time.monotonic()
    training = _Training(student, lesson, settings)
    losses = [training.validation_loss()]
    best, best_epoch, longest, epoch = training.weights(), 0, 0.0, 0
    for epoch in range(1, settings.epochs + 1):
        begun = time.monotonic()
        if epoch > 1 and begun - started + longest > settings.seconds:
            epoch -= 1  # noqa: PLW2901 - this one is not learned
            break
        training.epoch(epoch, check)
        losses.append(training.validation_loss())
        if losses[-1] <= min(losses):
            best, best_epoch = training.weights(), epoch
        longest = max(longest, time.monotonic() - begun)
    training.set_weights(best)
    return Learned(epoch, best_epoch, tuple(losses), time.monotonic() - started)


class _Training:
    """One training: the models, the optimizer and the compiled step."""

    def __init__(self, student: Any, lesson: Lesson, settings: Settings) -> None:
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(settings.seed)
        self._model, self._lesson, self._settings = logits_model(student), lesson, settings
        self._data = lesson.data
        self._change: Change = list if lesson.change is None else lesson.change(self._model)
        self._teacher = logits_model(lesson.teacher) if lesson.teacher is not None else None
        self._answers = self._known_answers()
        self._optimizer = keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay)
        self._optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self._optimizer.build(self._model.trainable_variables)
        self._step = tf.function(self._trace_step, reduce_retracing=True)
        self._score = tf.function(self._trace_score, reduce_retracing=True)

    def epoch(self, number: int, check: Callable[[], None]) -> None:
        """Learn every example once."""
        count, settings = len(self._data.targets), self._settings
        order = epoch_order(count, settings.batch_size, seed=settings.seed, epoch=number)
        per_epoch = steps_per_epoch(count, settings.batch_size)
        for step, chosen in enumerate(order):
            check()
            done = ((number - 1) * per_epoch + step) / (settings.epochs * per_epoch)
            self._optimizer.learning_rate.assign(settings.learning_rate * _share_of_rate(done))
            inputs: Arrays = {name: values[chosen] for name, values in self._data.inputs.items()}
            if self._lesson.augment is not None:
                inputs = self._lesson.augment(inputs, epoch=number, step=step)
            self._step(inputs, self._data.targets[chosen], self._answer(inputs, chosen), self._weight(chosen))

    def validation_loss(self) -> float:
        """Return the mean loss by the targets."""
        inputs, targets = self._data.validation_inputs, self._data.validation_targets
        total = 0.0
        for start in range(0, len(targets), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            total += float(self._score({name: values[part] for name, values in inputs.items()}, targets[part]))
        return total / max(1, len(targets))

    def weights(self) -> list[npt.NDArray[Any]]:
        """Return copies of all weights."""
        return [np.array(variable.value.numpy()) for variable in self._model.variables]

    def set_weights(self, weights: Sequence[npt.NDArray[Any]]) -> None:
        """Set what `weights` returned."""
        for variable, value in zip(self._model.variables, weights, strict=True):
            variable.assign(value)

    def _known_answers(self) -> npt.NDArray[np.float32] | None:
        """Return the teacher's logits of all examples, where these do not change."""
        if self._teacher is None or self._lesson.augment is not None:
            return None
        return answers(self._teacher, self._data.inputs)

    def _answer(self, inputs: Arrays, chosen: npt.NDArray[np.int64]) -> Any:
        if self._answers is not None:
            return self._answers[chosen]
        if self._teacher is None:
            return np.zeros((len(chosen), 1), np.float32)
        return self._teacher(fed(self._teacher, inputs), training=False)

    def _weight(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        weights = self._data.weights
        return np.ones(len(chosen), np.float32) if weights is None else weights[chosen].astype(np.float32)

    def _trace_step(self, inputs: Any, targets: Any, answer: Any, weight: Any) -> None:
        model, settings = self._model, self._settings
        with tf.GradientTape() as tape:
            values = [variable.value for variable in model.trainable_variables]
            tape.watch(values)
            state = [variable.value for variable in model.non_trainable_variables]
            outputs, after, penalties = model.stateless_call(
                self._change(values), state, fed(model, inputs), training=True, return_losses=True
            )
            losses = self._lesson.loss(targets, outputs)
            if self._teacher is not None:
                share = settings.teacher_share
                losses = (1 - share) * losses + share * distance(answer, outputs, settings)
            total = tf.reduce_sum(losses * weight) / tf.maximum(tf.reduce_sum(weight), 1e-9)
            total = tf.add_n([total, *penalties])
        gradients = tape.gradient(total, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for variable, value in zip(model.non_trainable_variables, after, strict=True):
            variable.assign(value)
        self._optimizer.apply(gradients, model.trainable_variables)

    def _trace_score(self, inputs: Any, targets: Any) -> Any:
        model = self._model
        values = self._change([variable.value for variable in model.trainable_variables])
        state = [variable.value for variable in model.non_trainable_variables]
        outputs, _ = model.stateless_call(values, state, fed(model, inputs), training=False)
        return tf.reduce_sum(self._lesson.loss(targets, outputs))


def logits_model(model: Any) -> Any:
    """Return the part of a model up to its layer "logits"; the weights are the same."""
    return keras.Model(model.input, model.get_layer("logits").output)


def answers(model: Any, inputs: Arrays) -> npt.NDArray[np.float32]:
    """Return what a model answers to all examples."""
    run = tf.function(lambda part: model(fed(model, part), training=False), reduce_retracing=True)
    count = len(next(iter(inputs.values())))
    parts = [
        run({name: values[start : start + _AT_ONCE] for name, values in inputs.items()}).numpy()
        for start in range(0, count, _AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float32)


def distance(teacher: Any, student: Any, settings: Settings) -> Any:
    """Return for each example how far the student's logits are from the teacher's.

    Of classes the divergence of the softened distributions, times the square of the temperature so that its gradient
    keeps its size; of one logit that of the two answers yes and no; of other values the mean square.
    """
    if not settings.classes:
        squares = tf.square(student - teacher)
        return tf.reduce_mean(tf.reshape(squares, (tf.shape(squares)[0], -1)), axis=1)
    heat = settings.temperature
    if student.shape[-1] == 1:
        soft = tf.sigmoid(teacher / heat)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(soft, teacher / heat)
        crossed = tf.nn.sigmoid_cross_entropy_with_logits(soft, student / heat)
        return heat**2 * tf.reduce_sum(crossed - entropy, axis=-1)
    soft = tf.nn.softmax(teacher / heat)
    apart = tf.nn.log_softmax(teacher / heat) - tf.nn.log_softmax(student / heat)
    return heat**2 * tf.reduce_sum(soft * apart, axis=-1)


def _share_of_rate(done: float) -> float:
    if done < _WARM_UP:
        return max(done / _WARM_UP, _LAST_RATE)
    return _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + float(np.cos(np.pi * (done - _WARM_UP) / (1 - _WARM_UP))))
