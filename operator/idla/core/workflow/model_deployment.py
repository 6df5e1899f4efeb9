"""The ModelDeployment that a workflow keeps: whether it serves the artifact, and what to apply."""

from dataclasses import dataclass
from typing import Any

from idla.api.model_deployment import ModelDeploymentStatus
from idla.api.reasons import DeploymentCondition, WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import ArtifactStatus
from idla.builders.model_deployment import build_model_deployment, follows
from idla.core.blocker import Blocker
from idla.core.conditions import TRUE, find_condition
from idla.core.kube.covers import is_up_to_date
from idla.core.kube.references import deployment_name
from idla.core.objects import read_as
from idla.core.reconciliation import Manifest
from idla.core.workflow.inputs import ReconcileInput

_NOT_IN_USE = "ModelDeployment {name} does not use the artifact yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How the artifact is served."""

    name: str
    ready: bool = False
    """Whether it serves this artifact."""
    message: str = ""
    blocker: Blocker | None = None
    apply: tuple[Manifest, ...] = ()


def build_desired_deployment(inputs: ReconcileInput) -> dict[str, Any] | None:
    """Return the ModelDeployment as it should be, or None where none is wanted."""
    name, settings = deployment_name(inputs.workflow), inputs.spec.deployment
    if name is None or settings is None:
        return None
    template = inputs.spec.pod_template and inputs.spec.pod_template.for_endpoint()
    return build_model_deployment(inputs.owner, name, settings, template=template)


def find_name_conflict(inputs: ReconcileInput) -> Blocker | None:
    """Return that the ModelDeployment of the wanted name was not made for this workflow, or None."""
    name, live = deployment_name(inputs.workflow), inputs.snapshot.deployment
    return None if name is None or live is None or follows(live, inputs.owner) else _build_name_conflict(name)


def observe_endpoint(inputs: ReconcileInput, artifact: ArtifactStatus) -> Endpoint | None:
    """Return how an artifact is served, or None where that is not wanted."""
    desired = build_desired_deployment(inputs)
    if desired is None:
        return None
    name, live, conflict = str(desired["metadata"]["name"]), inputs.snapshot.deployment, find_name_conflict(inputs)
    if conflict is not None:
        return Endpoint(name=name, blocker=conflict)
    apply = () if is_up_to_date(desired, live) else (desired,)
    if live is None or apply:
        return Endpoint(name=name, message=_NOT_IN_USE.format(name=name), apply=apply)
    return _observe_live(name, live, artifact)


def _observe_live(name: str, live: Manifest, artifact: ArtifactStatus) -> Endpoint:
    status = read_as(ModelDeploymentStatus, live.get("status")) or ModelDeploymentStatus()
    current = status.observed_generation >= live["metadata"].get("generation", 0)
    asked = status.model is not None and status.model.digest == artifact.digest
    if not current or not asked:
        return Endpoint(name=name, message=_NOT_IN_USE.format(name=name))
    stalled = find_condition(status.conditions, DeploymentCondition.STALLED)
    if stalled is not None and stalled.status == TRUE:
        blocker = Blocker(
            condition=WorkflowCondition.DEPLOYED,
            reason=WorkflowReason.DEPLOYMENT_STALLED,
            message=f"ModelDeployment {name}: {stalled.reason}, {stalled.message}",
        )
        return Endpoint(name=name, blocker=blocker)
    summary = find_condition(status.conditions, DeploymentCondition.READY)
    serves = status.serving is not None and status.serving.digest == artifact.digest
    if summary is not None and summary.status == TRUE and serves:
        return Endpoint(name=name, ready=True, message=f"ModelDeployment {name} serves {artifact.digest}")
    said = "" if summary is None else f": {summary.reason}, {summary.message}"
    return Endpoint(name=name, message=f"ModelDeployment {name} does not serve the artifact yet{said}")


def _build_name_conflict(name: str) -> Blocker:
    return Blocker(
        condition=WorkflowCondition.DEPLOYED,
        reason=WorkflowReason.NAME_TAKEN,
        message=(
            f"ModelDeployment {name} exists and was not made for this workflow; it is left alone. Choose another"
            " `spec.deployment.name`, or delete it"
        ),
    )
