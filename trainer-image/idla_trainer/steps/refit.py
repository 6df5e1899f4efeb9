"""Refit: what Compress chose, made again from all examples but those of the test split."""

import logging
import math
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from idla_contract.artifact import MODEL
from idla_contract.result import FLOAT, CompressReport, RefitReport, TaskResult, Variant
from idla_contract.task import (
    CompressionMethod,
    CompressStep,
    EarlyStopping,
    RefitStep,
    Schedule,
    TrainStep,
)
from idla_contract.work import Part
from idla_preprocess.intents import Intents

from idla_trainer.compression.artifact import ASSEMBLED, FOLDER, assemble
from idla_trainer.compression.gate.measure import measure
from idla_trainer.compression.gate.verdict import Measured, limit_problems
from idla_trainer.compression.quantization.convert import convert_float
from idla_trainer.compression.recipe import compression_task
from idla_trainer.compression.remake import remake
from idla_trainer.compression.variants import UnusableError, write_compressed, write_variant
from idla_trainer.data.dataset import Dataset
from idla_trainer.failures import TaskError
from idla_trainer.models.frozen import whole_network
from idla_trainer.steps.compress import stages_of, thresholded
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.steps.train import begin
from idla_trainer.training.calibration import soften
from idla_trainer.training.candidate import TrainedCandidate, load_candidate
from idla_trainer.training.checkpoints import FOLDER as CHECKPOINTS
from idla_trainer.training.loop import Loop
from idla_trainer.training.run import advance

_log = logging.getLogger(__name__)
_COMPARED = 2000
"""Learned examples by which the served file is compared with the float one."""


def refit(context: Context, step: RefitStep, so_far: TaskResult) -> Outcome:
    """Make the choice again; where that fails, what Compress made stays as it is.

    Nothing is left to compare by, so nothing is chosen: every training ends with the epoch that was the best before.

    Raises:
        TaskError: the candidate or the data cannot be read any more.
        PreemptedError: SIGTERM came; a checkpoint of the training that was going on is written.
    """
    compress = next(entry for entry in context.spec.steps if isinstance(entry, CompressStep))
    report = so_far.compress
    if report is None:
        raise LookupError("no report of the Compress step, which stands before this one")
    candidate = load_candidate(context.places.store, compress.candidate)
    dataset = context.view(candidate.model, context.whole())
    work = _Refit(context, dataset, candidate, compress, math.inf if step.max_seconds is None else step.max_seconds)
    try:
        made = work.made(report)
    except (TaskError, UnusableError, _StaysError) as error:
        _log.warning("what was compressed is shipped as it is: %s", error)
        return Outcome({"refit": RefitReport(shipped=False, examples=work.examples, message=str(error)[:1024])})
    message = f"made again from {work.examples} examples, {len(context.dataset.parts.train)} before"
    _log.info("%s", message)
    done = RefitReport(shipped=True, examples=work.examples, message=message)
    return Outcome({"refit": done, "compress": made}, ASSEMBLED)


class _StaysError(Exception):
    """Why what was compressed stays as it is."""


