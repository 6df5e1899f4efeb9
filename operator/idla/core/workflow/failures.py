"""Which condition a failed task makes False, and why."""

from collections.abc import Mapping

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.core.blocker import Blocker
from idla.core.conditions import shorten
from idla.core.task_state import TaskState
from idla.core.workflow.tasks import TaskDecision


def known_reason(text: str | None) -> WorkflowReason:
    """Return a task's reason; one that only another version of the operator knows reads as TaskFailed."""
    try:
        return WorkflowReason(text or WorkflowReason.TASK_FAILED)
    except ValueError:
        return WorkflowReason.TASK_FAILED


def explain_failed_profile(decision: TaskDecision) -> Blocker | None:
    """Return the failure of the task that looks at the data, or None where it has not failed."""
    if decision.state is not TaskState.FAILED:
        return None
    return Blocker(
        condition=WorkflowCondition.DATA_READY,
        reason=known_reason(decision.entry.reason),
        message=decision.entry.message,
        final=True,
    )


def explain_failed_trainings(trainings: Mapping[str, TaskDecision]) -> Blocker:
    """Return the failure of all candidates: the reason that they share, or that they failed for different ones."""
    reasons = {decision.entry.reason for decision in trainings.values()}
    shared = next(iter(reasons)) if len(reasons) == 1 else None
    each = "; ".join(
        f"{name}: {decision.entry.reason}, {decision.entry.message}" for name, decision in trainings.items()
    )
    return Blocker(
        condition=WorkflowCondition.TRAINED,
        reason=WorkflowReason.CANDIDATES_FAILED if shared is None else known_reason(shared),
        message=shorten(f"every candidate failed: {each}"),
        final=True,
    )


def explain_failed_selection(decision: TaskDecision) -> Blocker:
    """Return the failure of the task that compares the trained candidates."""
    return Blocker(
        condition=WorkflowCondition.TRAINED,
        reason=known_reason(decision.entry.reason),
        message=shorten(f"the trained candidates could not be compared: {decision.entry.message}"),
        final=True,
    )


def explain_missing_comparison(name: str) -> Blocker:
    """Return that a task which compares the trained candidates succeeded and does not tell what came of it."""
    return Blocker(
        condition=WorkflowCondition.TRAINED,
        reason=WorkflowReason.RESULT_MISSING,
        message=f"task {name} succeeded without a comparison of what was trained; is its image the trainer's?",
        final=True,
    )


def explain_failed_publication(decision: TaskDecision) -> Blocker:
    """Return the failure of the task that compresses, evaluates, verifies and publishes."""
    reason = known_reason(decision.entry.reason)
    at_the_end = reason is WorkflowReason.VERIFICATION_FAILED
    return Blocker(
        condition=WorkflowCondition.EVALUATED if at_the_end else WorkflowCondition.COMPRESSED,
        reason=reason,
        message=decision.entry.message,
        final=True,
    )
