"""A cluster of dicts that refuses what the API server refuses: old versions, other uids, changed Job templates."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from idla.core.reconciliation import Event, Manifest
from idla_operator.ports import (
    JOBS,
    ClusterError,
    ConflictError,
    ExistsError,
    ForbiddenError,
    Identity,
    InvalidError,
    Listing,
    NotFoundError,
    Reference,
    Resource,
    reference_of,
)

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class FakeClock:
    """Time that moves only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class FakeCluster:
    """The `Cluster` port on a dict: `writes` holds what was written, `fail` what the next calls of a method raise."""

    def __init__(self, *documents: Mapping[str, Any]) -> None:
        self.objects: dict[Reference, dict[str, Any]] = {}
        self.writes: list[tuple[str, str]] = []
        self.events: list[tuple[str, Event]] = []
        self.fail: dict[str, list[ClusterError]] = {}
        self.selectors: list[str] = []
        self.listed: list[tuple[Resource, str | None]] = []
        self.refused_lists: dict[tuple[Resource, str | None], ClusterError] = {}
        """What the answer is where something cannot be listed."""
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)
        for document in documents:
            self.put(document)

    def put(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Write as somebody else would."""
        stored = copy.deepcopy(dict(document))
        known = self.objects.get(reference_of(stored))
        metadata = stored["metadata"]
        metadata.setdefault("uid", known["metadata"]["uid"] if known else f"u-{next(self._uids)}")
        metadata["resourceVersion"] = str(next(self._versions))
        self.objects[reference_of(stored)] = stored
        return copy.deepcopy(stored)

    def forbid(self, *lists: tuple[Resource, str | None]) -> None:
        """Let these lists be refused by RBAC, and no other."""
        self.refused_lists = {entry: ForbiddenError(f"{entry[0].plural} are forbidden") for entry in lists}

    async def get(self, reference: Reference) -> dict[str, Any]:
        self._maybe_fail("get")
        if reference not in self.objects:
            raise NotFoundError(str(reference))
        return copy.deepcopy(self.objects[reference])

    async def apply(self, manifest: Manifest) -> dict[str, Any]:
        self._maybe_fail("apply")
        reference = reference_of(manifest)
        known = self.objects.get(reference)
        if known and reference.resource == JOBS and _template(known) != _template(manifest):
            raise InvalidError(f"{reference}: spec.template is immutable")
        self.writes.append(("apply", str(reference)))
        merged = _merged(known or {}, manifest)
        return copy.deepcopy(known) if known is not None and merged == known else self.put(merged)

    async def delete(self, reference: Reference, *, uid: str) -> None:
        self._maybe_fail("delete")
        known = self.objects.get(reference)
        if known is None:
            raise NotFoundError(str(reference))
        if known["metadata"]["uid"] != uid:
            raise ConflictError(f"{reference} has another uid")
        self.writes.append(("delete", str(reference)))
        del self.objects[reference]

    async def replace_status(self, document: Manifest) -> dict[str, Any]:
        self._maybe_fail("replace_status")
        reference = reference_of(document)
        known = self.objects.get(reference)
        if known is None:
            raise NotFoundError(str(reference))
        if known["metadata"]["resourceVersion"] != document["metadata"]["resourceVersion"]:
            raise ConflictError(f"{reference} was changed")
        self.writes.append(("status", str(reference)))
        return self.put({**known, "status": self.pruned(dict(document["status"]))})

    def pruned(self, status: dict[str, Any]) -> dict[str, Any]:
        """Return what the CRD keeps of a status; tests replace it."""
        return status

    async def create_event(self, about: Manifest, event: Event, *, name: str, now: datetime) -> None:
        self._maybe_fail("create_event")
        assert now.tzinfo is not None
        if any(known == name for known, _ in self.events):
            raise ExistsError(name)
        assert reference_of(about) in self.objects
        self.writes.append(("event", event.reason))
        self.events.append((name, event))

    async def identities(
        self, resource: Resource, *, namespace: str | None = None, limit: int | None = None, selector: str | None = None
    ) -> Listing:
        self._maybe_fail("identities")
        if (resource, namespace) in self.refused_lists:
            raise self.refused_lists[resource, namespace]
        self.listed.append((resource, namespace))
        if selector is not None:
            self.selectors.append(selector)
        found = [
            Identity(reference=reference, uid=entry["metadata"]["uid"], version=entry["metadata"]["resourceVersion"])
            for reference, entry in self.objects.items()
            if reference.resource == resource and namespace in {None, reference.namespace}
        ]
        return Listing(version=str(next(self._versions)), identities=tuple(found[:limit]))

    def _maybe_fail(self, method: str) -> None:
        waiting = self.fail.get(method)
        if waiting:
            raise waiting.pop(0)


def _template(job: Manifest) -> Any:
    return job["spec"]["template"]


def _merged(known: Any, wanted: Any) -> Any:
    if isinstance(known, Mapping) and isinstance(wanted, Mapping):
        return {**known, **{key: _merged(known.get(key), value) for key, value in wanted.items()}}
    return wanted
