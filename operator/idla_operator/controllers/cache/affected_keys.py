"""Which resources have to be decided on again when an object was seen to change."""

import json
from collections.abc import Iterator
from typing import Any

from idla.api.reasons import DeploymentCondition
from idla.builders.identity import DEPLOYMENT, WORKFLOW, label_value
from idla.core.kube.conditions import find_condition, find_true_condition
from idla.core.kube.references import deployment_name, followed_workflow
from idla.core.reconciliation import Manifest

from idla_operator.controllers.cache.store import Store, controller_of, controller_uid
from idla_operator.ports import (
    DEPLOYMENTS,
    JOBS,
    MODEL_DEPLOYMENTS,
    NODES,
    PODS,
    SERVICES,
    TEMPLATES,
    WORKFLOWS,
    Reference,
    Resource,
    reference_of,
)


def affected_keys(store: Store, resource: Resource, document: Manifest) -> tuple[Reference, ...]:
    """Return the keys that a changed or deleted object matters to, each once."""
    return tuple(dict.fromkeys(_affected_keys(store, resource, document)))


def _affected_keys(store: Store, resource: Resource, document: Manifest) -> Iterator[Reference]:
    namespace, name = document["metadata"].get("namespace"), document["metadata"]["name"]
    if resource in {WORKFLOWS, MODEL_DEPLOYMENTS}:
        yield Reference(resource, namespace, name)
        yield from _partners(store, resource, namespace, name)
    elif resource == JOBS:
        yield from _owner(document, WORKFLOWS)
    elif resource in {DEPLOYMENTS, SERVICES}:
        yield from _owner(document, MODEL_DEPLOYMENTS)
        # A name that was taken may be free now.
        yield Reference(MODEL_DEPLOYMENTS, namespace, name)
    elif resource == PODS:
        yield from _of_pod(store, namespace, document)
    elif resource in {TEMPLATES, NODES}:
        yield from unfinished(store)
        if resource == NODES:
            yield from _rolling_out(store)


def _partners(store: Store, resource: Resource, namespace: str | None, name: str) -> Iterator[Reference]:
    """Return the deployments that follow a workflow, or the workflows that keep a deployment."""
    partner, points_at = (
        (MODEL_DEPLOYMENTS, followed_workflow) if resource == WORKFLOWS else (WORKFLOWS, deployment_name)
    )
    for other in store.within(partner, namespace):
        if points_at(other) == name:
            yield reference_of(other)


def _of_pod(store: Store, namespace: str | None, pod: Manifest) -> Iterator[Reference]:
    """Return whose labels the pod carries: its Job may be gone before it."""
    labels = pod["metadata"].get("labels") or {}
    for resource, label in ((WORKFLOWS, WORKFLOW), (MODEL_DEPLOYMENTS, DEPLOYMENT)):
        if label in labels:
            for owner in store.within(resource, namespace):
                if label_value(owner["metadata"]["name"]) == labels[label]:
                    yield reference_of(owner)


def _owner(document: Manifest, resource: Resource) -> Iterator[Reference]:
    owner = controller_of(document)
    if owner is not None and owner["kind"] == resource.kind and controller_uid(document):
        yield Reference(resource, document["metadata"].get("namespace"), owner["name"])


def unfinished(store: Store) -> Iterator[Reference]:
    """Return the workflows that may still do something: what has ended rests whatever happens around it."""
    for workflow in store.all(WORKFLOWS):
        status = workflow.get("status") or {}
        ended = status.get("completionTime") and status.get("observedGeneration") == workflow["metadata"]["generation"]
        if not ended:
            yield reference_of(workflow)


def _rolling_out(store: Store) -> Iterator[Reference]:
    """Return the deployments whose pods do not all serve: one of them may fit now, or no longer."""
    for deployment in store.all(MODEL_DEPLOYMENTS):
        complete = find_true_condition(deployment, DeploymentCondition.ROLLOUT_SUCCEEDED)
        if complete is None:
            yield reference_of(deployment)


def relevant_fields(node: Manifest) -> str:
    """Return what a decision could read in a node: heartbeats and image lists change it all the time."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    ready = (find_condition(node, "Ready") or {}).get("status")
    parts: list[Any] = [
        node["metadata"].get("labels"),
        spec.get("taints"),
        spec.get("unschedulable"),
        status.get("allocatable"),
        ready,
    ]
    return json.dumps(parts, sort_keys=True)
