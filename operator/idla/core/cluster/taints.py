"""Which taints keep a pod away from a node."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from idla.core.reconciliation import Manifest

_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "ToBeDeletedByClusterAutoscaler")
"""Beginnings of what Kubernetes itself puts on a node for a while: cordoned, not ready, short of memory, new, going."""


def find_untolerated(node: Manifest, tolerations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the first lasting taint of a node that keeps pods with these tolerations away, or None.

    Args:
        node: the node.
        tolerations: as a pod has them.
    """
    taints: Iterable[Mapping[str, Any]] = (node.get("spec") or {}).get("taints") or ()
    keeping = (taint for taint in taints if taint["effect"] != "PreferNoSchedule" and not _passes(taint))
    return next((taint for taint in keeping if not any(_tolerates(entry, taint) for entry in tolerations)), None)


def _passes(taint: Mapping[str, Any]) -> bool:
    return str(taint["key"]).startswith(_PASSING)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in {None, taint["effect"]}:
        return False
    if toleration.get("key") not in {None, taint["key"]}:
        return False
    exists = toleration.get("operator") == "Exists"
    return exists or toleration.get("value", "") == (taint.get("value") or "")
