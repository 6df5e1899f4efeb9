"""What to do for a TrainingWorkflow."""

from datetime import datetime

from idla.core.reconciliation import Manifest, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import WorkflowSnapshot


def reconcile_workflow(
    workflow: Manifest, snapshot: WorkflowSnapshot, *, now: datetime, settings: Settings
) -> Reconciliation:
    """Return the next step of a TrainingWorkflow."""
    raise NotImplementedError
