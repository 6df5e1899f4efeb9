"""Compare the store with lists of metadata: finds what watches have missed, and proves that they are alive.

kopf lists anew after a watch has been lost for too long, but says nothing of what was deleted meanwhile; and a watch
may be silent without being dead. So all that is watched is listed now and then: what is gone is forgotten, and a
version that was listed a whole period ago and still has not arrived is the proof of a watch that does not work.
"""

import asyncio
import logging

from idla_operator.controllers.cache.event_sink import EventSink, Keys
from idla_operator.controllers.cache.store import Store
from idla_operator.controllers.cache.watch_scope import advice
from idla_operator.ports import (
    MODEL_DEPLOYMENTS,
    WORKFLOWS,
    Cluster,
    ClusterError,
    ForbiddenError,
    Listing,
    Watch,
    reference_of,
)

PERIOD_SECONDS = 120.0
FIRST_SECONDS = 0.5
"""Until everything that exists has arrived once."""
RESYNC_SECONDS = 600.0
"""Every resource is decided on again in this time, whatever happens."""
_LOG = logging.getLogger(__name__)


class Resync:
    """Compares what is watched with lists, and queues every key now and then, until cancelled."""

    def __init__(
        self, store: Store, cluster: Cluster, event_sink: EventSink, queue: Keys, *, watches: tuple[Watch, ...]
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._event_sink = event_sink
        self._queue = queue
        self._watches = watches
        self._lagging: dict[Watch, frozenset[tuple[str, str]]] = {}
        self._arrived: set[Watch] = set()
        self.stale: frozenset[Watch] = frozenset()
        """Watches that are proven not to work."""
        self.forbidden: frozenset[Watch] = frozenset()
        """What was refused when it was last listed: a right was taken away."""

    @property
    def complete(self) -> bool:
        """Whether all that exists has arrived in the store at least once."""
        return len(self._arrived) == len(self._watches)

    async def run(self) -> None:
        """Compare until cancelled."""
        while not self.complete:
            await asyncio.sleep(FIRST_SECONDS)
            await self.compare(tuple(entry for entry in self._watches if entry not in self._arrived))
        rounds = 0
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            await self.compare(self._watches)
            rounds += 1
            if rounds % int(RESYNC_SECONDS / PERIOD_SECONDS) == 0:
                self._requeue_all()

    async def compare(self, watches: tuple[Watch, ...]) -> None:
        """Compare what these watches bring once."""
        for watch in watches:
            try:
                listing = await self._cluster.identities(watch.resource, namespace=watch.namespace)
            except ClusterError as error:
                # No list, no verdict: an API server that does not answer is not cured by a restart of ours.
                _LOG.warning("%s could not be listed: %s", watch, _explain_error(watch, error))
                if isinstance(error, ForbiddenError):
                    self.forbidden |= {watch}
                continue
            self.forbidden -= {watch}
            self._compare(watch, listing)

    def _compare(self, watch: Watch, listing: Listing) -> None:
        lagging = self._store.lagging(listing)
        lost = lagging & self._lagging.get(watch, frozenset()) if self.complete else frozenset()
        self.stale = self.stale | {watch} if lost else self.stale - {watch}
        self._lagging[watch] = lagging
        if not lagging:
            self._arrived.add(watch)
        if self.complete:
            for document in self._store.missing_from(listing, watch.resource, watch.namespace):
                _LOG.warning("%s is gone and no watch said so", reference_of(document))
                self._event_sink.deleted(watch.resource, document)

    def _requeue_all(self) -> None:
        keys = [
            reference_of(document)
            for resource in (WORKFLOWS, MODEL_DEPLOYMENTS)
            for document in self._store.all(resource)
        ]
        for number, key in enumerate(keys):
            self._queue.add_after(key, PERIOD_SECONDS * number / len(keys))


def _explain_error(watch: Watch, error: ClusterError) -> str:
    if watch.namespace is None or not isinstance(error, ForbiddenError):
        return str(error)
    return advice(watch.namespace, error)
