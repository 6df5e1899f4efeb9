"""What can be known before a pod is started: missing claims, and pods that no node could ever hold."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from idla.api.quantity import parse_quantity
from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.core.conditions import shortened
from idla.core.inputs import Blocker, ReconcileInput
from idla.core.kube.references import artifact_claim, data_claim
from idla.core.planning.requirements import PodResources, training_resources
from idla.core.reconciliation import Manifest


def find_missing_claim(inputs: ReconcileInput) -> Blocker | None:
    """Return that a claim which the spec names does not exist, or None."""
    names = [("spec.data.storageUri", data_claim(inputs.workflow))]
    if inputs.spec.outputs is not None and inputs.spec.outputs.storage_uri is not None:
        names.append(("spec.outputs.storageUri", artifact_claim(inputs.workflow)))
    for field, name in names:
        if name is not None and inputs.snapshot.claims.get(name) is None:
            missing = f"namespace {inputs.owner.namespace} has no PersistentVolumeClaim {name}"
            return Blocker(
                condition=WorkflowCondition.DATA_READY,
                reason=WorkflowReason.CLAIM_NOT_FOUND,
                message=f"`{field}`: {missing}; create it or name another",
                final=False,
            )
    return None


def find_impossible_pod(inputs: ReconcileInput) -> Blocker | None:
    """Return that no node could ever hold a training pod, empty as it may be, or None.

    Nothing is said where the operator may not see nodes.
    """
    nodes = inputs.snapshot.nodes
    if nodes is None:
        return None
    wanted = _find_demand(training_resources(inputs.spec))
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


def _find_demand(resources: PodResources) -> dict[str, str]:
    """Return what is kept free for a pod: its requests, and limits where nothing is requested."""
    return {**resources.limits, **resources.requests}


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
        message=shortened(f"`spec.resources`: {problem}. Lower it or add such a node"),
        final=False,
    )
