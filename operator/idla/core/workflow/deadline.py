"""`spec.activeDeadlineSeconds`: what runs is stopped once it has passed."""

from dataclasses import replace
from datetime import timedelta

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.core.blocker import Blocker
from idla.core.task_state import TaskState
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.tasks import TaskDecision


def with_deadline(state: GenerationState) -> GenerationState:
    """Stop what runs once the deadline has passed; time in which it was paused does not count."""
    left = seconds_to_deadline(state)
    if left is None or left > 0:
        return state
    seconds = state.inputs.spec.active_deadline_seconds
    blocker = Blocker(
        condition=WorkflowCondition.SUCCEEDED,
        reason=WorkflowReason.DEADLINE_EXCEEDED,
        message=f"the work was stopped {seconds} seconds after it began; raise `spec.activeDeadlineSeconds` to go on",
        final=True,
    )
    return replace(
        state,
        blocker=blocker,
        decisions={name: _stop(decision) for name, decision in state.decisions.items()},
    )


def seconds_to_deadline(state: GenerationState) -> float | None:
    """Return the seconds that are left, or None where nothing counts them down."""
    seconds = state.inputs.spec.active_deadline_seconds
    if seconds is None or state.paused or state.finished:
        return None
    return (state.started + timedelta(seconds=seconds) - state.inputs.now).total_seconds()


def _stop(decision: TaskDecision) -> TaskDecision:
    if decision.finished or decision.entry.job_name is None:
        return replace(decision, active=False, apply=(), delete=())
    entry = decision.entry.model_copy(
        update={"state": TaskState.PENDING, "reason": None, "message": "stopped by the deadline", "job_name": None}
    )
    return TaskDecision(entry=entry)
