"""The Lease that the replicas of the operator share, kept in the operator's own namespace."""

import os
from datetime import UTC
from typing import Any

from idla.core.reconciliation import Manifest

from idla_operator.adapters.kube import KubeCluster
from idla_operator.ports import LEASES, Clock, LeaseRecord, Reference, read_live

NAME = "idla-operator-leader"


def place_of(pod_uid: str | None) -> str | None:
    """Return the place where this process alone is alive: its pod, by its uid; None where that is not sure.

    It is sure of the first process of a container, with which the kernel ends all others of it; a second operator
    that somebody starts in a running container by hand is none. `controllers.leader.lease_state` says why it is enough.
    """
    return pod_uid if os.getpid() == 1 else None


class KubeLease:
    """The `Lease` port. What other clients added to the object stays."""

    def __init__(self, cluster: KubeCluster, clock: Clock, *, namespace: str, seconds: float) -> None:
        """Bind the Lease.

        Args:
            cluster: where it is.
            clock: dates it, for people; nobody decides by these dates.
            namespace: where the operator runs.
            seconds: for how long it is promised.
        """
        self._cluster = cluster
        self._clock = clock
        self._reference = Reference(LEASES, namespace, NAME)
        self._seconds = int(seconds)
        self._document: Manifest = {}

    async def read(self) -> LeaseRecord | None:
        """Return the Lease, None where there is none."""
        found = await read_live(self._cluster, self._reference)
        return None if found is None else self._take_in(found)

    async def write(self, seen: LeaseRecord | None, holder: str) -> LeaseRecord:
        """Create the Lease, or change the one that was seen and no other."""
        if seen is None:
            return self._take_in(await self._cluster.create(self._document_of({}, {}, holder)))
        kept = {key: value for key, value in self._document["metadata"].items() if key != "managedFields"}
        metadata = {**kept, "resourceVersion": seen.version}
        document = self._document_of(metadata, self._document.get("spec") or {}, holder)
        return self._take_in(await self._cluster.replace(document))

    def _document_of(self, metadata: dict[str, Any], spec: Manifest, holder: str) -> dict[str, Any]:
        now = self._clock.now().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        wanted = {**spec, "holderIdentity": holder, "leaseDurationSeconds": self._seconds, "renewTime": now}
        if holder not in {"", spec.get("holderIdentity") or ""}:
            wanted |= {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {**metadata, "name": NAME, "namespace": self._reference.namespace},
            "spec": wanted,
        }

    def _take_in(self, document: Manifest) -> LeaseRecord:
        self._document = document
        spec = document.get("spec") or {}
        return LeaseRecord(
            version=document["metadata"]["resourceVersion"],
            holder=spec.get("holderIdentity") or "",
            seconds=float(spec.get("leaseDurationSeconds") or 0),
        )
