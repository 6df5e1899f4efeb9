"""The claim that keeps a workflow's artifacts."""

from typing import Any

from idla.builders.identity import Owner, child_metadata


def build_artifact_claim(owner: Owner, name: str, *, mebibytes: int, storage_class: str | None) -> dict[str, Any]:
    """Return the PersistentVolumeClaim of a workflow.

    It carries no owner reference: artifacts outlive the workflow that made them.

    Args:
        owner: the workflow, for namespace and labels only.
        name: of the claim.
        mebibytes: size asked for.
        storage_class: None for the cluster's default.
    """
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{mebibytes}Mi"}},
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": child_metadata(owner, name, owned=False),
        "spec": spec,
    }
