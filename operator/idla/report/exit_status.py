"""How a run ended, as one exit code."""

from enum import IntEnum

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.core.conditions import find_condition


class ExitCode(IntEnum):
    """Why the command ended."""

    DONE = 0
    """The artifact is published, or the plan is made where only a plan was asked for."""
    INTERNAL = 1
    """An error of ours."""
    USAGE = 2
    """The command line or the workflow's spec is wrong; nothing was begun."""
    DATA = 3
    """The data cannot be found, read or used."""
    TARGET_MISSED = 4
    """No candidate reached the required minimum; nothing is published."""
    INFEASIBLE = 5
    """No model keeps the constraints, or no variant passed the gate where that was demanded."""
    FAILED = 6
    """A task failed: diverged, out of memory, a store that cannot be written, or an error of the trainer."""
    DEADLINE = 7
    """`activeDeadlineSeconds` ran out."""
    WAITING = 8
    """The work waits for a person: the plan is not approved, or `spec.suspend` is true."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; the same command goes on from what is finished."""


_DATA = (
    WorkflowReason.CLAIM_NOT_FOUND,
    WorkflowReason.DATA_NOT_FOUND,
    WorkflowReason.DATA_UNREACHABLE,
    WorkflowReason.DATA_DIGEST_MISMATCH,
    WorkflowReason.DATA_REFUSED,
    WorkflowReason.DATA_INVALID,
    WorkflowReason.DATA_EMPTY,
    WorkflowReason.SINGLE_CLASS,
    WorkflowReason.NOT_FINITE,
    WorkflowReason.TOO_FEW_EXAMPLES,
)
"""Whatever task it was that met them."""
_BY_REASON = {
    **dict.fromkeys(_DATA, ExitCode.DATA),
    WorkflowReason.MINIMUM_MISSED: ExitCode.TARGET_MISSED,
    WorkflowReason.DEADLINE_EXCEEDED: ExitCode.DEADLINE,
    WorkflowReason.NO_FEASIBLE_MODEL: ExitCode.INFEASIBLE,
    WorkflowReason.GATE_FAILED: ExitCode.INFEASIBLE,
    WorkflowReason.CONSTRAINT_UNMET: ExitCode.INFEASIBLE,
    WorkflowReason.INVALID_SPEC: ExitCode.USAGE,
    WorkflowReason.TEMPLATE_NOT_FOUND: ExitCode.USAGE,
    WorkflowReason.SPEC_INVALID: ExitCode.USAGE,
    WorkflowReason.WAITING_FOR_APPROVAL: ExitCode.WAITING,
    WorkflowReason.SUSPENDED: ExitCode.WAITING,
    WorkflowReason.INTERNAL_ERROR: ExitCode.FAILED,
    WorkflowReason.STORE_UNAVAILABLE: ExitCode.FAILED,
    WorkflowReason.OUT_OF_MEMORY: ExitCode.FAILED,
    WorkflowReason.BACKOFF_LIMIT_EXCEEDED: ExitCode.FAILED,
}


def exit_code_of(status: TrainingWorkflowStatus) -> ExitCode:
    """Return how the command ends; what is still under way was interrupted."""
    summary = find_condition(status.conditions, WorkflowCondition.SUCCEEDED)
    if summary is None:
        return ExitCode.INTERRUPTED
    if summary.status == "True":
        return ExitCode.DONE
    known = {reason.value: code for reason, code in _BY_REASON.items()}
    if summary.reason in known:
        return known[summary.reason]
    return ExitCode.INTERRUPTED if summary.status == "Unknown" else ExitCode.FAILED
