"""Training of a smaller network by a larger one: it learns the targets and what the larger one answers."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from idla_contract.task import EarlyStopping, Training

from idla_trainer.data.dataset import Examples
from idla_trainer.failures import TaskError
from idla_trainer.models.entry import Augmentation
from idla_trainer.models.prediction import cut_at_logits, feed, predict
from idla_trainer.preemption import Preemption
from idla_trainer.training.checkpoints import Checkpoint
from idla_trainer.training.feed import Material
from idla_trainer.training.loop import Loop
from idla_trainer.training.network import Loss, Network, Rounding, StepLoss, set_weights, weights_of
from idla_trainer.training.run import Kept, Observe, advance

Arrays = Mapping[str, npt.NDArray[Any]]
_ANSWER = "idla teacher's logits"
"""Name beside those of the inputs; no tensor of a network has it."""
_OUTCOME = "outcome"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingExamples:
    """Examples to learn from, and others by which the best epoch is chosen; without such it is the last one."""

    inputs: Arrays
    targets: npt.NDArray[Any]
    validation_inputs: Arrays
    validation_targets: npt.NDArray[Any]
    weights: npt.NDArray[np.float32] | None = None
    """Of the examples to learn from; None is 1 each."""


@dataclass(frozen=True, slots=True, eq=False)
class DistillationTask:
    """What is learned and from whom."""

    data: TrainingExamples
    loss: Loss
    """Of the targets."""
    teacher: Any | None = None
    """A model with the same logits; None trains by the targets alone."""
    augment: Augmentation | None = None
    """Changes the inputs of each batch; the teacher answers the changed ones."""
    rounding: Callable[[Any], Rounding] | None = None
    """For the model that is trained, what it computes with (quantization-aware training)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how the smaller network learns."""

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 0.001
    """Peak of a linear warm-up over 5 % of the steps and a cosine decay to 1 % of it."""
    weight_decay: float = 1e-4
    average_decay: float = 0.0
    """Of the moving average of the weights, as in every training; 0: none."""
    teacher_share: float = 0.7
    """Weight of the teacher's answers in the loss; the targets have the rest."""
    temperature: float = 3.0
    """Softens both answers where these are classes (Hinton et al. 2015)."""
    classes: bool = True
    """Whether the logits are of classes: their distributions are compared, else the values by squares."""
    stop: int | None = None
    """Epoch after which it ends, while the learning rate goes on as for all of them; None: the last one."""
    seconds: float = math.inf
    """Epochs that would end later are not begun; the first one is always learned."""
    jit_compile: bool = False
    """Whether XLA compiles the steps."""
    checkpoint_period_seconds: int = 30
    """Where the training is kept."""
    seed: int = 0

    def training(self) -> Training:
        """Return them as those of every training; no patience ends it early."""
        return Training(
            max_epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            average_decay=self.average_decay,
            early_stopping=EarlyStopping(patience_epochs=self.epochs),
            jit_compile=self.jit_compile,
            checkpoint_period_seconds=self.checkpoint_period_seconds,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What the training came to."""

    epochs: int
    best_epoch: int
    """Counted from 1; 0 is the network as it came. Without validation examples it is the last one."""
    losses: tuple[float, ...]
    """Of the validation examples, the first before any step; not a number without them."""
    seconds: float
    """Of all attempts."""
    earlier_seconds: float = 0.0
    """Of those before this one."""


def distill(
    student: Any,
    task: DistillationTask,
    settings: Settings,
    *,
    kept: Kept | None = None,
    preemption: Preemption | None = None,
    observe: Observe = lambda _: None,
) -> TrainingOutcome:
    """Train a model in place; it ends with the weights of its best epoch by the loss of the validation examples.

    A loss that is no longer finite ends it too: the best weights until then are kept. One that was interrupted goes on,
    and one that had ended is not repeated, where it is kept.

    Args:
        student: a functional Keras model with a layer named "logits".
        task: what it learns.
        settings: how it learns.
        kept: where to go on from, and where to keep the state; None: nowhere.
        preemption: asked between the calls of the compiled function; None: nothing ends it early.
        observe: called after every such call.

    Raises:
        PreemptedError: SIGTERM came; a checkpoint is written.
        OSError: a checkpoint cannot be written.
    """
    keras.utils.set_random_seed(settings.seed)
    found = None if kept is None else kept.load()
    if found is not None and _OUTCOME in found.meta:
        set_weights(student, found.arrays)
        return _outcome_of(found)
    started, loop = time.monotonic(), _begin(student, task, settings)
    resumed = kept is not None and found is not None and kept.resume_from(found, loop)
    earlier = loop.course.seconds
    last = settings.epochs if settings.stop is None else settings.stop
    try:
        if not resumed:
            loop.validate_first()
        advance(loop, kept=kept, preemption=preemption or Preemption(), epochs=last, observe=observe)
    except TaskError as error:
        _log.warning("%s", error)
    if loop.best:
        loop.finish()
    course = loop.course
    losses = (course.first_loss, *(point["validation_loss"] for point in course.curve))
    best = course.best_epoch if loop.validates else course.epoch
    seconds = earlier + time.monotonic() - started
    outcome = TrainingOutcome(course.epoch, best, losses, seconds, earlier)
    if kept is not None:
        kept.conclude(loop, weights_of(student), {_OUTCOME: asdict(outcome)})
    return outcome


def _outcome_of(ended: Checkpoint) -> TrainingOutcome:
    outcome = TrainingOutcome(**ended.meta[_OUTCOME])
    return replace(outcome, losses=tuple(outcome.losses), earlier_seconds=outcome.seconds)


def _begin(student: Any, task: DistillationTask, settings: Settings) -> Loop:
    data, training = task.data, settings.training()
    validation = Examples(data.validation_inputs, data.validation_targets, {})
    network = Network(
        student,
        training,
        step_loss=_step_loss(task, settings),
        evaluation_loss=task.loss,
        rounding=task.rounding,
    )
    return Loop(
        network,
        training,
        Material(
            train=Examples(_with_answers(task), data.targets, {}, data.weights),
            validation=validation if len(validation) else None,
            change=task.augment,
        ),
        max_seconds=settings.seconds,
    )


def _step_loss(task: DistillationTask, settings: Settings) -> StepLoss:
    """Return the loss of a step: that of the targets, mixed with the teacher loss where there is a teacher."""
    if task.teacher is None:
        return lambda _, targets, outputs: task.loss(targets, outputs)
    teacher, share = cut_at_logits(task.teacher), settings.teacher_share

    def mixed(inputs: Mapping[str, Any], targets: Any, outputs: Any) -> Any:
        answer = inputs[_ANSWER] if _ANSWER in inputs else teacher(feed(teacher, inputs), training=False)
        return (1 - share) * task.loss(targets, outputs) + share * teacher_loss(answer, outputs, settings)

    return mixed


def _with_answers(task: DistillationTask) -> Arrays:
    """Return the inputs with the teacher's logits beside them, where nothing changes the inputs: they stay the same."""
    inputs = task.data.inputs
    if task.teacher is None or task.augment is not None:
        return inputs
    return {**inputs, _ANSWER: predict(cut_at_logits(task.teacher), inputs)}


def teacher_loss(teacher: Any, student: Any, settings: Settings) -> Any:
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
