"""How a run ended, as one exit code."""

from idla.api.meta import ConditionStatus
from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.local.errors import ExitCode

_BY_REASON = {
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
    if summary.status == "Unknown":
        return ExitCode.INTERRUPTED
    at_fault = {entry.type for entry in status.conditions if entry.status == "False" and entry.reason == summary.reason}
    return ExitCode.DATA if WorkflowCondition.DATA_READY in at_fault else ExitCode.FAILED
