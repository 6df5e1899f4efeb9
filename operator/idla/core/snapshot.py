"""What a decision may know: raw objects as controllers gathered them, and measured progress.

Controllers gather without interpreting; the functions of `core` read out of the raw objects what they need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from idla.api.model_template import ModelTemplateSpec
from idla.core.reconciliation import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """What a running training last said of itself."""

    step: int
    total_steps: int
    """Steps that the training takes at most."""
    train_loss: float | None = None
    validation_loss: float | None = None
    validation_score: float | None = None
    examples_per_second: float | None = None
    remaining_seconds: float | None = None
    """To the end of the task, as it expects."""
    start_seconds: float | None = None
    """Before the first step, beside the start of the process."""
    epoch_seconds: float | None = None
    updated: datetime
    """When the pod last changed these figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A valid entry of the model library."""

    name: str
    spec: ModelTemplateSpec
    built_in: bool = False
    """Whether it comes with the operator; a library has either such entries alone or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSnapshot:
    """The world of one TrainingWorkflow."""

    jobs: tuple[Manifest, ...] = ()
    """Jobs that the workflow (this uid) owns."""
    pods: tuple[Manifest, ...] = ()
    """Pods of those Jobs."""
    claims: Mapping[str, Manifest | None] = field(default_factory=dict)
    """The claims that the workflow names (artifacts, `pvc://` data) by name; None where there is none."""
    deployment: Manifest | None = None
    """The ModelDeployment of the name that the workflow would use."""
    templates: tuple[Template, ...] = ()
    """The model library, by name."""
    nodes: tuple[Manifest, ...] | None = None
    """All nodes, or None where the operator may not see them."""
    progress: Mapping[str, TaskProgress] = field(default_factory=dict)
    """Progress by the name of the Job; absent where nothing could be measured."""
    refusal: str | None = None
    """Why the API server refuses a child that was decided on before, for people; None where it refuses none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSnapshot:
    """The world of one ModelDeployment."""

    workflow: Manifest | None = None
    """The TrainingWorkflow that it follows."""
    deployment: Manifest | None = None
    """Its Deployment (apps/v1)."""
    service: Manifest | None = None
    """The Service of its name, whoever owns it."""
    pods: tuple[Manifest, ...] = ()
    """Its serving pods."""
    nodes: tuple[Manifest, ...] | None = None
    """All nodes, or None where the operator may not see them."""
    refusal: str | None = None
    """As above."""
