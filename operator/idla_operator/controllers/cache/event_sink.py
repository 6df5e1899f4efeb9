"""Where watches hand over what they see: into the store, and as keys onto the queue."""

from collections.abc import Mapping
from typing import Any, Protocol

from idla_operator.controllers.cache.affected_keys import affected_keys, relevant_fields
from idla_operator.controllers.cache.store import Store, version_of
from idla_operator.ports import NODES, TEMPLATES, Reference, Resource

DEBOUNCE_SECONDS = 2.0
"""Changes of the library or of nodes come in groups; every unfinished workflow is reconciled once for each group."""


class Keys(Protocol):
    """The side of the queue that takes keys."""

    def add(self, key: Reference) -> None:
        """Queue a key."""

    def add_after(self, key: Reference, seconds: float) -> None:
        """Queue a key in `seconds` at the latest."""


class EventSink:
    """Takes in objects of all watched resources."""

    def __init__(self, store: Store, queue: Keys) -> None:
        self._store = store
        self._queue = queue
        self._relevant: dict[str, str] = {}

    def upsert(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Take in a version of an object. Queues nothing: the first listing of everything may not be complete yet."""
        self._store.put({**document, "apiVersion": resource.api_version, "kind": resource.kind})

    def changed(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Queue the keys that the object concerns. Called only once everything that exists was taken in."""
        if resource == NODES:
            relevant = relevant_fields(document)
            if self._relevant.get(document["metadata"]["name"]) == relevant:
                return
            self._relevant[document["metadata"]["name"]] = relevant
        self._queue_affected(resource, document)

    def deleted(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Forget an object and queue the keys that it concerned."""
        metadata = document["metadata"]
        reference = Reference(resource, metadata.get("namespace"), metadata["name"])
        self._store.remove(reference, metadata["uid"], version=version_of(document))
        if resource == NODES:
            self._relevant.pop(metadata["name"], None)
        self._queue_affected(resource, document)

    def _queue_affected(self, resource: Resource, document: Mapping[str, Any]) -> None:
        for key in affected_keys(self._store, resource, document):
            if resource in {NODES, TEMPLATES}:
                self._queue.add_after(key, DEBOUNCE_SECONDS)
            else:
                self._queue.add(key)
