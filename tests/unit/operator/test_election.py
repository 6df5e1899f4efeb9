"""The election as it runs: failures are repeated, a lost lease ends the process, a release comes last."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from idla_operator.controllers.election import NOT_RENEWED, Election
from idla_operator.controllers.leadership import Terms
from idla_operator.ports import ClusterError, ConflictError, LeaseRecord, NotFoundError, UnavailableError

from tests.unit.operator.fake_cluster import FakeClock

TERMS = Terms(duration=15.0, renewal=10.0, retry=0.0)
RELEASED = LeaseRecord(version="1", holder="", seconds=15.0)


class FakeLease:
    """A Lease in memory; `fails` holds what the next writes raise, and whether they were done nevertheless."""

    def __init__(self, record: LeaseRecord | None = RELEASED) -> None:
        self.record = record
        self.fails: list[tuple[ClusterError, bool]] = []
        self.holders: list[str] = []
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
        if seen != self.record:
            raise NotFoundError("gone") if self.record is None else ConflictError("changed")
        self.holders.append(holder)
        return self.put(holder)


class Scene:
    """An election whose process does not end; `reasons` holds why it should have."""

    def __init__(self, record: LeaseRecord | None = RELEASED) -> None:
        self.lease, self.clock, self.reasons = FakeLease(record), FakeClock(), list[str]()
        self.election = Election(self.lease, self.clock, identity="me", end=self.reasons.append, terms=TERMS)

    def win(self) -> None:
        asyncio.run(self.election.win())

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
            await asyncio.sleep(0.01)
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
