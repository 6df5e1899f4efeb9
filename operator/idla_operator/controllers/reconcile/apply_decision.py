"""Apply a decision: children, deletions, status, events. The only caller of writes."""

import json
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from idla.api.reasons import EventReason
from idla.builders.identity import short_hash
from idla.core.kube.covers import is_up_to_date
from idla.core.reconciliation import Deletion, Event, Manifest, Reconciliation, warning_event

from idla_operator.controllers.cache.store import Store, controller_uid
from idla_operator.ports import (
    CLAIMS,
    Clock,
    Cluster,
    ClusterError,
    ConflictError,
    ExistsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Reference,
    read_live,
    reference_of,
    resource_of,
)

REPEATED_AFTER = timedelta(minutes=10)
"""An event that no change of status came with is emitted again only after this time."""
_REMEMBERED = 10_000
_PREFIX_LIMIT = 200
_LOG = logging.getLogger(__name__)

V = TypeVar("V")


class TakenError(ClusterError):
    """The name of a child belongs to an object of somebody else, or to one that is being deleted."""


class RefusedError(ClusterError):
    """The API server refuses a child: a quota, an admission rule, RBAC, or a content that it does not take."""

    def __init__(self, child: Reference, error: ClusterError) -> None:
        """Bind what is refused and how that was answered."""
        kind = f"{child.resource.kind} {child.name}"
        super().__init__(str(error), said=f"the API server refuses {kind}: {error.said}. It is tried again")
        self.child = child


class DecisionApplier:
    """Brings the cluster to what was decided, with as few writes as that takes."""

    def __init__(self, store: Store, cluster: Cluster, clock: Clock) -> None:
        """Bind what is read and written.

        Args:
            store: takes in what the API server answers, so that the next decision sees what this one wrote.
            cluster: is written to.
            clock: dates events.
        """
        self._store = store
        self._cluster = cluster
        self._clock = clock
        self._applied: OrderedDict[str, str] = OrderedDict()
        self._answered: OrderedDict[str, tuple[Manifest, Manifest]] = OrderedDict()
        self._emitted: OrderedDict[str, float] = OrderedDict()

    async def __call__(self, about: Manifest, decision: Reconciliation, known: Mapping[Reference, Manifest]) -> None:
        """Apply the decision about an object.

        Args:
            about: the object as it was when the decision was made.
            decision: what to do.
            known: live objects that are not in the store.

        Raises:
            ConflictError: `about` has changed meanwhile; decide anew.
            ClusterError: something was not done; decide anew later. It has `made_progress` where a child was given a
                content before that this process had not given it yet. Deletions and the same content again do not
                count: they may go on for ever.
        """
        made_progress = False
        try:
            for manifest in decision.apply:
                made_progress |= await self._apply(about, manifest, known)
            await self._finish(about, decision)
        except ClusterError as error:
            error.made_progress = made_progress
            raise

    async def _finish(self, about: Manifest, decision: Reconciliation) -> None:
        """Do what comes after the children."""
        for deletion in decision.delete:
            await self._delete(about, deletion)
        written = await self._write_status(about, decision.status)
        for event in decision.events:
            await self.emit_event(written or about, event, changed=written is not None)

    async def _apply(self, about: Manifest, manifest: Manifest, known: Mapping[Reference, Manifest]) -> bool:
        """Apply a child where that changes it; return whether it was given this content for the first time."""
        reference = reference_of(manifest)
        # The store may lag behind, and holds only what carries our label.
        live = self._store.get(reference) or known.get(reference) or await read_live(self._cluster, reference)
        if live is None:
            await self._require_alive(about)
        else:
            _require_ours(reference, manifest, live)
            if is_up_to_date(manifest, live) and not self._wants_less(manifest, live):
                return False
        try:
            answer = await self._cluster.apply(manifest)
        except (InvalidError, ForbiddenError) as error:
            raise RefusedError(reference, error) from error
        _LOG.info("applied %s", reference, extra={"fields": {"key": str(reference_of(about))}})
        uid, digest = answer["metadata"]["uid"], _digest(manifest)
        new = self._applied.get(uid) != digest
        _remember(self._applied, uid, digest)
        if reference.resource != CLAIMS:
            self._store.put(answer)
        return new

    def _wants_less(self, manifest: Manifest, live: Manifest) -> bool:
        """Return whether a field may have to go: another manifest than this one was applied last.

        A field that is no longer wanted does not show in a comparison with what is. After a restart the last manifest
        is not known, and a field that was given up meanwhile stays until the next change.
        """
        return self._applied.get(live["metadata"]["uid"], digest := _digest(manifest)) != digest

    async def _require_alive(self, about: Manifest) -> None:
        """Check that the object still exists before anything is created for it: not every child has an owner."""
        live = await read_live(self._cluster, reference_of(about))
        if live is None or live["metadata"]["uid"] != about["metadata"]["uid"]:
            raise ConflictError(f"{reference_of(about)} is gone")
        if live["metadata"].get("deletionTimestamp"):
            raise ConflictError(f"{reference_of(about)} is being deleted")

    async def _delete(self, about: Manifest, deletion: Deletion) -> None:
        resource = resource_of(deletion.api_version, deletion.kind)
        reference = Reference(resource, about["metadata"].get("namespace"), deletion.name)
        try:
            await self._cluster.delete(reference, uid=deletion.uid)
        except (NotFoundError, ConflictError):
            _LOG.debug("%s of uid %s is gone already", reference, deletion.uid)
        else:
            _LOG.info("deleted %s", reference, extra={"fields": {"key": str(reference_of(about))}})

    async def _write_status(self, about: Manifest, status: Manifest | None) -> Manifest | None:
        """Write the status where it differs; return the object as it is then, or None where nothing was written."""
        observed = about.get("status") or {}
        if status is None or status == observed:
            return None
        uid = about["metadata"]["uid"]
        if self._answered.get(uid) == (status, observed):
            # The CRD prunes or changes what was written: writing it again would go on for ever.
            _LOG.error("the API server keeps another status than was written", extra={"fields": {"uid": uid}})
            return None
        answer = await self._cluster.replace_status({**about, "status": status})
        self._store.put(answer)
        kept = answer.get("status") or {}
        _remember(self._answered, uid, (status, kept))
        if lost := first_lost(status, kept):
            await self._warn_of_pruning(answer, lost)
        return answer

    async def _warn_of_pruning(self, about: Manifest, lost: str) -> None:
        """Report that decisions are forgotten: what a plan was frozen with is then decided anew."""
        versions = "its CRDs are of another version than the operator; apply those of the operator's version"
        text = f"the API server drops {lost}: {versions}"
        _LOG.error("%s", text, extra={"fields": {"key": str(reference_of(about))}})
        await self.emit_event(about, warning_event(EventReason.STATUS_PRUNED, text), changed=False)

    async def emit_event(self, about: Manifest, event: Event, *, changed: bool) -> None:
        """Emit an event; failing to is no failure of the reconciliation.

        Args:
            about: what it is about.
            event: the event.
            changed: whether the status changed with it. Where it did not, the same event is emitted only now and then.
        """
        uid, version = about["metadata"]["uid"], about["metadata"]["resourceVersion"]
        same = short_hash(uid, event.type.value, event.reason, event.message, length=16)
        now = self._clock.monotonic()
        if not changed and now - self._emitted.get(same, float("-inf")) < REPEATED_AFTER.total_seconds():
            return
        name = f"{about['metadata']['name'][:_PREFIX_LIMIT]}.{short_hash(same, version, length=16)}"
        try:
            await self._cluster.create_event(about, event, name=name, now=self._clock.now())
        except ExistsError:
            pass
        except ClusterError as error:
            _LOG.warning("an event could not be emitted: %s", error, extra={"fields": {"reason": event.reason}})
            return
        _remember(self._emitted, same, now)


