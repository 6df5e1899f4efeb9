"""How far the work is, and how long it still takes."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from idla.api.training_workflow_status import MetricStatus, ProgressStatus, TaskStatus
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.planning.graph import StepKind
from idla.core.planning.plan import PUBLISH_SHARE, TRAIN_SHARE
from idla.core.snapshot import TaskProgress
from idla.core.task_state import TaskState
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.tasks import TaskDecision

_METRICS = 32
_TRAININGS = (StepKind.TRAIN, StepKind.SEARCH)
_PUBLISHING = PUBLISH_SHARE / TRAIN_SHARE
"""Expected time of the publication as a share of the trainings'."""


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
    measured = {decision.entry.name: measurement for decision, measurement in _measure_trainings(state)}
    return sum(
        node.expected_share * _fraction(state, state.decisions[node.name], measured.get(node.name))
        for node in state.graph
    )


def _fraction(state: GenerationState, decision: TaskDecision, measured: TaskProgress | None) -> float:
    if decision.state is TaskState.SUCCEEDED:
        return 1.0
    if decision.state is TaskState.FAILED:  # what goes on without it is as far as if it had succeeded
        return 0.0 if state.blocker is not None else 1.0
    if measured is None or measured.total_steps <= 0:
        return 0.0
    return min(1.0, measured.step / measured.total_steps)


def _measure_trainings(state: GenerationState) -> Iterator[tuple[TaskDecision, TaskProgress | None]]:
    """Yield every training that has not finished, with what its pod last said of itself."""
    for decision in state.tasks_with(*_TRAININGS):
        if not decision.finished:
            name = decision.entry.job_name
            yield decision, None if name is None else state.inputs.snapshot.progress.get(name)


def estimate_remaining(state: GenerationState) -> int | None:
    """Return the expected seconds to the end: the longest training's rest, and as much of it as publishing costs."""
    publishing = [task for task in state.tasks_with(StepKind.PUBLISH) if task.state is TaskState.RUNNING]
    if publishing:
        return _remaining_publication(state, publishing[0].entry)
    now = state.inputs.now
    rests: list[float] = []
    totals: list[float] = []
    for decision, measured in _measure_trainings(state):
        began = decision.entry.start_time
        if measured is None or began is None or measured.step <= 0 or measured.total_steps <= 0:
            return None
        elapsed = max(0.0, (measured.updated - parse_timestamp(began)).total_seconds())
        whole = elapsed * measured.total_steps / measured.step
        totals.append(whole)
        rests.append(max(0.0, whole - max(0.0, (now - parse_timestamp(began)).total_seconds())))
    if not rests:
        return None
    return round(max(rests) + _PUBLISHING * max(totals))


def _remaining_publication(state: GenerationState, entry: TaskStatus) -> int | None:
    longest = max((_duration(task.entry) or 0.0 for task in state.tasks_with(*_TRAININGS)), default=0.0)
    if not longest or entry.start_time is None:
        return None
    since = (state.inputs.now - parse_timestamp(entry.start_time)).total_seconds()
    return max(0, round(longest * _PUBLISHING - since))


def _duration(entry: TaskStatus) -> float | None:
    if entry.start_time is None or entry.completion_time is None:
        return None
    return (parse_timestamp(entry.completion_time) - parse_timestamp(entry.start_time)).total_seconds()


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
