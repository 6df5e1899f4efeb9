"""What a task has before it, and what its measures are as it begins."""

import math
from collections.abc import Sequence
from pathlib import Path

from idla_contract.result import TaskResult
from idla_contract.task import Candidate, CompressStep, Step, TaskSpec
from idla_contract.work import DISTILLATION_EPOCH, Measures, Trained, parts_of
from pydantic import ValidationError

from idla_trainer.task_store import RESULT, TaskStore
from idla_trainer.training.agenda import Agenda
from idla_trainer.training.progress import TaskProgress


def agenda_of(spec: TaskSpec, due: Sequence[Step], *, store: Path, told: TaskProgress) -> Agenda:
    """Return what a task has before it.

    Args:
        spec: the task.
        due: its steps that no earlier attempt has finished.
        store: where the training is found that it goes on from.
        told: who is told how far it is.
    """
    compress = next((step for step in spec.steps if isinstance(step, CompressStep)), None)
    trained = None if compress is None else _trained(store, compress.candidate)
    report = None if trained is None else trained.train
    before = Trained() if report is None else Trained(parameters=report.parameters, best_epoch=report.best_epoch)
    return Agenda(told, parts_of(due, before), measures=Measures() if trained is None else _measures(trained))


def _trained(store: Path, candidate: Candidate) -> TaskResult | None:
    """Return what a training came to, where the store tells."""
    folder = TaskStore.of(store, candidate.task, candidate.content_hash).path
    try:
        return TaskResult.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError):
        return None


def _measures(trained: TaskResult) -> Measures:
    report = trained.train
    if report is None or not report.epoch_seconds:
        return Measures()
    taken = math.fsum(step.seconds for step in trained.steps) - report.epochs * report.epoch_seconds
    return Measures(
        start=max(0.0, taken) if trained.search is None and not report.resumed else None,
        epoch=report.epoch_seconds,
        distillation_epoch=DISTILLATION_EPOCH * report.epoch_seconds,
    )
