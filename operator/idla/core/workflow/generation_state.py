"""Where a generation of a workflow stands: its tasks, how far it has come, and what holds it up."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from idla_contract.result import DataProfile

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import BasisStatus, TrainingWorkflowStatus
from idla.core.blocker import Blocker
from idla.core.conditions import parse_timestamp
from idla.core.planning.graph import StepKind, TaskNode
from idla.core.workflow.approval import ApprovalState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.stages import Planned, Published, Stage
from idla.core.workflow.tasks import TaskDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What a generation goes on from."""

    previous: TrainingWorkflowStatus
    """What was decided before for this generation."""
    basis: BasisStatus
    """What its tasks rest on."""
    began: datetime
    """When it was started."""
    graph: tuple[TaskNode, ...]
    """Its tasks as far as they were planned, in topological order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationState:
    """Where a generation stands in this reconciliation."""

    inputs: ReconcileInput
    generation: Generation
    stage: Stage
    graph: tuple[TaskNode, ...]
    """The tasks that are known, in topological order."""
    decisions: Mapping[str, TaskDecision] = field(default_factory=dict)
    """By task."""
    blocker: Blocker | None = None

    @property
    def previous(self) -> TrainingWorkflowStatus:
        """Return what was decided before for this generation."""
        return self.generation.previous

    @property
    def tasks(self) -> tuple[TaskDecision, ...]:
        """Return what was decided about every task, in the order of the graph."""
        return tuple(self.decisions[node.name] for node in self.graph if node.name in self.decisions)

    def with_task(self, decision: TaskDecision) -> "GenerationState":
        """Return the state in which this is decided too."""
        return replace(self, decisions={**self.decisions, decision.entry.name: decision})

    def tasks_with(self, *steps: StepKind) -> tuple[TaskDecision, ...]:
        """Return the tasks that take one of these steps, in the order of the graph."""
        names = [node.name for node in self.graph if set(steps) & set(node.steps)]
        return tuple(self.decisions[name] for name in names if name in self.decisions)

    @property
    def active(self) -> tuple[TaskDecision, ...]:
        """Return the tasks whose Job may still start or run pods."""
        return tuple(decision for decision in self.tasks if decision.active)

    @property
    def paused(self) -> bool:
        """Return whether nothing goes on until a person or the cluster acts; the deadline does not count that time."""
        return self.inputs.spec.suspend or self.unapproved or self.blocker is not None

    @property
    def unapproved(self) -> bool:
        """Return whether the plan waits for an approval and nothing runs."""
        waits = isinstance(self.stage, Planned) and self.stage.approval in {ApprovalState.WAITING, ApprovalState.STALE}
        return waits and not self.active

    @property
    def started(self) -> datetime:
        """Return when the generation began, moved by the time in which it was paused."""
        began, old = self.generation.began, self.inputs.old
        since = _paused_since(old) if self.generation.basis == old.basis else None
        if since is None or self.paused or self.finished:
            return began
        return began + max(timedelta(0), self.inputs.now - since)

    @property
    def data(self) -> DataProfile | None:
        """Return the profile of the data, once it is known."""
        results = [decision.result for decision in self.tasks_with(StepKind.PROFILE) if decision.result is not None]
        return results[0].profile if results else None

    @property
    def plan_shown(self) -> bool:
        """Return whether the plan is all that was asked for, and is made."""
        stage = self.stage
        asked = isinstance(stage, Planned) and stage.approval is ApprovalState.PLAN_ONLY
        return asked and not isinstance(stage, Published) and not self.active

    @property
    def served(self) -> bool:
        """Return whether the artifact is published and, where that is wanted, served."""
        stage = self.stage
        return isinstance(stage, Published) and (stage.endpoint is None or stage.endpoint.ready)

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
