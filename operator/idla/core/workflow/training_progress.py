"""How far the work is, and how long it still takes."""

from collections.abc import Iterable
from datetime import datetime

from idla_contract.task import Training

from idla.api.training_workflow_status import MetricStatus, ProgressStatus, TaskStatus
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.planning.plan import SEARCH
from idla.core.snapshot import TaskProgress
from idla.core.task_state import TaskState
from idla.core.workflow.generation import Facts
from idla.core.workflow.tasks import TaskView

PROFILE_SHARE, TRAIN_SHARE, PUBLISH_SHARE = 0.05, 0.80, 0.13
"""Expected shares of the work; what is left to 1 is the roll-out."""
_METRICS = 32


def progress_status(facts: Facts) -> ProgressStatus | None:
    """Return how far the work is, or None before it began.

    The percentage never falls within a generation. The trainings share their part by expected work: weights times
    epochs, on the same examples.
    """
    before = facts.remembered.progress
    begun = facts.active or any(view.ended for view in facts.tasks)
    if facts.obstacle is not None and before is None and not begun:
        return None
    percent = 100 if facts.ended and facts.obstacle is None else min(99, int(100 * done_share(facts)))
    if before is not None:
        percent = max(percent, before.percent)
    running = [view.entry.name for view in facts.active if view.state is TaskState.RUNNING]
    new = ProgressStatus(
        percent=percent,
        current_task=", ".join(running)[:1024],
        estimated_remaining_seconds=_remaining(facts) if running else None,
        last_updated_time=timestamp(facts.situation.now),
        metrics=tuple(_metrics(facts))[:_METRICS],
    )
    if before is not None and unchanged(before, new):
        return before
    return new


def unchanged(one: ProgressStatus, other: ProgressStatus) -> bool:
    """Return whether two measurements say the same, whenever they were taken."""
    return one.model_copy(update={"last_updated_time": other.last_updated_time}) == other


def done_share(facts: Facts) -> float:
    """Return the share of the expected work that is done, from 0 to 1."""
    share = PROFILE_SHARE if facts.profile.state is TaskState.SUCCEEDED else 0.0
    if facts.plan is not None:
        work = {entry.template: _expected_work(entry.parameters, entry.training) for entry in facts.plan.candidates}
        if facts.plan.search is not None:
            work = {SEARCH: 1}
        total = sum(work.values())
        done = sum(work[name] * _fraction(facts, view) for name, view in facts.trainings.items())
        share += TRAIN_SHARE * done / total
    if facts.published:
        share += PUBLISH_SHARE
    return share


def _expected_work(parameters: int, training: str) -> int:
    return max(1, parameters) * Training.model_validate_json(training).max_epochs


def _fraction(facts: Facts, view: TaskView) -> float:
    if view.ended:
        return 1.0
    measured = _measured(facts, view)
    if measured is None or measured.total_steps <= 0:
        return 0.0
    return min(1.0, measured.step / measured.total_steps)


def _measured(facts: Facts, view: TaskView) -> TaskProgress | None:
    name = view.entry.job_name
    return None if name is None else facts.situation.snapshot.progress.get(name)


def _remaining(facts: Facts) -> int | None:
    """Return the expected seconds to the end: the longest training's rest, and as much of it as publishing costs."""
    now, ratio = facts.situation.now, PUBLISH_SHARE / TRAIN_SHARE
    if facts.publish is not None and facts.publish.state is TaskState.RUNNING:
        longest = max((_duration(view.entry) or 0.0 for view in facts.trainings.values()), default=0.0)
        began = facts.publish.entry.start_time
        if not longest or began is None:
            return None
        return max(0, round(longest * ratio - (now - parse_timestamp(began)).total_seconds()))
    rests: list[float] = []
    totals: list[float] = []
    for view in facts.trainings.values():
        if view.ended:
            continue
        measured, began = _measured(facts, view), view.entry.start_time
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


def _metrics(facts: Facts) -> Iterable[MetricStatus]:
    for view in facts.trainings.values():
        measured = _measured(facts, view)
        if measured is None or view.ended:
            continue
        figures = {
            "trainLoss": measured.train_loss,
            "validationLoss": measured.validation_loss,
            "validationScore": measured.validation_score,
            "examplesPerSecond": measured.examples_per_second,
        }
        for name, value in figures.items():
            if value is not None:
                yield MetricStatus(name=f"{view.entry.name}/{name}", value=f"{value:.6g}")


def due(before: ProgressStatus | None, now: datetime, period: float) -> float:
    """Return the seconds until the next status write that only shows progress; 0 where one may be written now.

    A last one in the future was dated by a clock that has been set back since.
    """
    if before is None:
        return 0.0
    since = (now - parse_timestamp(before.last_updated_time)).total_seconds()
    return 0.0 if since < 0 else max(0.0, period - since)
