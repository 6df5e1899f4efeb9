"""The training loop: epochs of batches, the best weights kept, an end after any epoch.

It is the only one: a training, a fine-tuning after surgery, a distillation and quantization-aware training differ in
what their network learns from a batch. What watches a training (checkpoints, signals, progress) belongs to its caller.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy.typing as npt
from idla_contract.exit_codes import ExitCode
from idla_contract.result import FailureReason
from idla_contract.task import Training
from idla_preprocess import Array, Arrays

from idla_trainer.failures import TaskError
from idla_trainer.models.fine_tuning import Phase
from idla_trainer.training.batches import steps_per_epoch
from idla_trainer.training.course import Course, PhaseOf, end_of, epochs_left
from idla_trainer.training.feed import Material, stream
from idla_trainer.training.network import Network
from idla_trainer.training.pace import Pace
from idla_trainer.training.schedule import learning_rate

FITTED = "Fitted"
"""Why a training of a network without a trainable weight is over."""
_BEST = "best/"
_COURSE = "course"


class Loop:
    """Steps of one training; the best weights are those with the lowest validation loss, or else the latest.

    Args:
        network: what is trained.
        training: how.
        material: the examples.
        phase: what an epoch, counted from 0, trains; patience is counted anew where all layers begin to learn, and not
            at all before that.
        score: of the answers to the validation examples, for the curve; None: only losses are known.
        max_seconds: an epoch that would end later is not begun; the first one always is.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        material: Material,
        *,
        phase: PhaseOf = lambda _: Phase(),
        score: Callable[[Array], float] = lambda _: 0.0,
        max_seconds: float = math.inf,
    ) -> None:
        self._network = network
        self.training = training
        self._material = material
        self._phase = phase
        self._score = score
        self.max_seconds = max_seconds
        """As above; it may be moved between two steps."""
        self.course = Course()
        self.best: Mapping[str, npt.NDArray[Any]] = {}
        """The weights after the best epoch."""
        self._batches: Any = None
        """From the next step on; None: not begun."""
        self._pace = Pace()
        self.epoch_steps = steps_per_epoch(len(material.train), training.batch_size)
        self.total_steps = self.epoch_steps * training.max_epochs
        self._started = time.monotonic()
        """Of an attempt that had lasted as long as all before it."""

    @property
    def step_number(self) -> int:
        """Return how many steps are done."""
        return self.course.epoch * self.epoch_steps + self.course.batch

    @property
    def validates(self) -> bool:
        """Return whether validation examples choose the best weights."""
        return self._material.validation is not None

    @property
    def epoch_examples(self) -> int:
        """Return from how many examples an epoch learns."""
        return self.epoch_steps * min(len(self._material.train), self.training.batch_size)

    @property
    def epoch_seconds(self) -> float | None:
        """Return how long an epoch takes, or None before more was measured than the first call, which compiles."""
        step = self._pace.step_seconds
        return self.course.usual_seconds or (None if step is None else step * self.epoch_steps)

    def end(self) -> str | None:
        """Return why the training is over, or None."""
        if not self._network.learns:
            return FITTED
        if self.course.batch or not self.course.epoch:
            return None
        return end_of(self.course, self.training, self._phase, self.max_seconds)

    def seconds_left(self, epochs: int | None = None) -> float | None:
        """Return the seconds to the expected end of the training, or None before enough of it was measured.

        Args:
            epochs: after which it ends at the latest, counted from the first one; None: all.
        """
        course, epoch = self.course, self.epoch_seconds
        if self.end() is not None:
            return 0.0
        if epoch is None:
            return None
        left = epochs_left(course, self.training, self._phase)
        if epochs is not None:
            left = min(left, epochs - course.epoch)
        return max(0.0, min(self.max_seconds - course.seconds, epoch * (left - course.batch / self.epoch_steps)))

    def validate_first(self) -> None:
        """Let the network as it came be the best one until an epoch ends with a lower loss."""
        self.course.first_loss, _ = self._validate()
        self.best = self._network.weights()

    def count(self, seconds: float) -> None:
        """Count seconds that passed before the first step, in which the network was given its weights."""
        self.course.seconds += seconds
        self.course.begun_seconds += seconds
        self._started -= seconds

    def learn(self, most: int | None = None) -> None:
        """Learn from the next batches of the epoch; after the last one look at the validation examples.

        Nothing that is learned depends on how many batches one call takes.

        Args:
            most: batches; None: as many as take so long that who watches the training is not kept waiting.

        Raises:
            TaskError: the loss is no longer finite.
        """
        course = self.course
        started = time.monotonic()
        if self._batches is None:
            self._batches = stream(self._material, self.training, first=self.step_number)
        phase = self._phase(course.epoch)
        rates = self._rates(min(most or self._pace.steps, self.epoch_steps - course.batch), phase.rate)
        losses = self._network.learn(self._batches, rates, frozen=phase.frozen)
        for loss, rate in zip(losses, rates, strict=True):
            self._check_finite("training", loss, rate)
            course.loss_sum += loss
            course.batch += 1
        seconds = time.monotonic() - started
        self._pace.note(len(rates), seconds)
        course.epoch_seconds += seconds
        if course.batch == self.epoch_steps:
            self._end_epoch()
        course.seconds = time.monotonic() - self._started

    def finish(self) -> None:
        """Give the network the best weights, and make no more batches ahead."""
        self._network.set_weights(self.best)
        self._batches = None

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return all that the next step depends on: arrays, and what JSON can hold."""
        best = {_BEST + name: array for name, array in self.best.items()}
        return self._network.state() | best, {_COURSE: asdict(self.course)}

    def set_state(self, arrays: Arrays, meta: Mapping[str, Any]) -> bool:
        """Go on from what `state` returned; return False, and change nothing, if it is another network's."""
        if not self._network.accepts(arrays):
            return False
        self.course = Course(**meta[_COURSE])
        self._started = time.monotonic() - self.course.seconds
        self.best = {name.removeprefix(_BEST): array for name, array in arrays.items() if name.startswith(_BEST)}
        self._network.set_state(arrays)
        self._batches = None
        return True

    def _rates(self, steps: int, share: float) -> list[float]:
        first, scale = self.step_number, self.course.rate_scale
        return [
            learning_rate(step, self.total_steps, self.training, scale=scale) * share
            for step in range(first, first + steps)
        ]

    def _end_epoch(self) -> None:
        course = self.course
        found, score = self._validate()
        course.seconds = time.monotonic() - self._started
        point = {
            "train_loss": course.loss_sum / self.epoch_steps,
            "validation_loss": found,
            "validation_score": score,
            "seconds": course.epoch_seconds,
        }
        better = course.end_epoch(point, self._phase, min_delta=self.training.early_stopping.min_delta)
        if better or not self.validates:
            self.best = self._network.weights()
        course.ease(self.training)

    def _validate(self) -> tuple[float, float]:
        """Return loss and score of the validation examples; without such not a number."""
        validation = self._material.validation
        if validation is None:
            return math.nan, math.nan
        loss, values = self._network.evaluate(validation)
        self._check_finite("validation", loss, 0.0)
        return loss, self._score(values)

    def _check_finite(self, split: str, loss: float, rate: float) -> None:
        if math.isfinite(loss):
            return
        message = (
            f"the {split} loss is {loss} in epoch {self.course.epoch + 1}, after {self.step_number} steps, at the "
            f"learning rate {rate:.3g}; lower training.learningRate (now {self.training.learning_rate:g})"
        )
        raise TaskError(FailureReason.DIVERGED, message, ExitCode.DIVERGED)
