"""The story that `kubectl describe` tells: events from what changed between two statuses, so that nothing repeats."""

from collections.abc import Iterator

from idla.api.meta import ConditionStatus
from idla.api.reasons import DecisionName, EventReason, WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import TaskStatus, TrainingWorkflowStatus
from idla.core.reconciliation import Event, EventType
from idla.core.task_state import TaskState


def events_between(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> tuple[Event, ...]:
    """Return what happened, in the order of the work."""
    return (*_generation(old, new), *_tasks(old, new), *_plan(old, new), *_results(old, new), *_conditions(old, new))


def _generation(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    if 0 <= old.observed_generation < new.observed_generation and old.basis != new.basis:
        yield _normal(EventReason.GENERATION_STARTED, f"generation {new.observed_generation} is started")
    queued = _find_queued(new)
    if queued is not None and _find_queued(old) is None:
        yield _normal(EventReason.GENERATION_QUEUED, queued.message)


def _plan(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    if new.plan is not None and (old.plan is None or old.plan.hash != new.plan.hash):
        chosen = next((entry for entry in new.decisions if entry.name == DecisionName.CANDIDATES), None)
        yield _normal(EventReason.PLANNED, f"plan {new.plan.hash}" + (f": {chosen.message}" if chosen else ""))


def _tasks(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    before = {(entry.name, entry.content_hash): entry for entry in old.tasks}
    for entry in new.tasks:
        earlier = before.get((entry.name, entry.content_hash))
        if earlier is None or (earlier.state, earlier.cached) != (entry.state, entry.cached):
            yield from _task(entry)


def _task(entry: TaskStatus) -> Iterator[Event]:
    match entry.state:
        case TaskState.RUNNING:
            yield _normal(EventReason.TASK_STARTED, f"task {entry.name} runs in Job {entry.job_name}")
        case TaskState.SUCCEEDED if entry.cached:
            yield _normal(EventReason.TASK_REUSED, f"task {entry.name}: {entry.message}")
        case TaskState.SUCCEEDED:
            yield _normal(EventReason.TASK_SUCCEEDED, f"task {entry.name} is done")
        case TaskState.FAILED:
            yield _warning(EventReason.TASK_FAILED, f"task {entry.name}: {entry.reason}, {entry.message}")
        case _:
            return


def _results(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    chosen, before = _selection(new), _selection(old)
    if chosen is not None and chosen != before:
        yield _normal(EventReason.MODEL_SELECTED, chosen)
    if new.artifact is not None and (old.artifact is None or old.artifact.digest != new.artifact.digest):
        yield _normal(EventReason.ARTIFACT_PUBLISHED, f"{new.artifact.uri} ({new.artifact.digest})")


def _selection(status: TrainingWorkflowStatus) -> str | None:
    entry = next((entry for entry in status.decisions if entry.name == DecisionName.MODEL_SELECTION), None)
    return None if entry is None else f"{entry.choice}: {entry.message}"


def _conditions(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    yield from _approval_events(old, new)
    summary, before = _find(new, WorkflowCondition.SUCCEEDED), _find(old, WorkflowCondition.SUCCEEDED)
    if summary is not None and summary.status != "Unknown":
        if before is None or (before.status, before.reason) != (summary.status, summary.reason):
            kind = EventType.NORMAL if summary.status == "True" else EventType.WARNING
            yield Event(type=kind, reason=summary.reason, message=summary.message)
    elif summary is not None and before is not None and before.status == "False":
        yield _normal(EventReason.RECOVERED, f"{before.reason} no longer stops the work")
    tested, earlier = _find(new, WorkflowCondition.EVALUATED), _find(old, WorkflowCondition.EVALUATED)
    noted = {WorkflowReason.TARGET_MISSED_ON_TEST, WorkflowReason.BASELINE_NOT_BEATEN}
    if tested is not None and tested.reason in noted and (earlier is None or earlier.reason != tested.reason):
        yield Event(type=EventType.WARNING, reason=tested.reason, message=tested.message)


def _approval_events(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    approval, before = _find(new, WorkflowCondition.APPROVED), _find(old, WorkflowCondition.APPROVED)
    if approval is not None and (before is None or before.reason != approval.reason):
        if approval.reason == WorkflowReason.APPROVED:
            yield _normal(EventReason.APPROVED, approval.message)
        elif approval.reason in {WorkflowReason.WAITING_FOR_APPROVAL, WorkflowReason.STALE}:
            yield _normal(EventReason.WAITING_FOR_APPROVAL, approval.message)
    suspended, was = _find(new, WorkflowCondition.SUSPENDED), _find(old, WorkflowCondition.SUSPENDED)
    if suspended is not None and was is None:
        yield _normal(EventReason.SUSPENDED, suspended.message)
    if suspended is None and was is not None and new.completion_time is None:
        yield _normal(EventReason.RESUMED, "work goes on")


def _find(status: TrainingWorkflowStatus, kind: WorkflowCondition) -> ConditionStatus | None:
    return next((entry for entry in status.conditions if entry.type == kind), None)


def _find_queued(status: TrainingWorkflowStatus) -> ConditionStatus | None:
    entry = _find(status, WorkflowCondition.RECONCILING)
    return entry if entry is not None and entry.reason == WorkflowReason.GENERATION_QUEUED else None


def _normal(reason: str, message: str) -> Event:
    return Event(type=EventType.NORMAL, reason=reason, message=message)


def _warning(reason: str, message: str) -> Event:
    return Event(type=EventType.WARNING, reason=reason, message=message)
