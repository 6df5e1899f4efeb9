"""What one decision stands on: the workflow, what it asks for, what was decided before, and the world."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow import KIND, TrainingWorkflowSpec
from idla.api.training_workflow_status import ArtifactStatus, TrainingWorkflowStatus
from idla.builders.identity import Owner
from idla.core.reconciliation import Manifest
from idla.core.settings import Settings
from idla.core.snapshot import WorkflowSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileInput:
    """Everything that is given in one reconciliation."""

    workflow: Manifest
    owner: Owner
    generation: int
    spec: TrainingWorkflowSpec
    old: TrainingWorkflowStatus
    """The status as it was observed."""
    snapshot: WorkflowSnapshot
    now: datetime
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """Why the work does not go on."""

    condition: WorkflowCondition
    """The condition that is False for it, beside `Succeeded`."""
    reason: WorkflowReason
    message: str
    final: bool
    """Whether the generation has ended with it; otherwise it goes away when the world changes."""


def owner_of(workflow: Manifest, kind: str = KIND) -> Owner:
    """Return the resource as the owner of its children."""
    metadata = workflow["metadata"]
    return Owner(kind=kind, name=metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"])


def read_status(workflow: Manifest) -> TrainingWorkflowStatus:
    """Return the status as a type.

    A status that another version wrote in a shape that is not understood counts as none, but for its artifact:
    that one is what a ModelDeployment serves.
    """
    raw = workflow.get("status") or {}
    try:
        return TrainingWorkflowStatus.model_validate(raw)
    except ValidationError:
        return TrainingWorkflowStatus(artifact=_artifact(raw))


def _artifact(raw: Manifest) -> ArtifactStatus | None:
    try:
        return ArtifactStatus.model_validate(raw.get("artifact"))
    except ValidationError:
        return None
