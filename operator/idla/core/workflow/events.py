"""The events of `kubectl describe`: what changed between two statuses, so that nothing repeats."""

from collections.abc import Iterator

from idla.api.meta import ConditionStatus
from idla.api.reasons import DecisionName, EventReason, WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import TaskStatus, TrainingWorkflowStatus
from idla.core.conditions import FALSE, TRUE, UNKNOWN, find_condition
from idla.core.reconciliation import Event, normal_event, warning_event
from idla.core.task_state import TaskState


def events_between(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> tuple[Event, ...]:
    """Return what happened, in the order of the work."""
    return (*_generation(old, new), *_tasks(old, new), *_plan(old, new), *_results(old, new), *_conditions(old, new))


def _generation(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    if 0 <= old.observed_generation < new.observed_generation and old.basis != new.basis:
        yield normal_event(EventReason.GENERATION_STARTED, f"generation {new.observed_generation} is started")
    queued = _find_queued(new)
    if queued is not None and _find_queued(old) is None:
        yield normal_event(EventReason.GENERATION_QUEUED, queued.message)


def _plan(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    if new.plan is not None and (old.plan is None or old.plan.hash != new.plan.hash):
        chosen = new.decision(DecisionName.CANDIDATES)
        yield normal_event(EventReason.PLANNED, f"plan {new.plan.hash}" + (f": {chosen.message}" if chosen else ""))


def _tasks(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    before = {(entry.name, entry.content_hash): entry for entry in old.tasks}
    for entry in new.tasks:
        earlier = before.get((entry.name, entry.content_hash))
        if earlier is None or (earlier.state, earlier.cached) != (entry.state, entry.cached):
            yield from _task(entry)


def _task(entry: TaskStatus) -> Iterator[Event]:
    match entry.state:
        case TaskState.RUNNING:
            yield normal_event(EventReason.TASK_STARTED, f"task {entry.name} runs in Job {entry.job_name}")
        case TaskState.SUCCEEDED if entry.cached:
            yield normal_event(EventReason.TASK_REUSED, f"task {entry.name}: {entry.message}")
        case TaskState.SUCCEEDED:
            yield normal_event(EventReason.TASK_SUCCEEDED, f"task {entry.name} is done")
        case TaskState.FAILED:
            yield warning_event(EventReason.TASK_FAILED, f"task {entry.name}: {entry.reason}, {entry.message}")
        case _:
            return


def _results(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    chosen, before = _selection(new), _selection(old)
    if chosen is not None and chosen != before:
        yield normal_event(EventReason.MODEL_SELECTED, chosen)
    if new.artifact is not None and (old.artifact is None or old.artifact.digest != new.artifact.digest):
        yield normal_event(EventReason.ARTIFACT_PUBLISHED, f"{new.artifact.uri} ({new.artifact.digest})")


def _selection(status: TrainingWorkflowStatus) -> str | None:
    entry = status.decision(DecisionName.MODEL_SELECTION)
    return None if entry is None else f"{entry.choice}: {entry.message}"


def _conditions(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    yield from _approval_events(old, new)
    summary, before = (find_condition(status.conditions, WorkflowCondition.SUCCEEDED) for status in (new, old))
    if summary is not None and summary.status != UNKNOWN:
        if before is None or (before.status, before.reason) != (summary.status, summary.reason):
            build = normal_event if summary.status == TRUE else warning_event
            yield build(summary.reason, summary.message)
    elif summary is not None and before is not None and before.status == FALSE:
        yield normal_event(EventReason.RECOVERED, f"{before.reason} no longer stops the work")
    tested, earlier = (find_condition(status.conditions, WorkflowCondition.EVALUATED) for status in (new, old))
    noted = {WorkflowReason.TARGET_MISSED_ON_TEST, WorkflowReason.BASELINE_NOT_BEATEN}
    if tested is not None and tested.reason in noted and (earlier is None or earlier.reason != tested.reason):
        yield warning_event(tested.reason, tested.message)


def _approval_events(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[Event]:
    approval, before = (find_condition(status.conditions, WorkflowCondition.APPROVED) for status in (new, old))
    if approval is not None and (before is None or before.reason != approval.reason):
        if approval.reason == WorkflowReason.APPROVED:
            yield normal_event(EventReason.APPROVED, approval.message)
        elif approval.reason in {WorkflowReason.WAITING_FOR_APPROVAL, WorkflowReason.STALE}:
            yield normal_event(EventReason.WAITING_FOR_APPROVAL, approval.message)
    suspended, was = (find_condition(status.conditions, WorkflowCondition.SUSPENDED) for status in (new, old))
    if suspended is not None and was is None:
        yield normal_event(EventReason.SUSPENDED, suspended.message)
    if suspended is None and was is not None and new.completion_time is None:
        yield normal_event(EventReason.RESUMED, "work goes on")


def _find_queued(status: TrainingWorkflowStatus) -> ConditionStatus | None:
    entry = find_condition(status.conditions, WorkflowCondition.RECONCILING)
    return entry if entry is not None and entry.reason == WorkflowReason.GENERATION_QUEUED else None
