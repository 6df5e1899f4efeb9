"""The election as it runs: failures are repeated, a lost lease ends the process, a release comes last."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from idla_operator.controllers.leader.election import NOT_RENEWED, Election
from idla_operator.controllers.leader.lease_state import LeaseTiming
from idla_operator.ports import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    LeaseRecord,
    NotFoundError,
    UnavailableError,
)

from tests.unit.operator.fake_cluster import FakeClock

TERMS = LeaseTiming(duration=15.0, renewal=10.0, retry=0.0)
ONCE = 3600.0
"""Seconds between two attempts, so that a test sees one."""
RELEASED = LeaseRecord(version="1", holder="", seconds=15.0)


class FakeLease:
    """A Lease in memory; `fails` holds what the next writes raise, and whether they were done nevertheless."""

    def __init__(self, record: LeaseRecord | None = RELEASED) -> None:
        self.record = record
        self.fails: list[tuple[ClusterError, bool]] = []
        self.holders: list[str] = []
        self.held: list[bool] = []
        """What becomes of the next writes that have no answer: whether they are done; those that are not may yet be."""
        self.under_way: list[tuple[LeaseRecord | None, str]] = []
        self._versions = 1

    def put(self, holder: str) -> LeaseRecord:
        self._versions += 1
        self.record = LeaseRecord(version=str(self._versions), holder=holder, seconds=15.0)
        return self.record

    async def read(self) -> LeaseRecord | None:
        return self.record

    async def write(self, seen: LeaseRecord | None, holder: str) -> LeaseRecord:
        if self.fails:
            error, done = self.fails.pop(0)
            if done:
                self.put(holder)
            raise error
        if self.held:
            if self.held.pop(0):
                self.do(seen, holder)
            else:
                self.under_way.append((seen, holder))
            await asyncio.sleep(3600)
        return self.do(seen, holder)

    def do(self, seen: LeaseRecord | None, holder: str) -> LeaseRecord:
        if seen != self.record:
            raise NotFoundError("gone") if self.record is None else ConflictError("changed")
        self.holders.append(holder)
        return self.put(holder)


class Scene:
    """An election whose process does not end; `reasons` holds why it should have."""

    def __init__(self, record: LeaseRecord | None = RELEASED, *, retry: float = 0.0) -> None:
        self.lease, self.clock, self.reasons = FakeLease(record), FakeClock(), list[str]()
        timing = replace(TERMS, retry=retry)
        self.election = Election(self.lease, self.clock, identity="me", end=self.reasons.append, timing=timing)

    def win(self) -> None:
        asyncio.run(self.election.win())

    def look(self) -> None:
        """Try to win, and be asked to end while that has no answer, or before it is tried a second time."""

        async def main() -> None:
            winning = asyncio.create_task(self.election.win())
            for _ in range(10):
                await asyncio.sleep(0)
            winning.cancel()
            await asyncio.wait((winning,))
            assert winning.cancelled()

        asyncio.run(main())

    def give_up(self) -> None:
        """Look, and release."""
        self.look()
        asyncio.run(self.election.release())

    @property
    def holder(self) -> str | None:
        return None if self.lease.record is None else self.lease.record.holder

    def keep(self) -> None:
        """Let it renew for a few turns of the event loop."""

        async def main() -> None:
            keeping = asyncio.create_task(self.election.keep())
            for _ in range(10):
                await asyncio.sleep(0)
            keeping.cancel()
            await asyncio.wait((keeping,))
            assert keeping.cancelled()

        asyncio.run(main())


def test_a_released_lease_is_taken_and_kept() -> None:
    scene = Scene()
    assert scene.election.seconds_left() == 0.0
    scene.win()
    assert (scene.election.leads, scene.election.seconds_left()) == (True, 10.0)
    scene.clock.seconds = 9.0
    assert scene.election.seconds_left() == 1.0
    scene.keep()
    assert (scene.election.seconds_left(), scene.reasons) == (10.0, [])
    assert set(scene.lease.holders) == {"me"}


def test_a_lease_that_somebody_holds_is_waited_for() -> None:
    scene = Scene(replace(RELEASED, holder="other"))

    async def main() -> None:
        waiting = asyncio.create_task(scene.election.win())
        for seconds in (0.0, 14.9):
            scene.clock.seconds = seconds
            for _ in range(10):
                await asyncio.sleep(0)
            assert not waiting.done()
        scene.clock.seconds = 15.0
        await waiting

    asyncio.run(main())
    assert scene.lease.holders == ["me"]


@pytest.mark.parametrize("done", [False, True], ids=["lost on the way", "its answer lost"])
def test_a_write_without_an_answer_is_repeated(caplog: pytest.LogCaptureFixture, *, done: bool) -> None:
    scene = Scene()
    scene.lease.fails = [(UnavailableError("no answer"), done)]
    with caplog.at_level(logging.WARNING):
        scene.win()
        scene.lease.fails = [(UnavailableError("no answer"), done)]
        scene.clock.seconds = 5.0
        scene.keep()
    assert (scene.election.seconds_left(), scene.reasons) == (10.0, [])
    assert [record.getMessage() for record in caplog.records] == [
        "the lease is out of reach, will retry: no answer"
    ] * 2


def test_a_lease_that_was_deleted_is_made_again_by_its_holder() -> None:
    scene = Scene()
    scene.win()
    scene.lease.record = None
    scene.keep()
    assert scene.reasons == []
    assert scene.lease.record is not None
    assert scene.lease.record.holder == "me"


def test_somebody_elses_change_of_the_object_is_no_loss() -> None:
    scene = Scene()
    scene.win()
    scene.lease.put("me")
    scene.keep()
    assert (scene.reasons, scene.election.seconds_left()) == ([], 10.0)


def test_a_lease_that_somebody_else_has_taken_ends_the_process() -> None:
    scene = Scene()
    scene.win()
    scene.lease.put("other")
    scene.keep()
    assert scene.reasons[0] == "the lease is held by 'other'"
    assert scene.election.seconds_left() == float("-inf")


def test_a_lease_that_was_not_renewed_in_time_ends_the_process_before_it_is_asked_for() -> None:
    scene = Scene()
    scene.win()
    scene.clock.seconds = 10.0
    scene.keep()
    assert scene.reasons[0] == NOT_RENEWED
    assert scene.lease.holders == ["me"]


def test_what_is_released_is_free_and_not_written_again(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    asyncio.run(scene.election.release())
    assert scene.lease.holders == []
    scene.win()
    asyncio.run(scene.election.release())
    assert (scene.lease.holders, scene.election.leads) == (["me", ""], False)
    scene.win()
    scene.lease.fails = [(UnavailableError("no answer"), False)]
    with caplog.at_level(logging.WARNING):
        asyncio.run(scene.election.release())
    assert "others wait until it is over" in caplog.text


@pytest.mark.parametrize("record", [RELEASED, replace(RELEASED, holder="dead"), None], ids=["free", "over", "missing"])
@pytest.mark.parametrize("done", [True, False], ids=["done", "under way"])
def test_a_lease_whose_taking_was_not_answered_is_released(record: LeaseRecord | None, *, done: bool) -> None:
    scene = Scene(record, retry=ONCE)
    if record != RELEASED:
        scene.look()
    scene.clock.seconds = 15.0
    scene.lease.held = [done]
    scene.give_up()
    assert (scene.holder, scene.election.leads) == ("", False)
    for seen, holder in scene.lease.under_way:
        with pytest.raises(ConflictError):
            scene.lease.do(seen, holder)
    assert scene.holder == ""


def test_a_lease_that_somebody_else_took_meanwhile_is_not_released() -> None:
    scene = Scene(retry=ONCE)
    scene.lease.held = [False]
    read, reads = scene.lease.read, list[None]()

    async def read_later() -> LeaseRecord | None:
        reads.append(None)
        if len(reads) == 2:
            scene.lease.put("other")
        return await read()

    scene.lease.read = read_later  # type: ignore[method-assign]
    scene.give_up()
    assert (scene.holder, scene.lease.holders) == ("other", [])


def test_a_taking_that_arrives_while_it_is_taken_back_is_released() -> None:
    scene = Scene(retry=ONCE)
    scene.lease.held = [False]
    read, reads = scene.lease.read, list[None]()

    async def read_before() -> LeaseRecord | None:
        reads.append(None)
        found = await read()
        if len(reads) == 2:
            scene.lease.do(*scene.lease.under_way.pop())
        return found

    scene.lease.read = read_before  # type: ignore[method-assign]
    scene.give_up()
    assert (scene.holder, scene.lease.holders) == ("", ["me", ""])


def test_somebody_elses_lease_is_not_released_for_a_write_that_was_refused_before() -> None:
    scene = Scene(retry=ONCE)
    scene.lease.fails = [(UnavailableError("no answer"), False)]
    scene.look()
    scene.lease.put("other")
    scene.give_up()
    assert (scene.holder, scene.lease.holders) == ("other", [])


def test_a_renewal_without_an_answer_does_not_keep_the_lease_from_being_released() -> None:
    scene = Scene()
    scene.win()
    scene.lease.held = [True]
    scene.keep()
    asyncio.run(scene.election.release())
    assert scene.holder == ""


def test_who_is_refused_the_lease_says_what_to_apply_and_goes_on_when_it_is_applied(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(retry=ONCE)
    assert scene.election.not_ready_reasons() == ("the lease was not reached yet",)
    error = ForbiddenError("GET leases: 403")
    refusal = (
        f"the Role idla-operator is missing or incomplete, apply the overlay that installed the operator again: {error}"
    )
    scene.lease.fails = [(error, False)] * 3
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            scene.look()
            assert scene.election.not_ready_reasons() == (refusal,)
        scene.win()
    assert scene.election.not_ready_reasons() == ()
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [entry for entry in told if "waits for its turn" not in entry[1]] == [
        ("ERROR", refusal),
        ("INFO", "the lease is no longer refused"),
        ("INFO", "me leads"),
    ]


def test_a_replica_that_waits_could_take_over() -> None:
    scene = Scene(replace(RELEASED, holder="other"), retry=ONCE)
    scene.look()
    assert (scene.election.not_ready_reasons(), scene.election.leads) == ((), False)


def test_a_cancellation_that_was_meant_for_somebody_else_is_outlived() -> None:
    scene = Scene()
    calls: list[None] = []

    async def read() -> LeaseRecord | None:
        calls.append(None)
        if len(calls) == 1:
            raise asyncio.CancelledError
        return scene.lease.record

    scene.lease.read = read  # type: ignore[method-assign]  # what kopf does to a connection that is being made
    scene.win()
    assert len(calls) == 2
