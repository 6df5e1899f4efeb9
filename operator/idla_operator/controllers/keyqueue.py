"""A keyed work queue: each key waits once, is worked on by one worker at a time, and is repeated with backoff.

`Schedule` is the bookkeeping on plain numbers; `KeyQueue` runs it on an event loop.
"""

import asyncio
import heapq
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from idla_operator.ports import Clock, ClusterError

K = TypeVar("K", bound=Hashable)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Seconds between repetitions of a failing key: doubled each time, with jitter, up to a cap."""

    first: float = 1.0
    cap: float = 60.0

    def seconds(self, failures: int, jitter: float) -> float:
        """Return the pause after `failures` failures in a row (at least 1); `jitter` is drawn from 0 to 1."""
        whole = min(self.cap, self.first * 2.0 ** min(failures - 1, 32))
        return whole * (0.5 + 0.5 * jitter)


class Schedule(Generic[K]):
    """Which key is next. Times are seconds of a clock that never runs backwards."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._ready: OrderedDict[K, None] = OrderedDict()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._working: dict[K, float] = {}
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}

    def add(self, key: K, now: float) -> None:
        """Queue the key.

        A key that waits is queued once; one that is being reconciled is reconciled again when that ends. One that
        failed comes back no sooner than the first pause of the backoff, so that a storm of events cannot turn a
        failing key into a busy loop.
        """
        if key in self._working:
            self._again.add(key)
        elif key in self._failures:
            self.add_after(key, self._backoff.first, now)
        elif key not in self._ready:
            self._due.pop(key, None)
            self._ready[key] = None

    def add_after(self, key: K, seconds: float, now: float) -> None:
        """Queue the key in `seconds`, or earlier where that is wanted."""
        if key in self._ready:
            return
        due = now + max(seconds, 0.0)
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._count += 1
            heapq.heappush(self._heap, (due, self._count, key))

    def take(self, now: float) -> K | None:
        """Return the key that has waited longest and begin its reconciliation, or None where none is due."""
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                if key in self._working:
                    self._again.add(key)
                else:
                    self._ready.setdefault(key)
        if not self._ready:
            return None
        key, _ = self._ready.popitem(last=False)
        self._due.pop(key, None)
        self._working[key] = now
        return key

    def succeeded(self, key: K, requeue_after: float | None, now: float) -> None:
        """End the key's reconciliation; it is wanted again in `requeue_after` seconds, if that is a number."""
        self._failures.pop(key, None)
        del self._working[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key, now)
        if requeue_after is not None:
            self.add_after(key, requeue_after, now)

    def failed(self, key: K, jitter: float, now: float, *, made_progress: bool = False) -> float:
        """End the key's reconciliation and repeat it later; return in how many seconds.

        One that made progress before it failed is the first failure of a new row. The pause after it is no shorter
        than what any event may bring a failing key forward to, so that even progress without an end makes no busy loop.
        """
        failures = self._failures[key] = 1 if made_progress else self._failures.get(key, 0) + 1
        seconds = self._backoff.seconds(failures, jitter)
        del self._working[key]
        self._again.discard(key)
        self.add_after(key, seconds, now)
        return seconds

    def next_due(self) -> float | None:
        """Return when the next delayed key becomes due, or None."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def oldest_reconciliation(self) -> float | None:
        """Return when the longest running reconciliation began, or None."""
        return min(self._working.values(), default=None)

    def __len__(self) -> int:
        """Return how many keys wait now, delayed ones aside."""
        return len(self._ready)


class KeyQueue(Generic[K]):
    """Reconciles keys until it is cancelled. Everything else may be called from the event loop's thread at any time."""

    def __init__(
        self, reconcile: Callable[[K], Awaitable[float | None]], *, clock: Clock, workers: int, backoff: Backoff
    ) -> None:
        """Bind the queue to what reconciles a key.

        Args:
            reconcile: reconciles a key; returns after how many seconds to do so again, or None. Whatever it raises is
                logged and makes the key wait for its backoff, for the first pause of it where progress was made.
            clock: where time comes from.
            workers: reconciliations at a time.
            backoff: pauses after failures.
        """
        self._reconcile = reconcile
        self._clock = clock
        self._workers = workers
        self._schedule: Schedule[K] = Schedule(backoff)
        self._wake = asyncio.Event()

    def add(self, key: K) -> None:
        """Queue the key."""
        self._schedule.add(key, self._clock.monotonic())
        self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Queue the key in `seconds` at the latest."""
        self._schedule.add_after(key, seconds, self._clock.monotonic())
        self._wake.set()

    def slowest_seconds(self) -> float:
        """Return for how long the longest reconciliation has been running, 0 where none is."""
        began = self._schedule.oldest_reconciliation()
        return 0.0 if began is None else self._clock.monotonic() - began

    def waiting(self) -> int:
        """Return how many keys wait now, delayed ones aside."""
        return len(self._schedule)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._work(), name=f"reconciler {number}")

    async def _work(self) -> None:
        while True:
            key = self._schedule.take(self._clock.monotonic())
            if key is None:
                await self._wait()
                continue
            # Others may be asleep on the signal that this one took.
            self._wake.set()
            await self._one(key)

    async def _wait(self) -> None:
        self._wake.clear()
        due = self._schedule.next_due()
        pause = None if due is None else max(due - self._clock.monotonic(), 0.0)
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _one(self, key: K) -> None:
        try:
            after = await self._reconcile(key)
        except Exception as error:  # noqa: BLE001  # a key that fails must never end the work on the others
            jitter, now = random.random(), self._clock.monotonic()  # noqa: S311  # no secret
            made_progress = isinstance(error, ClusterError) and error.made_progress
            seconds = self._schedule.failed(key, jitter, now, made_progress=made_progress)
            fields = {"key": str(key), "seconds": round(seconds, 1)}
            if isinstance(error, ClusterError):
                _LOG.warning("a reconciliation is repeated: %s", error, extra={"fields": fields})
            else:
                _LOG.error("a reconciliation failed and is repeated", exc_info=error, extra={"fields": fields})
        else:
            self._schedule.succeeded(key, after, self._clock.monotonic())
        self._wake.set()
