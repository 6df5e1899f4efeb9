"""The ModelDeployment that follows a workflow."""

from collections.abc import Mapping
from typing import Any

from idla.api.meta import API_VERSION
from idla.builders.identity import MANAGED, WORKFLOW, Owner, child_metadata, label_value, spec_annotation


def build_model_deployment(owner: Owner, name: str, *, replicas: int | None) -> dict[str, Any]:
    """Return the ModelDeployment that serves a workflow's newest artifact.

    It carries no owner reference: an endpoint must outlive the workflow whose model it serves, be that deleted by
    hand, by its TTL or by Argo CD. Its labels say whose it is.

    Args:
        owner: the workflow.
        name: of the ModelDeployment.
        replicas: serving pods, or None to leave the number to whoever scales it.
    """
    spec: dict[str, Any] = {"model": {"workflowRef": {"name": owner.name}}}
    if replicas is not None:
        spec["replicas"] = replicas
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