def _require_ours(reference: Reference, manifest: Manifest, live: Manifest) -> None:
    """Check that a child of this name may be changed: applying with force would take over whatever it is."""
    owner, has = controller_uid(manifest), controller_uid(live)
    if owner is not None and has != owner and not (has is None and _was_ours(manifest, live)):
        raise TakenError(f"{reference} exists and belongs to somebody else; delete or rename it")
    if live["metadata"].get("deletionTimestamp"):
        raise TakenError(f"{reference} is being deleted; it is made anew when it is gone")


def _was_ours(manifest: Manifest, live: Manifest) -> bool:
    """Return whether it is a Job that lost its owner reference: its name and its work are those of one owner alone."""
    annotations = live["metadata"].get("annotations") or {}
    wanted = manifest["metadata"].get("annotations") or {}
    return manifest["kind"] == "Job" and bool(wanted) and wanted.items() <= annotations.items()


def first_lost(written: Any, kept: Any, path: str = "status") -> str | None:
    """Return the path of the first value that was written and is not kept, or None where all are."""
    others = kept if isinstance(kept, Sequence) else ()
    if isinstance(written, Mapping) and isinstance(kept, Mapping):
        parts = ((f"{path}.{key}", value, kept.get(key)) for key, value in written.items())
    elif isinstance(written, Sequence) and not isinstance(written, str) and len(written) == len(others):
        parts = ((f"{path}[{n}]", *pair) for n, pair in enumerate(zip(written, others, strict=True)))
    else:
        return None if written == kept else path
    return next((lost for name, value, other in parts if (lost := first_lost(value, other, name)) is not None), None)


def _digest(manifest: Manifest) -> str:
    return short_hash(json.dumps(manifest, sort_keys=True), length=32)


def _remember(memory: OrderedDict[str, V], key: str, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
