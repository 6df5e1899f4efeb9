"""`spec.activeDeadlineSeconds`: what stops what runs once it has passed."""

from dataclasses import replace
from datetime import timedelta

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.core.inputs import Blocker
from idla.core.task_state import TaskState
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.tasks import TaskDecision


def with_deadline(state: GenerationState) -> GenerationState:
    """Stop what runs once the deadline has passed; waiting for a person and holding back cost nothing of it."""
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
        profile=_stopped(state.profile),
        trainings={name: _stopped(decision) for name, decision in state.trainings.items()},
        publish=None if state.publish is None else _stopped(state.publish),
    )


def seconds_to_deadline(state: GenerationState) -> float | None:
    """Return the seconds that are left, or None where nothing counts them down."""
    seconds = state.inputs.spec.active_deadline_seconds
    if seconds is None or state.paused or state.finished:
        return None
    return (state.started + timedelta(seconds=seconds) - state.inputs.now).total_seconds()


def _stopped(decision: TaskDecision) -> TaskDecision:
    if decision.finished or decision.entry.job_name is None:
        return replace(decision, active=False, apply=(), delete=())
    entry = decision.entry.model_copy(
        update={"state": TaskState.PENDING, "reason": None, "message": "stopped by the deadline", "job_name": None}
    )
    return TaskDecision(entry=entry)
