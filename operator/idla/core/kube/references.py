"""What a resource points at: the names that a controller has to look up before anything can be decided."""

from collections.abc import Mapping
from typing import Any

from idla_contract.uri import claim_of

from idla.builders.identity import child_name
from idla.core.reconciliation import Manifest


def artifact_claim(name: str, uri: str | None) -> str:
    """Return the claim that keeps a workflow's artifacts: the one that its URI names, else `<workflow>-artifacts`."""
    return claim_of(uri or "") or child_name(name, "artifacts")


def claim_names(workflow: Manifest) -> tuple[str, ...]:
    """Return every claim that the workflow names, each once."""
    outputs, data = (str(_part(workflow, "spec", part).get("storageUri", "")) for part in ("outputs", "data"))
    names = (artifact_claim(workflow["metadata"]["name"], outputs), claim_of(data))
    return tuple(dict.fromkeys(name for name in names if name))


def deployment_name(workflow: Manifest) -> str | None:
    """Return the name of the ModelDeployment that the workflow keeps, or None where it keeps none."""
    settings = _part(workflow, "spec", "deployment")
    if settings.get("mode") != "CreateOrUpdate":
        return None
    return str(settings.get("name") or child_name(workflow["metadata"]["name"]))


def followed_workflow(deployment: Manifest) -> str | None:
    """Return the TrainingWorkflow that a ModelDeployment follows, or None."""
    name = _part(deployment, "spec", "model", "workflowRef").get("name")
    return None if name is None else str(name)


def _part(document: Manifest, *path: str) -> Mapping[str, Any]:
    """Return a part of a raw object, empty where it is missing: what an older CRD let in must not stop a look-up."""
    part: Any = document
    for name in path:
        part = part.get(name) if isinstance(part, Mapping) else None
    return part if isinstance(part, Mapping) else {}
