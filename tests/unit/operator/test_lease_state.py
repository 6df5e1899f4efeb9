"""Who may lead when: a table of what one replica knows, and a law for two of them in a bad world."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_operator.controllers.leader.lease_state import (
    LeaseState,
    LeaseTiming,
    Step,
    identity_in,
    next_step,
    observe,
    record_write,
)
from idla_operator.ports import LeaseRecord

TERMS = LeaseTiming()
ME, OTHER = "me", "other"


def lease(holder: str, *, version: str = "7", seconds: float = 15.0) -> LeaseRecord:
    return LeaseRecord(version=version, holder=holder, seconds=seconds)


@pytest.mark.parametrize(
    ("seen", "since", "until", "step"),
    [
        pytest.param(None, None, None, Step.WAIT, id="before the first look"),
        pytest.param(None, 86.0, None, Step.WAIT, id="a missing lease is no free one"),
        pytest.param(None, 85.0, None, Step.ACQUIRE, id="missing for 15 s"),
        pytest.param(lease(""), 100.0, None, Step.ACQUIRE, id="released"),
        pytest.param(lease(OTHER), 85.1, None, Step.WAIT, id="unchanged for 14.9 s"),
        pytest.param(lease(OTHER), 85.0, None, Step.ACQUIRE, id="unchanged for 15 s"),
        pytest.param(lease(OTHER, seconds=40), 61.0, None, Step.WAIT, id="its holder was promised more"),
        pytest.param(lease(OTHER, seconds=40), 60.0, None, Step.ACQUIRE, id="and has had it"),
        pytest.param(lease(OTHER, seconds=1), 90.0, None, Step.WAIT, id="a shorter promise is not believed"),
        pytest.param(lease(ME), 99.0, None, Step.ACQUIRE, id="taken by a write whose answer was lost"),
        pytest.param(lease(ME), 95.0, 105.0, Step.RENEW, id="leads"),
        pytest.param(None, 99.0, 105.0, Step.RENEW, id="leads, and somebody deleted the lease"),
        pytest.param(lease(ME), 90.0, 100.0, Step.LOST, id="not renewed in time"),
        pytest.param(lease(OTHER), 99.0, 105.0, Step.LOST, id="somebody else took it"),
        pytest.param(lease(""), 99.0, 105.0, Step.LOST, id="somebody else released it"),
    ],
)  # fmt: skip
def test_a_replica_does_this_at_second_100(
    seen: LeaseRecord | None, since: float | None, until: float | None, step: Step
) -> None:
    assert next_step(LeaseState(identity=ME, seen=seen, since=since, until=until), 100.0, TERMS) is step


@pytest.mark.parametrize(
    ("place", "holder", "until", "step"),
    [
        pytest.param("pod-1", "pod-1_a", None, Step.ACQUIRE, id="its predecessor in the same pod has ended"),
        pytest.param("pod-1", "pod-2_a", None, Step.WAIT, id="another pod"),
        pytest.param("pod-1", "pod-11_a", None, Step.WAIT, id="another pod whose uid begins so"),
        pytest.param("pod-1", "pod-1", None, Step.WAIT, id="no identity of ours"),
        pytest.param(None, "pod-1_a", None, Step.WAIT, id="nobody promises that it is alone"),
        pytest.param("pod-1", "pod-1_a", 105.0, Step.LOST, id="there is a second one after all"),
    ],
)
def test_a_process_that_is_started_again_in_its_pod_does_this_at_once(
    place: str | None, holder: str, until: float | None, step: Step
) -> None:
    me = identity_in(place or "host", "me")
    lease_state = LeaseState(identity=me, place=place, seen=lease(holder), since=100.0, until=until)
    assert next_step(lease_state, 100.0, TERMS) is step


def test_only_a_change_begins_a_new_wait() -> None:
    first = observe(LeaseState(identity=ME), lease(OTHER), 10.0)
    assert (first.seen, first.since) == (lease(OTHER), 10.0)
    assert observe(first, lease(OTHER), 20.0) == first
    assert observe(first, lease(OTHER, version="8"), 20.0).since == 20.0
    gone = observe(first, None, 30.0)
    assert (gone.seen, gone.since) == (None, 30.0)
    assert observe(gone, None, 40.0) == gone


def test_a_tenure_counts_from_the_beginning_of_the_write() -> None:
    lease_state = record_write(observe(LeaseState(identity=ME), lease(""), 9.0), lease(ME, version="8"), 10.0, TERMS)
    assert lease_state == LeaseState(identity=ME, seen=lease(ME, version="8"), since=10.0, until=20.0)


@dataclass
class Server:
    """A Lease that is changed only as it was seen, as the API server does."""

    record: LeaseRecord | None = None
    versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def write(self, seen: LeaseRecord | None, holder: str) -> LeaseRecord | None:
        if seen != self.record:
            return None
        self.record = lease(holder, version=str(next(self.versions)))
        return self.record


@dataclass
class Replica:
    """A replica with a clock of its own; its requests take their time, get lost, or are answered late."""

    name: str
    offset: float
    rate: float
    in_a_pod: bool = False
    """Whether it is told its pod: it takes over at once from the process that it was."""
    lease_state: LeaseState = field(init=False)
    request: tuple[str, float, LeaseRecord | None] | None = None
    """What is on its way: read or write, when it began, what it was based on."""
    answer: tuple[str, float, LeaseRecord | None] | None = None
    """What the server answered and has not arrived: read or write, when it began, the Lease (None: refused or none)."""
    restarts: int = 0
    left: list[tuple[str, LeaseRecord | None]] = field(default_factory=list)
    """Writes that a process has sent before it ended, and that the server has not had yet: whose, and of what."""

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        if self.restarts and self.request and self.request[0] == "write":
            self.left.append((self.lease_state.identity, self.request[2]))
        self.restarts += 1
        place = self.name if self.in_a_pod else None
        self.lease_state = LeaseState(identity=identity_in(self.name, str(self.restarts)), place=place)
        self.request = self.answer = None

    def clock(self, now: float) -> float:
        return self.offset + self.rate * now

    def leads(self, now: float) -> bool:
        """Return whether it would write now: the check that comes before every write."""
        return self.lease_state.until is not None and self.clock(now) < self.lease_state.until

    def act(self, now: float) -> None:
        """Send what is next: a write where one is due, else a look."""
        if self.request or self.answer:
            return
        step = next_step(self.lease_state, self.clock(now), TERMS)
        if step is Step.LOST:
            self.restart()
        elif step is Step.WAIT:
            self.request = ("read", self.clock(now), None)
        else:
            self.request = ("write", self.clock(now), self.lease_state.seen)

    def arrive(self, server: Server) -> None:
        """Let the request reach the server."""
        if self.request is None:
            return
        kind, began, seen = self.request
        found = server.record if kind == "read" else server.write(seen, self.lease_state.identity)
        self.request, self.answer = None, (kind, began, found)

    def hear(self, now: float) -> None:
        """Let the answer arrive; a refused write is followed by a look."""
        if self.answer is None:
            return
        kind, began, record = self.answer
        self.answer = None
        if kind == "read":
            self.lease_state = observe(self.lease_state, record, self.clock(now))
        elif record is not None:
            self.lease_state = record_write(self.lease_state, record, began, TERMS)
        else:
            self.request = ("read", self.clock(now), None)

    def lose(self) -> None:
        """Lose whatever is on its way; the next thing it does is a look, as after every failure."""
        lost = self.request or self.answer
        self.request = self.answer = None
        if lost and self.lease_state.until is None:
            self.lease_state = LeaseState(identity=self.lease_state.identity, place=self.lease_state.place)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*["round"] * 6, "act", "arrive", "hear", "lose", "restart", "late", "delete"]),
        st.integers(0, 1),
        st.sampled_from([0.0, 0.0, 1.0, 2.0, 4.0, 7.0, 14.0, 60.0]),
    ),
    max_size=60,
)
CLOCK = st.tuples(st.floats(0, 1e6), st.sampled_from([0.9, 1.0, 1.1]))


def happen(what: str, one: Replica, server: Server, now: float, everybody: list[Replica]) -> None:
    if what in {"act", "round"}:
        one.act(now)
    if what in {"arrive", "round"}:
        one.arrive(server)
    if what in {"hear", "round"}:
        one.hear(now)
    if what == "lose":
        one.lose()
    if what == "restart":
        one.restart()
    if what == "late" and one.left:
        identity, seen = one.left.pop(0)
        server.write(seen, identity)
    # One that somebody deletes before all who waited for it have seen it looks to them as if it had never been there.
    if what == "delete" and all(replica.lease_state.seen or replica.lease_state.since is None for replica in everybody):
        server.record = None


@settings(max_examples=1000, deadline=None)
@given(clocks=st.tuples(CLOCK, CLOCK), in_pods=st.booleans(), events=EVENTS)
def test_two_replicas_never_lead_at_once(
    *, clocks: tuple[tuple[float, float], tuple[float, float]], in_pods: bool, events: list[tuple[str, int, float]]
) -> None:
    server, now = Server(lease("")), 0.0
    pair = [Replica(name, *clock, in_pods) for name, clock in zip("ab", clocks, strict=True)]
    begin = [("round", 0, 0.0), ("round", 0, 0.0), ("round", 1, 0.0)]
    for number, (what, which, pause) in enumerate([*begin, *events]):
        now += pause
        happen(what, pair[which], server, now, pair)
        assert [replica.leads(now) for replica in pair].count(True) <= 1, (number, now, pair, server)


def test_the_law_above_is_about_something() -> None:
    """The same world without troubles has a leader, and another one after the first has gone."""
    server, now = Server(), 0.0
    first, second = Replica("a", 5.0, 1.0), Replica("b", 1000.0, 1.0)
    led = []
    for turn in range(40):
        now += 2.0
        for replica in (first, second) if turn < 20 else (second,):
            for _ in range(2):
                replica.act(now)
                replica.arrive(server)
                replica.hear(now)
        led.append((first.leads(now), second.leads(now)))
    assert led[15] == (True, False)
    assert led[-1] == (False, True)
