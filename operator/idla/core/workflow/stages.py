"""How far a generation has come; each later stage knows all that the earlier ones decided."""

from dataclasses import dataclass

from idla_contract.result import TaskResult

from idla.api.training_workflow_status import ArtifactStatus, PlanStatus, TaskStatus
from idla.core.planning.candidates import Choice
from idla.core.workflow.approval import ApprovalState
from idla.core.workflow.model_deployment import Endpoint
from idla.core.workflow.selection import Selected


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Nothing is planned: the data are not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(Stage):
    """The plan is made."""

    plan: PlanStatus
    choice: Choice | None
    """The candidates, where they were chosen in this reconciliation."""
    approval: ApprovalState


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided(Planned):
    """The trainings have ended; a pod compares what they made."""

    trained: tuple[TaskStatus, ...]
    """The tasks that made a network, in the order of the candidates; one or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained(Planned):
    """The trainings have ended, and a model is selected."""

    selected: Selected
    training: TaskStatus
    """Of the task that trained it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(Trained):
    """The artifact is published."""

    result: TaskResult
    """Of the task that published it."""
    artifact: ArtifactStatus
    endpoint: Endpoint | None = None
    """How it is served; None where that is not wanted."""
