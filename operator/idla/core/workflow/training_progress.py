"""How far the work is, and how long it still takes."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from idla.api.training_workflow_status import MetricStatus, ProgressStatus
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.snapshot import TaskProgress
from idla.core.task_state import TaskState
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.tasks import TaskDecision
from idla.core.workflow.time_left import TRAININGS, estimate_remaining, fraction_of, told_by

_METRICS = 32


def progress_status(state: GenerationState) -> ProgressStatus | None:
    """Return how far the work is, or None before it began.

    The percentage never falls within a generation. The trainings share their part by expected work: weights times
    epochs, on the same examples.
    """
    before = state.previous.progress
    begun = state.active or any(decision.finished for decision in state.tasks)
    if state.blocker is not None and before is None and not begun:
        return None
    percent = 100 if state.finished and state.blocker is None else min(99, int(100 * done_share(state)))
    if before is not None:
        percent = max(percent, before.percent)
    running = [decision.entry.name for decision in state.active if decision.state is TaskState.RUNNING]
    new = ProgressStatus(
        percent=percent,
        current_task=", ".join(running)[:1024],
        estimated_remaining_seconds=estimate_remaining(state) if running else None,
        last_updated_time=timestamp(state.inputs.now),
        metrics=tuple(_metrics(state))[:_METRICS],
    )
    unchanged = before is not None and before.model_copy(update={"last_updated_time": new.last_updated_time}) == new
    return before if unchanged else new


def done_share(state: GenerationState) -> float:
    """Return the share of the expected work that is done, from 0 to 1."""
    return sum(node.expected_share * _fraction(state, state.decisions[node.name]) for node in state.graph)


def _fraction(state: GenerationState, decision: TaskDecision) -> float:
    if decision.state is TaskState.SUCCEEDED:
        return 1.0
    if decision.state is TaskState.FAILED:  # what goes on without it is as far as if it had succeeded
        return 0.0 if state.blocker is not None else 1.0
    told, passed = told_by(state, decision), fraction_of(state, decision)
    if passed is not None:
        return passed
    if told is None or told.total_steps <= 0 or decision not in state.tasks_with(*TRAININGS):
        return 0.0
    return min(1.0, told.step / told.total_steps)


def _measure_trainings(state: GenerationState) -> Iterator[tuple[TaskDecision, TaskProgress | None]]:
    """Yield every training that has not finished, with what its pod last said of itself."""
    for decision in state.tasks_with(*TRAININGS):
        if not decision.finished:
            yield decision, told_by(state, decision)


def _metrics(state: GenerationState) -> Iterable[MetricStatus]:
    for decision, measured in _measure_trainings(state):
        if measured is None:
            continue
        figures = {
            "trainLoss": measured.train_loss,
            "validationLoss": measured.validation_loss,
            "validationScore": measured.validation_score,
            "examplesPerSecond": measured.examples_per_second,
        }
        for name, value in figures.items():
            if value is not None:
                yield MetricStatus(name=f"{decision.entry.name}/{name}", value=f"{value:.6g}")


def throttle_progress(before: ProgressStatus | None, now: datetime, period: float) -> float:
    """Return the seconds until the next status write that only shows progress; 0 where one may be written now.

    A last one in the future was dated by a clock that has been set back since.
    """
    if before is None:
        return 0.0
    since = (now - parse_timestamp(before.last_updated_time)).total_seconds()
    return 0.0 if since < 0 else max(0.0, period - since)
