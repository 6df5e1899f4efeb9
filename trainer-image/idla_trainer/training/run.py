"""A candidate's training as a pod carries it out: resumable after every call, watched, told of in the end."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from idla_contract.problem import Metric
from idla_contract.result import Epoch, TrainReport

from idla_trainer.data.dataset import Examples
from idla_trainer.evaluation.paired import PairedEvaluation
from idla_trainer.objective import Objective
from idla_trainer.preemption import Preemption
from idla_trainer.training.checkpoints import Arrays, Checkpoint, Checkpoints
from idla_trainer.training.loop import Loop
from idla_trainer.training.network import Network
from idla_trainer.training.progress import Progress, ProgressMetrics

Observe = Callable[[Loop], None]
"""Looks at a training after some steps, to report how far it is."""
_FINGERPRINT = "fingerprint"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where a training's state is kept."""

    checkpoints: Checkpoints
    fingerprint: str
    """Of the training; a checkpoint of another one is not gone on from."""

    def load(self) -> Checkpoint | None:
        """Return the newest checkpoint of this very training, or None; others are removed."""
        found = self.checkpoints.load()
        if found is None or found.meta.get(_FINGERPRINT) == self.fingerprint:
            return found
        self._forget()
        return None

    def resume(self, loop: Loop) -> None:
        """Go on from the newest checkpoint of this very training, where there is one; others are removed."""
        found = self.load()
        if found is not None:
            self.resume_from(found, loop)

    def resume_from(self, found: Checkpoint, loop: Loop) -> bool:
        """Go on from a checkpoint; return False, and remove it, if it is another network's."""
        if not loop.set_state(found.arrays, found.meta):
            self._forget()
            return False
        loop.course.resumed += 1
        _log.info("going on from step %d of at most %d", found.step, loop.total_steps)
        return True

    def save(self, loop: Loop) -> None:
        """Write a checkpoint.

        Raises:
            OSError: it cannot be written.
        """
        arrays, meta = loop.state()
        self.checkpoints.save(Checkpoint(loop.step_number, arrays, meta | {_FINGERPRINT: self.fingerprint}))

    def conclude(self, loop: Loop, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Write what a training came to in the place of its checkpoints; `load` returns it.

        Raises:
            OSError: it cannot be written.
        """
        end = Checkpoint(loop.step_number, arrays, {**meta, _FINGERPRINT: self.fingerprint})
        self.checkpoints.save(end, kept=1)

    def _forget(self) -> None:
        _log.info("the checkpoints belong to another training; starting anew")
        self.checkpoints.clear()


def run(loop: Loop, *, kept: Kept, preemption: Preemption, observe: Observe) -> None:
    """Train to the end, and leave the network with the best weights.

    Args:
        loop: the training; new.
        kept: where to go on from, and where to keep the state.
        preemption: asked after every call of the compiled function.
        observe: called after every such call.

    Raises:
        TaskError: the loss is no longer finite.
        PreemptedError: SIGTERM came; a checkpoint is written.
        OSError: a checkpoint cannot be written.
    """
    kept.resume(loop)
    advance(loop, kept=kept, preemption=preemption, observe=observe, epochs=loop.training.max_epochs)
    loop.finish()


def advance(
    loop: Loop, *, kept: Kept | None, preemption: Preemption, epochs: int, observe: Observe = lambda _: None
) -> None:
    """Train until so many epochs are done, those before a resumption among them, or the training is over.

    Where nothing is kept, a training that is interrupted begins anew. The rest is as `run` says.
    """
    with preemption.deferred():
        saved = time.monotonic()
        while loop.end() is None and loop.course.epoch < epochs:
            loop.learn()
            observe(loop)
            due = preemption.requested or time.monotonic() - saved >= loop.training.checkpoint_period_seconds
            if kept is not None and due:
                kept.save(loop)
                saved = time.monotonic()
            preemption.check()


def reported(loop: Loop, network: Network, objective: Objective, validation: Examples, template: str) -> TrainReport:
    """Return what a finished training came to.

    Args:
        loop: the training.
        network: with the best weights.
        objective: what was learned.
        validation: the examples that chose them.
        template: name of the entry.
    """
    course = loop.course
    evaluation = PairedEvaluation(objective, validation.targets, validation.raw)
    _, values = network.evaluate_plain(validation)
    score = course.curve[course.best_epoch - 1]["validation_score"] if course.best_epoch else evaluation.score(values)
    return TrainReport(
        template=template,
        metric=objective.metric,
        parameters=network.parameters,
        epochs=course.epoch,
        best_epoch=course.best_epoch,
        stopped=loop.end() or "MaxEpochs",
        validation_score=score,
        validation_score_error=evaluation.error(values),
        validation_loss=course.best_loss,
        seconds=course.seconds,
        examples_per_second=loop.epoch_examples * course.epoch / course.train_seconds if course.epoch else 0.0,
        epoch_seconds=course.usual_seconds,
        resumed=course.resumed,
        curve=tuple(Epoch.model_validate(point) for point in course.curve),
    )


def report_progress(
    loop: Loop, *, metric: Metric, progress: ProgressMetrics, steps: Progress, epochs: int | None = None
) -> None:
    """Report how far a training is, and after an epoch what it gave.

    Args:
        loop: the training.
        metric: what the score is.
        progress: who is told of the epochs.
        steps: who is told of the steps.
        epochs: after which it ends at the latest; None: all.
    """
    course = loop.course
    progress.measured(None, loop.epoch_seconds)
    steps.step(loop.step_number, loop.total_steps, loop.seconds_left(epochs))
    if course.batch:
        return
    loss, seconds = course.curve[-1]["train_loss"], course.curve[-1]["seconds"]
    progress.epoch("train", loss=loss)
    progress.throughput(loop.epoch_examples / seconds)
    if not loop.validates:
        _log.info("epoch %d: loss %.4f", course.epoch, loss)
        return
    point = Epoch.model_validate(course.curve[-1])
    progress.epoch("validation", loss=point.validation_loss, score=point.validation_score)
    _log.info(
        "epoch %d of %d: loss %.4f, validation loss %.4f, validation %s %.4f",
        course.epoch, loop.training.max_epochs, loss, point.validation_loss, metric,
        point.validation_score,
    )  # fmt: skip
