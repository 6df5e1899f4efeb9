"""What an account may do compared with what it did: rules of roles against events of the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

_DECISION = "authorization.k8s.io/decision"


class Right(NamedTuple):
    """One verb on one resource of one API group; a subresource stands behind a slash."""

    verb: str
    group: str
    resource: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Where rules and deeds differ; all empty where an account may do exactly what it does."""

    unused: frozenset[Right]
    """Granted, and never used."""
    denied: frozenset[Right]
    """Asked for, and refused by the authorizer."""
    borrowed: frozenset[Right]
    """Used, and allowed by other roles than these."""


def granted(roles: Iterable[Mapping[str, Any]]) -> frozenset[Right]:
    """Return every right that the rules of roles hold; a `*` counts as a verb or resource of that name."""
    return frozenset(
        Right(verb, group, resource)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def compare(rights: frozenset[Right], events: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare rights with the audit events of one account; discovery, which every account may do, is left out."""
    used: set[Right] = set()
    denied: set[Right] = set()
    for event in events:
        target = event.get("objectRef")
        if event["annotations"][_DECISION] == "forbid":
            denied.add(_right(event, event["verb"]))
        elif target is not None:
            used.add(_right(event, event["verb"]))
            if event["verb"] == "patch" and _status(event) == HTTPStatus.CREATED:
                used.add(_right(event, "create"))  # an apply that makes an object needs both, and shows as one
    return Comparison(unused=rights - used, denied=frozenset(denied), borrowed=frozenset(used) - rights)


def _right(event: Mapping[str, Any], verb: str) -> Right:
    target = event.get("objectRef") or {"resource": event["requestURI"]}
    parts = (target["resource"], target.get("subresource"))
    return Right(verb, target.get("apiGroup", ""), "/".join(part for part in parts if part))


def _status(event: Mapping[str, Any]) -> int:
    return int((event.get("responseStatus") or {}).get("code", 0))
