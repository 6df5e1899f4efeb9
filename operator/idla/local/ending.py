"""How a run ended, as one exit code."""

from idla.api.meta import ConditionStatus
from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.local.errors import ExitCode

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


def summary_of(status: TrainingWorkflowStatus) -> ConditionStatus | None:
    """Return the condition `Succeeded`, or None before anything was decided."""
    return next((entry for entry in status.conditions if entry.type == WorkflowCondition.SUCCEEDED), None)


def exit_code_of(status: TrainingWorkflowStatus) -> ExitCode:
    """Return how the command ends; what is still under way was interrupted."""
    summary = summary_of(status)
    if summary is None:
        return ExitCode.INTERRUPTED
    if summary.status == "True":
        return ExitCode.DONE
    known = {reason.value: code for reason, code in _BY_REASON.items()}
    if summary.reason in known:
        return known[summary.reason]
    return ExitCode.INTERRUPTED if summary.status == "Unknown" else ExitCode.FAILED
