"""What to do for a ModelDeployment."""

from datetime import datetime

from idla.core.reconciliation import Manifest, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import DeploymentSnapshot


def reconcile_deployment(
    deployment: Manifest, snapshot: DeploymentSnapshot, *, now: datetime, settings: Settings
) -> Reconciliation:
    """Return the next step of a ModelDeployment."""
    raise NotImplementedError