class _Refit:
    def __init__(
        self, context: Context, dataset: Dataset, candidate: TrainedCandidate, compress: CompressStep, seconds: float
    ) -> None:
        self._context, self._dataset, self._candidate, self._compress = context, dataset, candidate, compress
        self._ends = time.monotonic() + seconds
        self.examples = len(dataset.parts.train)

    def made(self, report: CompressReport) -> CompressReport:
        """Write the artifact anew and return the report with its sizes.

        Raises:
            TaskError: the loss is no longer finite.
            UnusableError: no server could answer with the file.
            _StaysError: what was there stays.
        """
        if self._candidate.training.schedule is Schedule.PLATEAU:
            message = "the learning rate followed the validation loss (schedule Plateau), which is not known without it"
            raise _StaysError(message)
        model = self._trained()
        context = self._context
        task = compression_task(
            self._candidate,
            self._dataset,
            self._compress,
            stages_of(context, self._dataset, self._compress, name="Refit"),
            seconds=self._left(),
        )
        pair = remake(model, task, report.making)
        if pair is None:
            raise self._late()
        context.agenda.begin(Part.CONVERSION_AGAIN)
        paths = self._written(report.choice, *pair, inputs=task.distillation.data.inputs)
        measured = self._measured(paths)
        chosen = measured[report.choice]
        problems = limit_problems(self._compress, chosen)
        if chosen.drop > self._compress.gate.maximum_drop:
            problems.append(f"{report.choice} loses {chosen.drop:.4f} of what it learned, more than the gate allows")
        if problems:
            raise _StaysError("; ".join(problems))
        assemble(context.folder.path, self._candidate, self._with_threshold(), report.choice, paths)
        return report.model_copy(
            update={"variants": tuple(_measured_again(entry, measured.get(entry.name)) for entry in report.variants)}
        )

    def _left(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def _late(self) -> _StaysError:
        message = f"to learn from {self.examples} examples as before did not end well within the time that was left"
        return _StaysError(message)

    def _trained(self) -> Any:
        """Return the network after as many epochs as were best before.

        Raises:
            _StaysError: the time does not hold them.
        """
        context, candidate = self._context, self._candidate
        # Without validation examples no epoch is better than another: nothing may end the training early.
        patient = EarlyStopping(patience_epochs=candidate.training.max_epochs)
        training = candidate.training.model_copy(update={"early_stopping": patient})
        begun = begin(
            context, self._dataset, TrainStep(model=candidate.built, training=training), max_seconds=self._left()
        )
        if candidate.best_epoch:
            kept = begun.kept(context.folder.path / CHECKPOINTS)
            kept.resume(begun.loop)
            advance(
                begun.loop,
                kept=kept,
                preemption=context.preemption,
                epochs=candidate.best_epoch,
                observe=partial(self._observe, epochs=candidate.best_epoch),
            )
            if begun.loop.course.epoch < candidate.best_epoch:
                raise self._late()
            begun.loop.finish()
        soften(begun.network.model, candidate.temperature)
        return whole_network(candidate.model, begun.network.model, self._dataset, context.places.encoders)

    def _observe(self, loop: Loop, *, epochs: int) -> None:
        self._context.agenda.tell_training(loop.seconds_left(epochs))

    def _written(self, choice: str, baseline: Any, network: Any, *, inputs: Any) -> dict[str, Path]:
        folder = self._context.places.work / "refit"
        paths = {FLOAT: write_variant(folder, FLOAT, convert_float(baseline))}
        method = next((method for method in CompressionMethod if choice.endswith(method.value)), None)
        if method is not None:
            paths[choice] = write_compressed(folder, choice, network, method, inputs)
        return paths

    def _measured(self, paths: dict[str, Path]) -> dict[str, Measured]:
        learned = self._dataset.parts.train
        some = learned[np.linspace(0, len(learned) - 1, min(_COMPARED, len(learned))).astype(int)]
        return measure(paths, FLOAT, self._dataset.examples(some), self._dataset.objective)

    def _with_threshold(self) -> Dataset:
        """Return the data set with answers whose threshold is that of the file which was chosen."""
        if not isinstance(self._dataset.answers, Intents):
            return self._dataset
        context = self._context
        chosen = thresholded(context.view(self._candidate.model, context.dataset), context.folder.path / FOLDER / MODEL)
        return replace(self._dataset, answers=chosen.answers)


def _measured_again(entry: Variant, measured: Measured | None) -> Variant:
    """Return a variant with size and latency of the file that is shipped; its quality stays that of the gate split."""
    if measured is None:
        return entry
    return entry.model_copy(
        update={
            "size_bytes": measured.size_bytes,
            "latency_p50_milliseconds": round(measured.latency_p50_milliseconds, 4),
            "latency_p95_milliseconds": round(measured.latency_p95_milliseconds, 4),
        }
    )
