"""Takes part in the election of the replica that works: looks, acquires, renews, releases."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from idla_operator.controllers.leadership import Standing, Step, Terms, next_step, saw, wrote
from idla_operator.ports import Clock, ClusterError, ConflictError, Lease, NotFoundError

ATTEMPT_SECONDS = 4.0
"""Of one look or write, so that a few fit into the time for a renewal."""
_TRIES = 2
"""A write that was refused is followed by one look and one more write."""
_LOG = logging.getLogger(__name__)


class Election:
    """One replica's part in it."""

    def __init__(
        self, lease: Lease, clock: Clock, *, identity: str, end: Callable[[str], None], terms: Terms | None = None
    ) -> None:
        """Bind the election.

        Args:
            lease: what is fought for.
            clock: its monotonic side alone is read.
            identity: a name that no other process has ever had.
            end: ends the process at once; called with the reason when the Lease is lost.
            terms: what all replicas keep to.
        """
        self._lease = lease
        self._clock = clock
        self._end = end
        self._terms = terms or Terms()
        self._standing = Standing(identity=identity)
        self._current = False

    @property
    def leads(self) -> bool:
        """Whether the Lease was acquired and not released since; whether there is time left is another question."""
        return self._standing.until is not None

    def seconds_left(self) -> float:
        """Return for how long this replica may go on without a renewal; not positive where it may not write."""
        until = self._standing.until
        return 0.0 if until is None else until - self._clock.monotonic()

    async def win(self) -> None:
        """Wait until this replica leads."""
        _LOG.info("%s waits for its turn to lead", self._standing.identity)
        while True:
            await self._attempt()
            if self.leads:
                _LOG.info("%s leads", self._standing.identity)
                return
            await asyncio.sleep(self._terms.retry)

    async def keep(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(self._terms.retry)
            await self._attempt()

    async def release(self) -> None:
        """Let another replica take over at once. This one must have ended its work; it may not write any more."""
        seen = self._standing.seen
        if not self.leads or seen is None:
            return
        self._standing = replace(self._standing, until=None)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._lease.write(seen, "")
        except (ClusterError, TimeoutError) as error:
            _LOG.warning("the lease was not released, others wait until it is over: %s", error)
        else:
            _LOG.info("%s has released the lease", self._standing.identity)

    async def _attempt(self) -> None:
        """Look and write once; a failure is repeated by the caller, and ends the process when time is up."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._look_and_write()
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
                record = await self._lease.read()
                self._standing = saw(self._standing, record, self._clock.monotonic())
            step = next_step(self._standing, now := self._clock.monotonic(), self._terms)
            if step is Step.LOST:
                self._lost(now)
            if step in {Step.WAIT, Step.LOST}:
                return
            try:
                written = await self._lease.write(self._standing.seen, self._standing.identity)
            except (ConflictError, NotFoundError):
                self._current = False
                continue
            self._standing, self._current = wrote(self._standing, written, now, self._terms), True
            return

    def _lost(self, now: float) -> None:
        until, seen = self._standing.until, self._standing.seen
        self._standing = replace(self._standing, until=float("-inf"))
        if until is not None and now >= until:
            self._end(NOT_RENEWED)
        else:
            self._end(f"the lease is held by {seen.holder if seen else 'nobody'!r}")


NOT_RENEWED = "the lease was not renewed in time"
