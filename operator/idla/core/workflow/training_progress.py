"""How far the work is, and how long it still takes."""

from collections.abc import Iterable
from datetime import datetime

from idla_contract.task import Training

from idla.api.training_workflow_status import MetricStatus, ProgressStatus, TaskStatus
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.planning.plan import SEARCH
from idla.core.snapshot import TaskProgress
from idla.core.task_state import TaskState
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.tasks import TaskDecision

PROFILE_SHARE, TRAIN_SHARE, PUBLISH_SHARE = 0.05, 0.80, 0.13
"""Expected shares of the work; what is left to 1 is the roll-out."""
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
        estimated_remaining_seconds=_remaining(state) if running else None,
        last_updated_time=timestamp(state.inputs.now),
        metrics=tuple(_metrics(state))[:_METRICS],
    )
    if before is not None and unchanged(before, new):
        return before
    return new


def unchanged(one: ProgressStatus, other: ProgressStatus) -> bool:
    """Return whether two measurements say the same, whenever they were taken."""
    return one.model_copy(update={"last_updated_time": other.last_updated_time}) == other


def done_share(state: GenerationState) -> float:
    """Return the share of the expected work that is done, from 0 to 1."""
    share = PROFILE_SHARE if state.profile.state is TaskState.SUCCEEDED else 0.0
    if state.plan is not None:
        work = {entry.template: _expected_work(entry.parameters, entry.training) for entry in state.plan.candidates}
        if state.plan.search is not None:
            work = {SEARCH: 1}
        total = sum(work.values())
        done = sum(work[name] * _fraction(state, decision) for name, decision in state.trainings.items())
        share += TRAIN_SHARE * done / total
    if state.published:
        share += PUBLISH_SHARE
    return share


def _expected_work(parameters: int, training: str) -> int:
    return max(1, parameters) * Training.model_validate_json(training).max_epochs


def _fraction(state: GenerationState, decision: TaskDecision) -> float:
    if decision.finished:
        return 1.0
    measured = _find_measurement(state, decision)
    if measured is None or measured.total_steps <= 0:
        return 0.0
    return min(1.0, measured.step / measured.total_steps)


def _find_measurement(state: GenerationState, decision: TaskDecision) -> TaskProgress | None:
    name = decision.entry.job_name
    return None if name is None else state.inputs.snapshot.progress.get(name)


def _remaining(state: GenerationState) -> int | None:
    """Return the expected seconds to the end: the longest training's rest, and as much of it as publishing costs."""
    now, ratio = state.inputs.now, PUBLISH_SHARE / TRAIN_SHARE
    if state.publish is not None and state.publish.state is TaskState.RUNNING:
        longest = max((_duration(decision.entry) or 0.0 for decision in state.trainings.values()), default=0.0)
        began = state.publish.entry.start_time
        if not longest or began is None:
            return None
        return max(0, round(longest * ratio - (now - parse_timestamp(began)).total_seconds()))
    rests: list[float] = []
    totals: list[float] = []
    for decision in state.trainings.values():
        if decision.finished:
            continue
        measured, began = _find_measurement(state, decision), decision.entry.start_time
        if measured is None or began is None or measured.step <= 0 or measured.total_steps <= 0:
            return None
        elapsed = max(0.0, (measured.updated - parse_timestamp(began)).total_seconds())
        whole = elapsed * measured.total_steps / measured.step
        totals.append(whole)
        rests.append(max(0.0, whole - max(0.0, (now - parse_timestamp(began)).total_seconds())))
    if not rests:
        return None
    return round(max(rests) + ratio * max(totals))


def _duration(entry: TaskStatus) -> float | None:
    if entry.start_time is None or entry.completion_time is None:
        return None
    return (parse_timestamp(entry.completion_time) - parse_timestamp(entry.start_time)).total_seconds()


def _metrics(state: GenerationState) -> Iterable[MetricStatus]:
    for decision in state.trainings.values():
        measured = _find_measurement(state, decision)
        if measured is None or decision.finished:
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
