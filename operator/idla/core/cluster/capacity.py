"""What can be known before a pod is started: missing claims, and pods that no node could ever hold."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from idla.api.pod_template import PodTemplate
from idla.api.quantity import parse_quantity
from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.builders.pod_template import tolerations_of
from idla.core.blocker import Blocker
from idla.core.cluster.taints import find_untolerated
from idla.core.conditions import shorten
from idla.core.kube.resources import PodResources
from idla.core.reconciliation import Manifest

_SHOWN_NODES = 3


def find_missing_claim(
    named: Mapping[str, str | None], claims: Mapping[str, Manifest | None], *, namespace: str
) -> Blocker | None:
    """Return that a claim which the spec names does not exist, or None.

    Args:
        named: by the field of the spec; None where it names none.
        claims: those that were looked up, by name.
        namespace: where they are.
    """
    for field, name in named.items():
        if name is not None and claims.get(name) is None:
            missing = f"namespace {namespace} has no PersistentVolumeClaim {name}"
            return Blocker(
                condition=WorkflowCondition.DATA_READY,
                reason=WorkflowReason.CLAIM_NOT_FOUND,
                message=f"`{field}`: {missing}; create it or name another",
            )
    return None


def find_impossible_pod(
    pod: PodResources, nodes: Sequence[Manifest] | None, template: PodTemplate | None = None
) -> Blocker | None:
    """Return that no node could ever hold such a pod of a task, or None; it takes what `explain_misfit` takes."""
    problem = explain_misfit(pod, nodes, template)
    if problem is None:
        return None
    return Blocker(
        condition=WorkflowCondition.PLANNED, reason=WorkflowReason.NO_FEASIBLE_RESOURCES, message=shorten(problem)
    )


def explain_misfit(
    pod: PodResources, nodes: Sequence[Manifest] | None, template: PodTemplate | None = None
) -> str | None:
    """Return why no node could ever hold such a pod, empty as it may be, with the field and what to do, or None.

    What comes and goes by itself (a node that is cordoned, not ready or short of memory) does not count.

    Args:
        pod: what it asks for.
        nodes: all of them; None where the operator may not see them: then nothing is said.
        template: what the user says of it; None for nothing.
    """
    if nodes is None:
        return None
    return _find_too_large(pod.demand, nodes) or _find_kept_away(pod.demand, nodes, template)


def _find_too_large(wanted: Mapping[str, str], nodes: Sequence[Manifest]) -> str | None:
    capacities = [_allocatable(node) for node in nodes]
    for name, amount in sorted(wanted.items()):
        most, text = max(
            ((parse_quantity(node.get(name, "0")), node.get(name, "0")) for node in capacities),
            default=(Decimal(0), "0"),
        )
        if parse_quantity(amount) > most:
            has = f"the largest has {text}" if nodes else "the cluster has no node"
            return f"`spec.resources`: no node has {amount} {name}; {has}. Lower it or add such a node"
    if not any(_holds(node, wanted) for node in nodes):
        return f"`spec.resources`: no node has {_describe(wanted)} at once. Lower it or add such a node"
    return None


def _find_kept_away(wanted: Mapping[str, str], nodes: Sequence[Manifest], template: PodTemplate | None) -> str | None:
    """Return what keeps a pod away from every node that is large enough, or None."""
    labels = (template and template.spec and template.spec.node_selector) or {}
    selected = [node for node in nodes if labels.items() <= (node["metadata"].get("labels") or {}).items()]
    asked = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
    field = "`spec.podTemplate.spec.nodeSelector`"
    if not selected:
        return f"{field}: no node has the labels {asked}. Correct them or label a node"
    fitting = [node for node in selected if _holds(node, wanted)]
    if not fitting:
        return f"{field}: no node with the labels {asked} has {_describe(wanted)}. Ask for less or for other nodes"
    if template and template.spec and template.spec.runtime_class_name:
        return None  # a RuntimeClass may bring tolerations along, and the operator may not read it
    kept = [(node, find_untolerated(node, tolerations_of(template, wanted))) for node in fitting]
    if any(taint is None for _, taint in kept):
        return None
    tainted = [f"{node['metadata']['name']} ({_describe_taint(taint)})" for node, taint in kept if taint is not None]
    more = len(tainted) - _SHOWN_NODES
    shown = ", ".join(tainted[:_SHOWN_NODES]) + (f" and {more} more" if more > 0 else "")
    return (
        f"`spec.podTemplate.spec.tolerations`: every node that could hold a pod with {_describe(wanted)} has a taint"
        f" that it does not tolerate: {shown}. Add a toleration, or take the taint from a node"
    )


def _allocatable(node: Manifest) -> Mapping[str, str]:
    return (node.get("status") or {}).get("allocatable") or {}


def _holds(node: Manifest, wanted: Mapping[str, str]) -> bool:
    capacity = _allocatable(node)
    return all(parse_quantity(capacity.get(name, "0")) >= parse_quantity(amount) for name, amount in wanted.items())


def _describe(wanted: Mapping[str, str]) -> str:
    parts: Sequence[str] = [f"{amount} {name}" for name, amount in sorted(wanted.items())]
    return " and ".join(parts)


def _describe_taint(taint: Mapping[str, Any]) -> str:
    """Return a taint as kubectl writes it."""
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"
