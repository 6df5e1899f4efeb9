"""What is known of the cluster: the newest version of every watched object, from watches and from our own writes.

Answers to writes go in as well, so that no decision is ever made on a state older than the operator's own last write.
It is used from the event loop's thread only; what is inside must not be changed.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from idla_operator.ports import Identity, Listing, Reference, Resource, reference_of

_REMEMBERED_DELETIONS = 10_000


def version_of(document: Mapping[str, Any]) -> int:
    """Return the resourceVersion as a number; versions of one object grow."""
    return int(document["metadata"]["resourceVersion"])


class Store:
    """Objects by name, and by their controller's uid."""

    def __init__(self) -> None:
        self._objects: dict[Resource, dict[str | None, dict[str, dict[str, Any]]]] = {}
        self._children: dict[tuple[Resource, str], dict[str, Reference]] = {}
        self._gone: OrderedDict[str, int | None] = OrderedDict()

    def put(self, document: Mapping[str, Any]) -> None:
        """Take in a version of an object unless a newer one is known or it is deleted."""
        reference = reference_of(document)
        uid = document["metadata"]["uid"]
        known = self.get(reference)
        if self._is_gone(uid, version_of(document)):
            return
        if known is not None:
            if version_of(known) >= version_of(document):
                return
            self._forget(reference, known)
        slim = {**document, "metadata": {k: v for k, v in document["metadata"].items() if k != "managedFields"}}
        self._objects.setdefault(reference.resource, {}).setdefault(reference.namespace, {})[reference.name] = slim
        owner = controller_uid(document)
        if owner is not None:
            self._children.setdefault((reference.resource, owner), {})[uid] = reference

    def remove(self, reference: Reference, uid: str, *, version: int | None = None) -> dict[str, Any] | None:
        """Forget the object of this uid; a successor of the same name stays.

        Args:
            reference: its name.
            uid: its uid.
            version: the last one that is forgotten. A watch says of an object that lost our label the same as of one
                that was deleted, and somebody may label it again. None forgets it for good.

        Returns:
            What was forgotten.
        """
        self._gone[uid] = version
        if len(self._gone) > _REMEMBERED_DELETIONS:
            self._gone.popitem(last=False)
        known = self.get(reference)
        if known is None or known["metadata"]["uid"] != uid:
            return None
        self._forget(reference, known)
        return known

    def get(self, reference: Reference) -> dict[str, Any] | None:
        """Return an object by name, or None."""
        return self._objects.get(reference.resource, {}).get(reference.namespace, {}).get(reference.name)

    def all(self, resource: Resource) -> Iterator[dict[str, Any]]:
        """Return every object of a resource, by namespace and name."""
        namespaces = self._objects.get(resource, {})
        for namespace in sorted(namespaces, key=str):
            yield from self.within(resource, namespace)

    def within(self, resource: Resource, namespace: str | None) -> tuple[dict[str, Any], ...]:
        """Return the objects of one namespace, by name."""
        return tuple(document for _, document in sorted(self._objects.get(resource, {}).get(namespace, {}).items()))

    def children(self, resource: Resource, owner_uid: str) -> tuple[dict[str, Any], ...]:
        """Return the objects that the object of this uid controls, by name."""
        references = self._children.get((resource, owner_uid), {}).values()
        found = (self.get(reference) for reference in sorted(references, key=lambda entry: entry.name))
        return tuple(document for document in found if document is not None)

    def missing_from(
        self, listing: Listing, resource: Resource, namespace: str | None = None
    ) -> tuple[dict[str, Any], ...]:
        """Return objects that are gone although no watch said so: older than the listing and not in it.

        Args:
            listing: all objects of the resource, or all of one namespace.
            resource: what was listed.
            namespace: where; everywhere by default.
        """
        alive = {identity.uid for identity in listing.identities}
        moment = int(listing.version)
        return tuple(
            document
            for document in (self.all(resource) if namespace is None else self.within(resource, namespace))
            if document["metadata"]["uid"] not in alive and version_of(document) <= moment
        )

    def lagging(self, listing: Listing) -> frozenset[tuple[str, str]]:
        """Return uid and version of every listed object whose listed version has not arrived here."""
        return frozenset((identity.uid, identity.version) for identity in listing.identities if not self._has(identity))

    def _has(self, identity: Identity) -> bool:
        if self._is_gone(identity.uid, int(identity.version)):
            return True
        known = self.get(identity.reference)
        if known is None or known["metadata"]["uid"] != identity.uid:
            return False
        return version_of(known) >= int(identity.version)

    def _is_gone(self, uid: str, version: int) -> bool:
        last = self._gone.get(uid, -1)
        return last is None or version <= last

    def _forget(self, reference: Reference, known: Mapping[str, Any]) -> None:
        del self._objects[reference.resource][reference.namespace][reference.name]
        owner = controller_uid(known)
        if owner is not None:
            siblings = self._children[reference.resource, owner]
            siblings.pop(known["metadata"]["uid"], None)
            if not siblings:
                del self._children[reference.resource, owner]


def controller_uid(document: Mapping[str, Any]) -> str | None:
    """Return the uid of the object that controls this one, or None."""
    owner = controller_of(document)
    return None if owner is None else str(owner["uid"])


def controller_of(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the owner reference of the object that controls this one, or None."""
    owners = document["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)
