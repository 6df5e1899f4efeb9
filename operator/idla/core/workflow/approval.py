"""Whether a plan may run."""

from enum import StrEnum

from idla.api.reasons import WorkflowCondition
from idla.api.training_workflow import APPROVED_PLAN, Approval
from idla.api.training_workflow_status import PlanStatus, TrainingWorkflowStatus
from idla.core.conditions import TRUE, find_condition
from idla.core.workflow.inputs import ReconcileInput


class ApprovalState(StrEnum):
    """Whether the plan may run."""

    NOT_NEEDED = "NotNeeded"
    PLAN_ONLY = "PlanOnly"
    WAITING = "Waiting"
    STALE = "Stale"
    APPROVED = "Approved"


def read_approval(inputs: ReconcileInput, previous: TrainingWorkflowStatus, plan: PlanStatus) -> ApprovalState:
    """Return whether a plan may run; what was approved once stays approved while the plan is the same."""
    asked = inputs.spec.approval or Approval.AUTO
    if asked is Approval.AUTO:
        return ApprovalState.NOT_NEEDED
    if asked is Approval.PLAN_ONLY:
        return ApprovalState.PLAN_ONLY
    named = (inputs.workflow["metadata"].get("annotations") or {}).get(APPROVED_PLAN)
    if named == plan.hash or _was_approved(previous):
        return ApprovalState.APPROVED
    return ApprovalState.STALE if named else ApprovalState.WAITING


def _was_approved(previous: TrainingWorkflowStatus) -> bool:
    if previous.plan is None:  # the condition speaks of an earlier generation's plan
        return False
    found = find_condition(previous.conditions, WorkflowCondition.APPROVED)
    return found is not None and found.status == TRUE


def explain_approval(approval: ApprovalState) -> str | None:
    """Return why no Job of the plan may be created, or None where one may."""
    reasons = {
        ApprovalState.PLAN_ONLY: "`spec.approval` is PlanOnly: nothing is trained",
        ApprovalState.WAITING: "the plan waits for approval",
        ApprovalState.STALE: "the plan waits for approval",
    }
    return reasons.get(approval)
