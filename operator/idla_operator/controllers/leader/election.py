"""Takes part in the election of the replica that works: looks, acquires, renews, releases."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from idla_operator.controllers.leader.lease_state import LeaseState, LeaseTiming, Step, next_step, observe, record_write
from idla_operator.ports import Clock, ClusterError, ConflictError, ForbiddenError, Lease, LeaseRecord, NotFoundError

ATTEMPT_SECONDS = 4.0
"""Of one look or write, so that a few fit into the time for a renewal."""
ROLE_MISSING = "the Role idla-operator is missing or incomplete, apply the overlay that installed the operator again"
NOT_RENEWED = "the lease was not renewed in time"
_TRIES = 2
"""A write that was refused is followed by one look and one more write."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Write:
    """A write that may have been done, or may yet be: there was no answer."""

    seen: LeaseRecord | None
    """The Lease that it changes, and no other; None where it makes one."""


class Election:
    """One replica's part in it."""

    def __init__(
        self,
        lease: Lease,
        clock: Clock,
        *,
        identity: str,
        end: Callable[[str], None],
        place: str | None = None,
        timing: LeaseTiming | None = None,
    ) -> None:
        """Bind the election.

        Args:
            lease: what is fought for.
            clock: its monotonic side alone is read.
            identity: a name that no other process has ever had.
            end: ends the process at once; called with the reason when the Lease is lost.
            place: where this process is the only one that is alive, as `lease_state` explains; its identity begins with
                it. Default: there is no such place.
            timing: what all replicas keep to.
        """
        self._lease = lease
        self._clock = clock
        self._end = end
        self._timing = timing or LeaseTiming()
        self._lease_state = LeaseState(identity=identity, place=place)
        self._current = False
        self._unanswered: _Write | None = None
        self._looked = False
        self._refusal: str | None = None

    @property
    def leads(self) -> bool:
        """Whether the Lease was acquired and not released since; whether there is time left is another question."""
        return self._lease_state.until is not None

    def not_ready_reasons(self) -> tuple[str, ...]:
        """Return why this replica could not take over if it had to; empty where it could, or leads."""
        if self._refusal is not None:
            return (self._refusal,)
        return () if self._looked else ("the lease was not reached yet",)

    def seconds_left(self) -> float:
        """Return for how long this replica may go on without a renewal; not positive where it may not write."""
        until = self._lease_state.until
        return 0.0 if until is None else until - self._clock.monotonic()

    async def win(self) -> None:
        """Wait until this replica leads."""
        _LOG.info("%s waits for its turn to lead", self._lease_state.identity)
        while True:
            await self._attempt()
            if self.leads:
                _LOG.info("%s leads", self._lease_state.identity)
                return
            await asyncio.sleep(self._timing.retry)

    async def keep(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(self._timing.retry)
            await self._attempt()

    async def release(self) -> None:
        """Let another replica take over at once, also where it is not known whether this one has just taken over.

        This one must have ended its work; it may not write any more.
        """
        if not self.leads and self._unanswered is None:
            return
        self._lease_state = replace(self._lease_state, until=None)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._free()
        except (ClusterError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            _LOG.warning("the lease was not released, others wait until it is over: %s", reason)

    async def _free(self) -> None:
        """Free the Lease where it names this process; where it may yet come to name it, free it as well.

        A write that has no answer may have been done, or be under way still. It was allowed to take the Lease as it
        was then; so is this one to free that, and whichever of the two is later is refused.
        """
        for _ in range(_TRIES):
            found = await self._lease.read()
            names_this = found is not None and found.holder == self._lease_state.identity
            if not names_this and (self._unanswered is None or found != self._unanswered.seen):
                return
            try:
                await self._lease.write(found, "")
            except (ConflictError, NotFoundError):
                continue
            self._unanswered = None
            _LOG.info("%s has released the lease", self._lease_state.identity)
            return
        raise ConflictError("it was changed at the same time")

    async def _attempt(self) -> None:
        """Look and write once; a failure is repeated by the caller, and ends the process when time is up."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._look_and_write()
        except ForbiddenError as error:
            self._current = False
            self._note_refusal(error)
        except (ClusterError, TimeoutError) as error:
            self._current = False
            _LOG.warning("the lease is out of reach, will retry: %s", str(error) or "no answer in time")
        except asyncio.CancelledError:
            # kopf cancels every task that came after it, those of a connection being made among them.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._current = False

    async def _look_and_write(self) -> None:
        for _ in range(_TRIES):
            if not (self.leads and self._current):
                await self._look()
            step = next_step(self._lease_state, now := self._clock.monotonic(), self._timing)
            if step is Step.LOST:
                self._lose(now)
            if step is Step.WAIT:
                self._note_access()
            if step in {Step.WAIT, Step.LOST} or await self._write(now):
                return

    async def _look(self) -> None:
        record = await self._lease.read()
        self._lease_state = observe(self._lease_state, record, self._clock.monotonic())
        if self._unanswered is not None and record != self._unanswered.seen:
            # Either it was done, and the Lease names this process, or something else was and it is refused.
            self._unanswered = None

    async def _write(self, now: float) -> bool:
        self._unanswered = _Write(self._lease_state.seen)
        try:
            record = await self._lease.write(self._lease_state.seen, self._lease_state.identity)
        except (ConflictError, NotFoundError):
            self._current, self._unanswered = False, None
            return False
        except ForbiddenError:
            self._unanswered = None
            raise
        self._lease_state, self._current = record_write(self._lease_state, record, now, self._timing), True
        self._unanswered = None
        self._note_access()
        return True

    def _note_access(self) -> None:
        if self._refusal is not None:
            _LOG.info("the lease is no longer refused")
        self._refusal, self._looked = None, True

    def _note_refusal(self, error: ForbiddenError) -> None:
        refusal = f"{ROLE_MISSING}: {error}"
        if self._refusal != refusal:
            _LOG.error("%s", refusal)
        self._refusal = refusal

    def _lose(self, now: float) -> None:
        until, seen = self._lease_state.until, self._lease_state.seen
        self._lease_state = replace(self._lease_state, until=float("-inf"))
        if until is not None and now >= until:
            self._end(NOT_RENEWED)
        else:
            self._end(f"the lease is held by {seen.holder if seen else 'nobody'!r}")
