"""The ModelDeployment that follows a workflow."""

from collections.abc import Mapping
from typing import Any

from idla.api.meta import API_VERSION
from idla.api.pod_template import PodTemplate
from idla.api.training_workflow import DeploymentSettings
from idla.builders.identity import MANAGED, WORKFLOW, Owner, child_metadata, label_value, spec_annotation

_HANDED_ON = {"replicas", "resources", "pod_template"}


def build_model_deployment(
    owner: Owner, name: str, settings: DeploymentSettings, *, template: PodTemplate | None = None
) -> dict[str, Any]:
    """Return the ModelDeployment that serves a workflow's newest artifact.

    It carries no owner reference: an endpoint must outlive the workflow whose model it serves, be that deleted by
    hand, by its TTL or by Argo CD. Its labels say whose it is.

    Args:
        owner: the workflow.
        name: of the ModelDeployment.
        settings: what the workflow says of it; a number of pods that it does not say is left to whoever scales it.
        template: what the user says of the serving pods where the settings say nothing of them.
    """
    spec: dict[str, Any] = {"model": {"workflowRef": {"name": owner.name}}}
    asked = settings.model_copy(update={"pod_template": settings.pod_template or template})
    spec |= asked.model_dump(mode="json", by_alias=True, exclude_none=True, include=_HANDED_ON)
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": child_metadata(owner, name, owned=False, annotations=spec_annotation(spec)),
        "spec": spec,
    }


def follows(deployment: Mapping[str, Any], owner: Owner) -> bool:
    """Return whether a ModelDeployment was made for this workflow."""
    found = deployment["metadata"].get("labels") or {}
    return found.get(MANAGED) == "true" and found.get(WORKFLOW) == label_value(owner.name)
