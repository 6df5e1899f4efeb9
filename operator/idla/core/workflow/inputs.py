"""What one decision stands on: the workflow, what it asks for, what was decided before, and the world."""

from dataclasses import dataclass
from datetime import datetime

from idla.api.training_workflow import TrainingWorkflowSpec
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.builders.identity import Owner
from idla.core.planning.requirements import Requirements
from idla.core.reconciliation import Manifest
from idla.core.settings import Settings
from idla.core.snapshot import WorkflowSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileInput:
    """Everything that is given in one reconciliation."""

    workflow: Manifest
    owner: Owner
    generation: int
    requirements: Requirements
    old: TrainingWorkflowStatus
    """The status as it was observed."""
    snapshot: WorkflowSnapshot
    now: datetime
    settings: Settings

    @property
    def spec(self) -> TrainingWorkflowSpec:
        """Return the spec that the requirements were resolved from."""
        return self.requirements.spec
