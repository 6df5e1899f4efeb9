"""How a run ended, as one exit code."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Self

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.core.conditions import TRUE, UNKNOWN, find_condition


class ExitCode(IntEnum):
    """Why the command ended; `meaning` is for its help."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Return a code that says what it means."""
        code = int.__new__(cls, value)
        code._value_, code.meaning = value, meaning
        return code

    DONE = 0, "the artifact is published (or the plan is made, with `approval: PlanOnly`)"
    INTERNAL = 1, "an error of ours"
    USAGE = 2, "the command line, the spec or a template is wrong"
    DATA = 3, "the data cannot be found, read or used"
    TARGET_MISSED = 4, "no candidate reached the required minimum"
    INFEASIBLE = 5, "no model keeps the constraints, or none passed a gate that had to be passed"
    FAILED = 6, "a task failed: diverged, out of memory, no space, an error of the trainer"
    DEADLINE = 7, "`spec.activeDeadlineSeconds` ran out"
    WAITING = 8, "the plan waits for --approve, or `spec.suspend` is true"
    BASELINE = 9, "the artifact is published, but on the test split it is no better than the baseline, such as the mean"
    INTERRUPTED = 130, "Ctrl-C or SIGTERM; the same command goes on"


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
_BY_REASON: Mapping[str, ExitCode] = {
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
}


def exit_code_of(status: TrainingWorkflowStatus) -> ExitCode:
    """Return how the command ends; what is still under way was interrupted."""
    summary = find_condition(status.conditions, WorkflowCondition.SUCCEEDED)
    if summary is None:
        return ExitCode.INTERRUPTED
    if summary.status == TRUE:
        return ExitCode.BASELINE if summary.reason == WorkflowReason.BASELINE_NOT_BEATEN else ExitCode.DONE
    default = ExitCode.INTERRUPTED if summary.status == UNKNOWN else ExitCode.FAILED
    return _BY_REASON.get(summary.reason, default)
