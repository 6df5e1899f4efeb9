"""What an administrator decides for all workflows: the operator's configuration, as far as decisions need it."""

from dataclasses import dataclass, field

from idla.api.training_workflow import APPROVED_PLAN
from idla.builders.egress import Egress


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Plain values; the operator's `config` reads them from the environment."""

    trainer_image: str
    server_image: str
    pull_policy: str = "IfNotPresent"
    egress: Egress = field(default_factory=Egress)
    """How pods reach data and artifacts outside."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets with which pods that name none themselves pull their images, each in the pod's own namespace."""
    progress_period_seconds: float = 10.0
    """Shortest time between two status writes that only show progress."""
    approve_command: str = f"kubectl annotate -n {{namespace}} twf/{{name}} {APPROVED_PLAN}={{plan}} --overwrite"
    """What a person does to approve a plan."""
    has_nodes: bool = True
    """Whether tasks run on nodes of a cluster; else nothing is said of them."""
