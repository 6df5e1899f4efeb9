"""Conditions in the status of any Kubernetes object."""

from collections.abc import Mapping
from typing import Any

from idla.core.reconciliation import Manifest


def find_condition(document: Manifest, kind: str) -> Mapping[str, Any] | None:
    """Return the condition of this type, or None where the object has none."""
    conditions = (document.get("status") or {}).get("conditions") or ()
    return next((entry for entry in conditions if entry.get("type") == kind), None)


def find_true_condition(document: Manifest, kind: str) -> Mapping[str, Any] | None:
    """Return the condition of this type where its status is `True`, else None."""
    found = find_condition(document, kind)
    return found if found is not None and found.get("status") == "True" else None
