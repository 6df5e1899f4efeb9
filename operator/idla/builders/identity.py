"""Who a child is: its name, its labels and its owner. One place, so that every child is found the same way."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idla.api.meta import API_VERSION

MANAGED = "idla.dev/managed"
WORKFLOW = "idla.dev/workflow"
DEPLOYMENT = "idla.dev/deployment"
TASK = "idla.dev/task"
SPEC_DIGEST = "idla.dev/spec-digest"
NAME_LIMIT = 63
"""Longest name that is also a valid label value and DNS label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The custom resource that children belong to."""

    kind: str
    name: str
    namespace: str
    uid: str


def short_hash(*parts: str, length: int = 10) -> str:
    """Return `length` hex digits that depend on every part and on where one part ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:length]


def child_name(*parts: str) -> str:
    """Join `parts` with dashes into a DNS label of at most 63 characters.

    A name that is too long, or that holds characters a label refuses, keeps its beginning and ends in a hash of the
    whole, so that two long names stay two names.
    """
    whole = "-".join(parts)
    label = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in whole.lower()).strip("-")
    if label == whole and len(whole) <= NAME_LIMIT:
        return whole
    tail = short_hash(whole)
    return f"{label[: NAME_LIMIT - len(tail) - 1].rstrip('-')}-{tail}"


def address_name(name: str) -> str:
    """Return the name of the Service of a ModelDeployment: its own, but that a Service's begins with a letter."""
    return child_name(name if name[0].isalpha() else f"model.{name}")


def label_value(name: str) -> str:
    """Return `name` as a label value: itself up to 63 characters, else shortened with a hash."""
    return name if len(name) <= NAME_LIMIT else child_name(name)


def spec_annotation(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotation that changes with a child's spec.

    A live child may have more than is asked for, since others add to it; only by this does a field that is asked for no
    longer differ from one that somebody else has set.
    """
    return {SPEC_DIGEST: short_hash(json.dumps(spec, sort_keys=True))}


def labels(owner: Owner, **extra: str) -> dict[str, str]:
    """Return the labels of a child; never the parent's, since Argo CD would prune what carries its own."""
    key = WORKFLOW if owner.kind == "TrainingWorkflow" else DEPLOYMENT
    return {MANAGED: "true", key: label_value(owner.name)} | {f"idla.dev/{k}": label_value(v) for k, v in extra.items()}


def child_metadata(owner: Owner, name: str, *, owned: bool = True, **more: Any) -> dict[str, Any]:
    """Return the metadata of a child.

    Args:
        owner: its parent, in whose namespace it is.
        name: of the child.
        owned: whether Kubernetes collects it with its parent.
        more: other fields, also in the place of the usual labels.
    """
    references = {"ownerReferences": [owner_reference(owner)]} if owned else {}
    return {"name": name, "namespace": owner.namespace, "labels": labels(owner)} | more | references


def owner_reference(owner: Owner) -> dict[str, Any]:
    """Return the controller reference by which Kubernetes collects the child with its parent."""
    return {
        "apiVersion": API_VERSION,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
