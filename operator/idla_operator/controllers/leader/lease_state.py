"""Which of several replicas works: what one of them knows of the Lease, and what it may do next.

Pure: moments are seconds of the replica's own clock that never runs backwards, and no moment of another machine is
ever read. A replica may take a Lease over only after it has itself seen it unchanged for longer than its holder may
work without renewing it; so two never lead at once as long as their clocks run at about the same speed, whatever
time of day they show. A Lease that is missing is no free Lease: its holder may not have noticed yet.
What is not covered: a Lease that is made and deleted again by hand before all who wait have looked (2 seconds) leaves
no trace, so that one of them may take it for missing all the time, and lead beside its holder until that renews it.

One holder is not waited for: a process of the same place, of which there is never more than one at a time. The place
is a pod, where this process is the first of its container and the only container of the pod that is given the pod's
uid. The kubelet starts a container only when the container runtime has reported that the one before has ended, and that
is when the kernel has ended every process in it, stopped and frozen ones as well: those are ended too, or the end is
not reported. A pod's uid is never given to another pod, and a pod is never on two nodes. What the ended process had
sent may still arrive, as after every change of the leader; a renewal of the Lease among it either comes before this
process's write, which then fails and is repeated, or fails itself.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from idla_operator.ports import LeaseRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTiming:
    """Seconds that all replicas keep to."""

    duration: float = 15.0
    """Without a change of the Lease, until another replica may take it over."""
    renewal: float = 10.0
    """From the beginning of the last renewal that succeeded, until its holder must have ended."""
    retry: float = 2.0
    """Between two attempts to take it over or to renew it."""


class Step(StrEnum):
    """What a replica does next."""

    WAIT = "Wait"
    ACQUIRE = "Acquire"
    RENEW = "Renew"
    LOST = "Lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """What a replica knows."""

    identity: str
    """Of this process alone; never empty."""
    seen: LeaseRecord | None = None
    """The Lease as it was last seen; None where there was none."""
    since: float | None = None
    """When it was first seen so; None before the first look."""
    until: float | None = None
    """Until when this replica may work; None where it does not lead."""
    place: str | None = None
    """Where at most one process is at a time, this one now; None where nobody promises that."""


def identity_in(place: str, process: str) -> str:
    """Return the identity of a process, from which those that come after it in the same place know it.

    Args:
        place: has no underscore.
        process: what no other process is called.
    """
    return f"{place}_{process}"


def observe(lease_state: LeaseState, record: LeaseRecord | None, now: float) -> LeaseState:
    """Return the state after a look at the Lease whose answer arrived at `now`."""
    if lease_state.since is not None and lease_state.seen == record:
        return lease_state
    return replace(lease_state, seen=record, since=now)


def record_write(lease_state: LeaseState, record: LeaseRecord, began: float, timing: LeaseTiming) -> LeaseState:
    """Return the state after the Lease was acquired or renewed by a request that was sent at `began` or later.

    Others see the change after that moment, so counting from it ends this replica's time before theirs.
    """
    return replace(lease_state, seen=record, since=began, until=began + timing.renewal)


def next_step(lease_state: LeaseState, now: float, timing: LeaseTiming) -> Step:
    """Return what to do at `now`. ACQUIRE and RENEW are writes that succeed only on the Lease that was seen."""
    if lease_state.since is None:
        return Step.WAIT
    seen = lease_state.seen
    if lease_state.until is not None:
        if now >= lease_state.until:
            return Step.LOST
        return Step.RENEW if seen is None or seen.holder == lease_state.identity else Step.LOST
    # A released Lease is free; one that names this process was taken by a write whose answer was lost.
    if seen is not None and (seen.holder in {"", lease_state.identity} or _has_ended(seen.holder, lease_state)):
        return Step.ACQUIRE
    promised = timing.duration if seen is None else max(seen.seconds, timing.duration)
    return Step.ACQUIRE if now - lease_state.since >= promised else Step.WAIT


def _has_ended(holder: str, lease_state: LeaseState) -> bool:
    return lease_state.place is not None and holder.startswith(identity_in(lease_state.place, ""))
