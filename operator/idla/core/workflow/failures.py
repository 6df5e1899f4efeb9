"""Which condition a failed task makes False, and why."""

from collections.abc import Mapping

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.core.conditions import shortened
from idla.core.situation import Obstacle
from idla.core.workflow.tasks import TaskView


def known_reason(text: str | None) -> WorkflowReason:
    """Return a task's reason; one that only another version of the operator knows reads as TaskFailed."""
    try:
        return WorkflowReason(text or WorkflowReason.TASK_FAILED)
    except ValueError:
        return WorkflowReason.TASK_FAILED


def trainings_failure(trainings: Mapping[str, TaskView]) -> Obstacle:
    """Return the failure of all candidates: the reason that they share, or that they failed for different ones."""
    reasons = {view.entry.reason for view in trainings.values()}
    shared = next(iter(reasons)) if len(reasons) == 1 else None
    each = "; ".join(f"{name}: {view.entry.reason}, {view.entry.message}" for name, view in trainings.items())
    return Obstacle(
        condition=WorkflowCondition.TRAINED,
        reason=WorkflowReason.CANDIDATES_FAILED if shared is None else known_reason(shared),
        message=shortened(f"every candidate failed: {each}"),
        final=True,
    )


def publish_failure(view: TaskView) -> Obstacle:
    """Return the failure of the task that compresses, evaluates, verifies and publishes."""
    reason = known_reason(view.entry.reason)
    at_the_end = reason is WorkflowReason.VERIFICATION_FAILED
    return Obstacle(
        condition=WorkflowCondition.EVALUATED if at_the_end else WorkflowCondition.COMPRESSED,
        reason=reason,
        message=view.entry.message,
        final=True,
    )
