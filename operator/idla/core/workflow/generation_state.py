"""Where a generation of a workflow stands: its plan, its tasks, and what holds it up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from idla_contract.result import DataProfile

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import BasisStatus, PlanStatus, TrainingWorkflowStatus
from idla.core.blocker import Blocker
from idla.core.conditions import parse_timestamp
from idla.core.planning.candidates import Choice
from idla.core.task_state import TaskState
from idla.core.workflow.approval import ApprovalState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.model_deployment import Endpoint
from idla.core.workflow.selection import Selected
from idla.core.workflow.tasks import TaskDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationState:
    """Where a generation stands in this reconciliation."""

    inputs: ReconcileInput
    previous: TrainingWorkflowStatus
    """What was decided before for this generation."""
    basis: BasisStatus
    blocker: Blocker | None = None
    profile: TaskDecision
    choice: Choice | None = None
    """The candidates, where they were chosen in this reconciliation."""
    plan: PlanStatus | None = None
    approval: ApprovalState = ApprovalState.NOT_NEEDED
    trainings: Mapping[str, TaskDecision]
    """By template, in the order of the plan; of a search its one task."""
    selected: Selected | None = None
    publish: TaskDecision | None = None
    endpoint: Endpoint | None = None

    @property
    def tasks(self) -> tuple[TaskDecision, ...]:
        """Return every task that is known, in the order of the plan."""
        publish = () if self.publish is None else (self.publish,)
        return (self.profile, *self.trainings.values(), *publish)

    @property
    def active(self) -> tuple[TaskDecision, ...]:
        """Return the tasks whose Job may still start or run pods."""
        return tuple(decision for decision in self.tasks if decision.active)

    @property
    def paused(self) -> bool:
        """Return whether nothing goes on until a person or the cluster acts; the deadline does not count that time."""
        unapproved = self.approval in {ApprovalState.WAITING, ApprovalState.STALE} and not self.active
        return self.inputs.spec.suspend or unapproved or self.blocker is not None

    @property
    def started(self) -> datetime:
        """Return when the generation began, moved by the time in which it was paused."""
        assert self.previous.start_time is not None  # set when the generation was started
        began, old = parse_timestamp(self.previous.start_time), self.inputs.old
        since = _paused_since(old) if self.basis == old.basis else None
        if since is None or self.paused or self.finished:
            return began
        return began + max(timedelta(0), self.inputs.now - since)

    @property
    def data(self) -> DataProfile | None:
        """Return the profile of the data, once it is known."""
        return None if self.profile.result is None else self.profile.result.profile

    @property
    def published(self) -> bool:
        """Return whether this generation's artifact is published."""
        return self.publish is not None and self.publish.state is TaskState.SUCCEEDED

    @property
    def plan_shown(self) -> bool:
        """Return whether the plan is all that was asked for, and is made."""
        asked = self.approval is ApprovalState.PLAN_ONLY and self.plan is not None
        return asked and not self.published and not self.active

    @property
    def served(self) -> bool:
        """Return whether the artifact is published and, where that is wanted, served."""
        return self.published and (self.endpoint is None or self.endpoint.ready)

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to do for this generation."""
        if self.blocker is not None:
            return self.blocker.final
        return self.plan_shown or self.served

    @property
    def suspended(self) -> bool:
        """Return whether the spec suspends what is not finished."""
        return self.inputs.spec.suspend and not self.finished


def _paused_since(old: TrainingWorkflowStatus) -> datetime | None:
    """Return since when nothing was worked on, as the last status says."""
    if old.completion_time is not None:
        return parse_timestamp(old.completion_time)
    found = {entry.type: entry for entry in old.conditions}
    summary = found.get(WorkflowCondition.SUCCEEDED)
    unapproved = summary is not None and summary.reason == WorkflowReason.WAITING_FOR_APPROVAL
    kinds = [
        WorkflowCondition.SUSPENDED,
        WorkflowCondition.STALLED,
        *([WorkflowCondition.APPROVED] if unapproved else []),
    ]
    moments = [parse_timestamp(found[kind].last_transition_time) for kind in kinds if kind in found]
    return min(moments, default=None)
