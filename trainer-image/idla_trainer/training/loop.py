"""The training loop: epochs of batches, early stopping, checkpoints, and an end after any batch."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.exit_codes import ExitCode
from idla_contract.result import Epoch, FailureReason, TrainReport
from idla_contract.task import Schedule, Training
from idla_preprocess import Arrays

from idla_trainer.data.dataset import Examples
from idla_trainer.failures import TaskError
from idla_trainer.judged import Judged
from idla_trainer.models.registry import Change
from idla_trainer.preemption import Preemption
from idla_trainer.problems.objective import Objective
from idla_trainer.training.batches import epoch_order, steps_per_epoch
from idla_trainer.training.checkpoints import Checkpoint, Checkpoints
from idla_trainer.training.network import Network
from idla_trainer.training.progress import ProgressMetrics
from idla_trainer.training.schedule import learning_rate

_BEST = "best/"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Course:
    """How far the training is; all of it is in every checkpoint."""

    epoch: int = 0
    """Counted from 0."""
    batch: int = 0
    """Batches done in this epoch."""
    loss_sum: float = 0.0
    epoch_seconds: float = 0.0
    train_seconds: float = 0.0
    """Spent on steps, over all epochs."""
    seconds: float = 0.0
    """Wall time of earlier attempts."""
    resumed: int = 0
    best_epoch: int = 0
    """Counted from 1."""
    curve: list[dict[str, float]] = field(default_factory=list)
    rate_scale: float = 1.0
    """What a plateau has left of the learning rate."""
    eased_epoch: int = 0
    """The epoch after which the rate was halved last."""


class TrainingRun:
    """One candidate's training; the best weights are those with the lowest validation loss.

    Args:
        network: what is trained.
        training: how.
        train: examples to learn from.
        validation: examples that decide which weights are the best and when to stop.
        objective: what is learned.
        change: changes a batch's inputs at random, by epoch and step alone; None: nothing does.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        *,
        train: Examples,
        validation: Examples,
        objective: Objective,
        change: Change | None = None,
    ) -> None:
        self._network = network
        self._training = training
        self._train = train
        self._validation = validation
        self._objective = objective
        self._change = change
        self._course = _Course()
        self._best: Mapping[str, npt.NDArray[Any]] = {}
        self._order: npt.NDArray[np.int64] | None = None
        """The batches of the epoch that is going on."""
        self._epoch_steps = steps_per_epoch(len(train), training.batch_size)
        self._total_steps = self._epoch_steps * training.max_epochs

    def run(
        self,
        *,
        template: str,
        fingerprint: str,
        checkpoints: Checkpoints,
        preemption: Preemption,
        progress: ProgressMetrics,
    ) -> TrainReport:
        """Train to the end, and leave the network with the best weights.

        Args:
            template: name for the report.
            fingerprint: a checkpoint of another fingerprint is not gone on from.
            checkpoints: where to go on from, and where to keep the state.
            preemption: asked after every batch.
            progress: told after every batch.

        Raises:
            TaskError: the loss is no longer finite.
            PreemptedError: SIGTERM came; a checkpoint is written.
            OSError: a checkpoint cannot be written.
        """
        started = time.monotonic()
        with preemption.deferred():
            self._resume(checkpoints, fingerprint)
            earlier, saved = self._course.seconds, started
            while not self._is_over():
                self._take_step(progress)
                now = time.monotonic()
                self._course.seconds = earlier + now - started
                if preemption.requested or now - saved >= self._training.checkpoint_period_seconds:
                    self._save(checkpoints, fingerprint)
                    saved = time.monotonic()
                preemption.check()
        self._network.set_weights(self._best)
        return self._report(template)

    def _is_over(self) -> bool:
        return self._course.batch == 0 and self._course.epoch > 0 and self._end() is not None

    def _end(self) -> str | None:
        """Return why the training ends after this epoch, or None."""
        course, training = self._course, self._training
        if course.epoch - course.best_epoch >= training.early_stopping.patience_epochs:
            return "EarlyStopping"
        if course.epoch >= training.max_epochs:
            return "MaxEpochs"
        if training.max_seconds is not None and course.seconds >= training.max_seconds:
            return "Budget"
        return None

    def _take_step(self, progress: ProgressMetrics) -> None:
        course, training = self._course, self._training
        started = time.monotonic()
        done = course.epoch * self._epoch_steps + course.batch
        if self._order is None:
            self._order = epoch_order(len(self._train), training.batch_size, seed=training.seed, epoch=course.epoch)
        batch = self._batch(self._order[course.batch])
        rate = learning_rate(done, self._total_steps, training, scale=course.rate_scale)
        loss = self._network.step(batch, rate)
        self._check_finite("training", loss, rate)
        course.loss_sum += loss
        course.batch += 1
        course.epoch_seconds += time.monotonic() - started
        progress.step(done + 1, self._total_steps)
        if course.batch == self._epoch_steps:
            self._end_epoch(len(batch) * self._epoch_steps, progress)

    def _batch(self, chosen: npt.NDArray[np.int64]) -> Examples:
        train, course = self._train, self._course
        inputs: Arrays = {name: array[chosen] for name, array in train.inputs.items()}
        if self._change is not None:
            inputs = self._change(inputs, epoch=course.epoch, step=course.batch)
        weights = None if train.weights is None else train.weights[chosen]
        return Examples(inputs, train.targets[chosen], {}, weights)

    def _end_epoch(self, examples: int, progress: ProgressMetrics) -> None:
        course = self._course
        loss = course.loss_sum / self._epoch_steps
        found, values = self._network.evaluate(self._validation)
        self._check_finite("validation", found, 0.0)
        score = self._objective.score(self._validation.targets, values, self._validation.raw)
        point = Epoch(train_loss=loss, validation_loss=found, validation_score=score, seconds=course.epoch_seconds)
        before = course.curve[course.best_epoch - 1]["validation_loss"] if course.best_epoch else math.inf
        course.curve.append(point.model_dump())
        course.epoch += 1
        if found < before - self._training.early_stopping.min_delta:
            course.best_epoch = course.epoch
            self._best = self._network.weights()
        self._ease()
        progress.epoch("train", loss=loss)
        progress.epoch("validation", loss=found, score=score)
        progress.throughput(examples / course.epoch_seconds)
        _log.info(
            "epoch %d of %d: loss %.4f, validation loss %.4f, validation %s %.4f",
            course.epoch, self._training.max_epochs, loss, found, self._objective.metric, score,
        )  # fmt: skip
        course.train_seconds += course.epoch_seconds
        self._order = None
        course.batch, course.loss_sum, course.epoch_seconds = 0, 0.0, 0.0

    def _ease(self) -> None:
        """Halve the rate of a plateau."""
        course, training = self._course, self._training
        waited = course.epoch - max(course.best_epoch, course.eased_epoch)
        if training.schedule is Schedule.PLATEAU and waited >= max(1, training.early_stopping.patience_epochs // 2):
            course.rate_scale /= 2
            course.eased_epoch = course.epoch

    def _check_finite(self, split: str, loss: float, rate: float) -> None:
        if math.isfinite(loss):
            return
        step = self._course.epoch * self._epoch_steps + self._course.batch
        message = (
            f"the {split} loss is {loss} in epoch {self._course.epoch + 1}, after {step} steps, at the learning rate "
            f"{rate:.3g}; lower training.learningRate (now {self._training.learning_rate:g})"
        )
        raise TaskError(FailureReason.DIVERGED, message, ExitCode.DIVERGED)

    def _save(self, checkpoints: Checkpoints, fingerprint: str) -> None:
        best = {_BEST + name: array for name, array in self._best.items()}
        meta = {"fingerprint": fingerprint, "course": asdict(self._course)}
        step = self._course.epoch * self._epoch_steps + self._course.batch
        checkpoints.save(Checkpoint(step, self._network.state() | best, meta))

    def _resume(self, checkpoints: Checkpoints, fingerprint: str) -> None:
        found = checkpoints.load()
        if found is None:
            return
        if found.meta.get("fingerprint") != fingerprint or not self._network.accepts(found.arrays):
            _log.info("the checkpoints belong to another training; starting anew")
            checkpoints.clear()
            return
        self._course = _Course(**found.meta["course"])
        self._course.resumed += 1
        self._best = {name.removeprefix(_BEST): array for name, array in found.arrays.items() if name.startswith(_BEST)}
        self._network.set_state(found.arrays)
        _log.info("going on from step %d of at most %d", found.step, self._total_steps)

    def _report(self, template: str) -> TrainReport:
        course, objective = self._course, self._objective
        best = course.curve[course.best_epoch - 1]
        validation = self._validation
        judged = Judged(objective, validation.targets, validation.raw)
        values = self._network.evaluate_plain(validation).values
        trained = self._epoch_steps * min(len(self._train), self._training.batch_size) * course.epoch
        return TrainReport(
            template=template,
            metric=objective.metric,
            parameters=self._network.parameters,
            epochs=course.epoch,
            best_epoch=course.best_epoch,
            stopped=self._end() or "MaxEpochs",
            validation_score=best["validation_score"],
            validation_score_error=judged.error(values),
            validation_loss=best["validation_loss"],
            seconds=course.seconds,
            examples_per_second=trained / course.train_seconds,
            resumed=course.resumed,
            curve=tuple(Epoch.model_validate(point) for point in course.curve),
        )
