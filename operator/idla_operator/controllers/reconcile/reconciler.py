"""One reconciliation of one key: gather, let the core decide, apply."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from idla.api.reasons import EventReason, WorkflowReason
from idla.core.reconciliation import Manifest, Reconciliation, warning_event
from idla.core.settings import Settings
from idla.core.snapshot import DeploymentSnapshot, WorkflowSnapshot

from idla_operator.controllers.cache.store import Store
from idla_operator.controllers.reconcile.apply_decision import DecisionApplier, RefusedError, TakenError
from idla_operator.controllers.reconcile.gather import Gatherer
from idla_operator.ports import (
    CLAIMS,
    WORKFLOWS,
    Clock,
    Cluster,
    ClusterError,
    ConflictError,
    NotFoundError,
    Reference,
    read_live,
    reference_of,
)

UNWATCHED_SECONDS = 15.0
"""Between two looks for what no watch reports: a claim that is missing, an object of somebody else in our way."""
CONFLICT_SECONDS = 1.0
"""Until what was refused as another one than was seen, or is not found, has had time to arrive or to be deleted."""
TAKEN_SECONDS = 5.0
"""Between two looks whether a child's name has become free."""
_LOG = logging.getLogger(__name__)


class DecideWorkflow(Protocol):
    """The core's decision about a TrainingWorkflow."""

    def __call__(
        self, workflow: Manifest, snapshot: WorkflowSnapshot, *, now: datetime, settings: Settings
    ) -> Reconciliation:
        """Decide."""


class DecideDeployment(Protocol):
    """The core's decision about a ModelDeployment."""

    def __call__(
        self, deployment: Manifest, snapshot: DeploymentSnapshot, *, now: datetime, settings: Settings
    ) -> Reconciliation:
        """Decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What the core knows how to decide."""

    workflow: DecideWorkflow
    deployment: DecideDeployment
    settings: Settings


class Reconciler:
    """Works on keys: names of TrainingWorkflows and ModelDeployments."""

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        clock: Clock,
        *,
        gatherer: Gatherer,
        decisions: Decisions,
        effects: DecisionApplier,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._clock = clock
        self._gatherer = gatherer
        self._decisions = decisions
        self._applier = effects
        self._refused: dict[Reference, RefusedError] = {}

    async def __call__(self, key: Reference) -> float | None:
        """Work on a key; return after how many seconds to look again, or None to wait for an event.

        Raises:
            Exception: the reconciliation failed; the queue repeats it later.
        """
        try:
            requeue_after = await self._work(key)
        except TakenError as error:
            _LOG.warning("%s", error, extra={"fields": {"key": str(key)}})
            await self._warn(key, "NameTaken", str(error))
            return TAKEN_SECONDS
        except RefusedError as error:
            await self._show(key, error)
            raise
        except ConflictError as error:
            _LOG.info("%s was changed meanwhile: %s", key, error)
            known = self._store.get(key)
            await self._refresh(key)
            return CONFLICT_SECONDS if self._store.get(key) == known else 0.0
        except NotFoundError as error:
            if await self._refresh(key):
                raise
            _LOG.info("%s is not found: %s", key, error)
            return CONFLICT_SECONDS
        except ClusterError:
            raise
        except Exception as error:
            fault = (
                f"the operator failed on this object with {type(error).__name__} and will try again;"
                " this is a fault of the operator: report it with the operator's log"
            )
            await self._warn(key, EventReason.OPERATOR_FAULT, fault)
            raise
        self._refused.pop(key, None)
        return requeue_after

    async def _show(self, key: Reference, error: RefusedError) -> None:
        """Write what is refused into the status; that this fails too is no news.

        The same child refused again is reported in the words of before: those of a webhook may change each time, and
        each write of them would bring the next reconciliation.
        """
        before = self._refused.get(key)
        shown = error if before is None or before.child != error.child else before
        self._refused[key] = shown
        try:
            await self._work(key, refusal=shown.said)
            await self._warn(key, WorkflowReason.APPLY_REFUSED, shown.said)
        except ClusterError as failure:
            _LOG.info("a refusal could not be shown: %s", failure, extra={"fields": {"key": str(key)}})

    async def _work(self, key: Reference, *, refusal: str | None = None) -> float | None:
        """Gather, decide and apply; with a refusal, only what is written about the object itself."""
        if key.resource == WORKFLOWS:
            return await self._workflow(key, refusal)
        return await self._deployment(key, refusal)

    async def _workflow(self, key: Reference, refusal: str | None) -> float | None:
        gathered = await self._gatherer.workflow(key)
        if gathered is None or _is_terminating(gathered[0]):
            return None
        workflow, snapshot = gathered
        snapshot = replace(snapshot, refusal=refusal)
        decision = _drop_children(
            self._decisions.workflow(workflow, snapshot, now=self._clock.now(), settings=self._decisions.settings),
            refusal,
        )
        claims = {Reference(CLAIMS, key.namespace, name): claim for name, claim in snapshot.claims.items() if claim}
        await self._applier(workflow, decision, claims)
        return _soonest(decision.requeue_after, _requeue_for_claims(workflow, snapshot))

    async def _deployment(self, key: Reference, refusal: str | None) -> float | None:
        gathered = await self._gatherer.deployment(key)
        if gathered is None or _is_terminating(gathered[0]):
            return None
        model, snapshot = gathered
        snapshot = replace(snapshot, refusal=refusal)
        decision = _drop_children(
            self._decisions.deployment(model, snapshot, now=self._clock.now(), settings=self._decisions.settings),
            refusal,
        )
        await self._applier(model, decision, {})
        return _soonest(decision.requeue_after, self._requeue_for_others(snapshot))

    def _requeue_for_others(self, snapshot: DeploymentSnapshot) -> float | None:
        found = [entry for entry in (snapshot.deployment, snapshot.service) if entry is not None]
        return UNWATCHED_SECONDS if any(self._store.get(reference_of(entry)) is None for entry in found) else None

    async def _refresh(self, key: Reference) -> bool:
        """Read the key's object live, so that the next decision is not made on the version that was just refused.

        Returns:
            Whether it is there. That it is gone is for the watch and the resync to say: an API server that does not
            know its CRDs yet answers 404 as well, and what is forgotten is forgotten for good.
        """
        live = await read_live(self._cluster, key)
        if live is not None:
            self._store.put(live)
        return live is not None

    async def _warn(self, key: Reference, reason: str, message: str) -> None:
        about = self._store.get(key)
        if about is not None:
            await self._applier.emit_event(about, warning_event(reason, message), changed=False)


def _drop_children(decision: Reconciliation, refusal: str | None) -> Reconciliation:
    """Return the decision, without its children where one of them was just refused."""
    return decision if refusal is None else replace(decision, apply=(), delete=())


def _is_terminating(document: Manifest) -> bool:
    """Return whether the object is being deleted: whatever is made now would be in the deletion's way."""
    return bool(document["metadata"].get("deletionTimestamp"))


def _requeue_for_claims(workflow: Manifest, snapshot: WorkflowSnapshot) -> float | None:
    missing = any(claim is None for claim in snapshot.claims.values())
    status: Mapping[str, object] = workflow.get("status") or {}
    return UNWATCHED_SECONDS if missing and not status.get("completionTime") else None


def _soonest(*seconds: float | None) -> float | None:
    return min((entry for entry in seconds if entry is not None), default=None)
