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
from idla_contract.task import Training

from idla_trainer.failures import TaskError
from idla_trainer.preemption import Preemption
from idla_trainer.statistics import accuracy_error
from idla_trainer.training.batches import epoch_order, shifted, steps_per_epoch
from idla_trainer.training.checkpoints import Checkpoint, Checkpoints
from idla_trainer.training.network import Network
from idla_trainer.training.progress import ProgressMetrics
from idla_trainer.training.schedule import learning_rate

_BEST = "best/"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examples:
    """Images [N, H, W, C] and class numbers [N]."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


@dataclass(slots=True)
class _Course:
    """How far the training is; all of it is in every checkpoint."""

    epoch: int = 0
    """Counted from 0."""
    batch: int = 0
    """Batches done in this epoch."""
    loss_sum: float = 0.0
    accuracy_sum: float = 0.0
    epoch_seconds: float = 0.0
    train_seconds: float = 0.0
    """Spent on steps, over all epochs."""
    seconds: float = 0.0
    """Wall time of earlier attempts."""
    resumed: int = 0
    best_epoch: int = 0
    """Counted from 1."""
    curve: list[dict[str, float]] = field(default_factory=list)


class TrainingRun:
    """One candidate's training; the best weights are those with the lowest validation loss.

    Args:
        network: what is trained.
        training: how.
        train: examples to learn from.
        validation: examples that decide which weights are the best and when to stop.
        shift: pixels by which images are moved at random.
    """

    def __init__(
        self, network: Network, training: Training, *, train: Examples, validation: Examples, shift: int
    ) -> None:
        self._network = network
        self._training = training
        self._train = train
        self._validation = validation
        self._shift = shift
        self._course = _Course()
        self._best: Mapping[str, npt.NDArray[Any]] = {}
        self._order: npt.NDArray[np.int64] | None = None
        """The batches of the epoch that is going on."""
        self._epoch_steps = steps_per_epoch(len(train.labels), training.batch_size)
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
        return self._course.batch == 0 and (self._is_patience_over() or self._course.epoch >= self._training.max_epochs)

    def _is_patience_over(self) -> bool:
        waited = self._course.epoch - self._course.best_epoch
        return self._course.epoch > 0 and waited >= self._training.early_stopping.patience_epochs

    def _take_step(self, progress: ProgressMetrics) -> None:
        course, training = self._course, self._training
        started = time.monotonic()
        done = course.epoch * self._epoch_steps + course.batch
        if self._order is None:
            self._order = epoch_order(
                len(self._train.labels), training.batch_size, seed=training.seed, epoch=course.epoch
            )
        chosen = self._order[course.batch]
        images = shifted(
            self._train.images[chosen], self._shift, seed=training.seed, epoch=course.epoch, step=course.batch
        )
        rate = learning_rate(done, self._total_steps, training.learning_rate)
        score = self._network.step(images, self._train.labels[chosen], rate)
        self._check_finite("training", score.loss, rate)
        course.loss_sum += score.loss
        course.accuracy_sum += score.accuracy
        course.batch += 1
        course.epoch_seconds += time.monotonic() - started
        progress.step(done + 1, self._total_steps)
        if course.batch == self._epoch_steps:
            self._end_epoch(chosen.size * self._epoch_steps, progress)

    def _end_epoch(self, examples: int, progress: ProgressMetrics) -> None:
        course = self._course
        loss, accuracy = course.loss_sum / self._epoch_steps, course.accuracy_sum / self._epoch_steps
        score = self._network.score(self._validation.images, self._validation.labels)
        self._check_finite("validation", score.loss, 0.0)
        point = Epoch(
            train_loss=loss,
            validation_loss=score.loss,
            validation_score=score.accuracy,
            seconds=course.epoch_seconds,
        )
        before = course.curve[course.best_epoch - 1]["validation_loss"] if course.best_epoch else math.inf
        course.curve.append(point.model_dump())
        course.epoch += 1
        if score.loss < before - self._training.early_stopping.min_delta:
            course.best_epoch = course.epoch
            self._best = self._network.weights()
        progress.epoch("train", loss=loss, accuracy=accuracy)
        progress.epoch("validation", loss=score.loss, accuracy=score.accuracy)
        progress.throughput(examples / course.epoch_seconds)
        _log.info(
            "epoch %d of %d: loss %.4f, validation loss %.4f, validation accuracy %.4f",
            course.epoch, self._training.max_epochs, loss, score.loss, score.accuracy,
        )  # fmt: skip
        course.train_seconds += course.epoch_seconds
        self._order = None
        course.batch, course.loss_sum, course.accuracy_sum, course.epoch_seconds = 0, 0.0, 0.0, 0.0

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
        course = self._course
        best = course.curve[course.best_epoch - 1]
        examples = len(self._validation.labels)
        trained = self._epoch_steps * min(len(self._train.labels), self._training.batch_size) * course.epoch
        stopped = "EarlyStopping" if course.epoch < self._training.max_epochs else "MaxEpochs"
        return TrainReport(
            template=template,
            parameters=self._network.parameters,
            epochs=course.epoch,
            best_epoch=course.best_epoch,
            stopped=stopped,
            validation_score=best["validation_score"],
            validation_score_error=accuracy_error(round(best["validation_score"] * examples), examples),
            validation_loss=best["validation_loss"],
            seconds=course.seconds,
            examples_per_second=trained / course.train_seconds,
            resumed=course.resumed,
            curve=tuple(Epoch.model_validate(point) for point in course.curve),
        )
