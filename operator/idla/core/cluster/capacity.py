"""What can be known before a pod is started: missing claims, and pods that no node could ever hold."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from idla.api.quantity import parse_quantity
from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.core.blocker import Blocker
from idla.core.conditions import shorten
from idla.core.kube.resources import PodResources
from idla.core.reconciliation import Manifest


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


def find_impossible_pod(pod: PodResources, nodes: Sequence[Manifest] | None) -> Blocker | None:
    """Return that no node could ever hold such a pod, empty as it may be, or None.

    Args:
        pod: what it asks for.
        nodes: all of them; None where the operator may not see them: then nothing is said.
    """
    if nodes is None:
        return None
    wanted = pod.demand
    capacities = [_allocatable(node) for node in nodes]
    for name, amount in sorted(wanted.items()):
        most, text = max(
            ((parse_quantity(node.get(name, "0")), node.get(name, "0")) for node in capacities),
            default=(Decimal(0), "0"),
        )
        if parse_quantity(amount) > most:
            has = f"the largest has {text}" if nodes else "the cluster has no node"
            return _build_blocker(f"no node has {amount} {name}; {has}")
    if not any(_holds(node, wanted) for node in capacities):
        return _build_blocker(f"no node has {_describe(wanted)} at once")
    return None


def _allocatable(node: Manifest) -> Mapping[str, str]:
    return (node.get("status") or {}).get("allocatable") or {}


def _holds(node: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(parse_quantity(node.get(name, "0")) >= parse_quantity(amount) for name, amount in wanted.items())


def _describe(wanted: Mapping[str, str]) -> str:
    parts: Sequence[str] = [f"{amount} {name}" for name, amount in sorted(wanted.items())]
    return " and ".join(parts)


def _build_blocker(problem: str) -> Blocker:
    return Blocker(
        condition=WorkflowCondition.PLANNED,
        reason=WorkflowReason.NO_FEASIBLE_RESOURCES,
        message=shorten(f"`spec.resources`: {problem}. Lower it or add such a node"),
    )
