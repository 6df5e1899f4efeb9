"""Is the operator alive: do its reconciliations end, and do its watches bring what exists."""

from collections.abc import Callable
from dataclasses import dataclass, field

from idla_operator.controllers.cache.resync import Resync
from idla_operator.controllers.keyqueue import KeyQueue
from idla_operator.ports import Reference

RECONCILE_LIMIT_SECONDS = 600.0
"""Every call has a time-out, so a reconciliation that lasts longer hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The parts of a running session that its health shows in."""

    queue: KeyQueue[Reference]
    resync: Resync
    unavailable: tuple[str, ...] = ()
    """Namespaces that are to be watched and cannot be, each with what to do."""


@dataclass(slots=True)
class Health:
    """What the probes answer. Between two sessions there is nothing to judge: the process is alive, but not ready."""

    session: Session | None = field(default=None)
    standby: Callable[[], tuple[str, ...]] | None = None
    """Where another replica works, returns why this one could not take over; None where this one works.

    A standby that could is ready: it is there to take over, which is all that is asked of it.
    """

    def unhealthy_reasons(self) -> tuple[str, ...]:
        """Return why the process should be started anew; empty where it should not."""
        if self.session is None:
            return ()
        found = [
            f"the watch of {watch} does not bring what exists" for watch in sorted(self.session.resync.stale, key=str)
        ]
        seconds = self.session.queue.slowest_seconds()
        if seconds > RECONCILE_LIMIT_SECONDS:
            found.append(f"a reconciliation has been running for {seconds:.0f} seconds")
        return tuple(found)

    def not_ready_reasons(self) -> tuple[str, ...]:
        """Return why the operator does not work yet; empty where it does, or is there to take over."""
        if self.standby is not None:
            return self.standby()
        if self.session is None:
            return ("no session with the cluster",)
        resync = self.session.resync
        refused = [f"{watch} may not be listed any more" for watch in sorted(resync.forbidden, key=str)]
        unknown = () if resync.complete else ("the first listing is not complete",)
        return (*self.session.unavailable, *refused, *unknown)
