import asyncio
import logging
from collections.abc import Callable, Coroutine

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from idla_operator.adapters.clock import SystemClock
from idla_operator.controllers.keyqueue import Backoff, KeyQueue, Schedule
from idla_operator.ports import UnavailableError
from typing_extensions import override

from tools.waiting import PATIENCE


def schedule() -> Schedule[str]:
    return Schedule(Backoff(first=1.0, cap=8.0))


def taken(queue: Schedule[str], now: float) -> list[str]:
    found = []
    while (key := queue.take(now)) is not None:
        found.append(key)
    return found


def test_a_key_that_is_added_twice_has_one_turn() -> None:
    queue = schedule()
    for key in ("a", "b", "a"):
        queue.add(key, 0.0)
    assert taken(queue, 0.0) == ["a", "b"]


def test_a_key_that_is_worked_on_is_not_taken_by_another_worker_but_again_afterwards() -> None:
    queue = schedule()
    queue.add("a", 0.0)
    assert queue.take(0.0) == "a"
    queue.add("a", 1.0)
    assert queue.take(1.0) is None
    queue.succeeded("a", None, 2.0)
    assert queue.take(2.0) == "a"


def test_the_result_of_a_turn_says_when_the_next_one_is() -> None:
    queue = schedule()
    queue.add("a", 0.0)
    queue.take(0.0)
    queue.succeeded("a", 10.0, 1.0)
    assert (queue.next_due(), queue.take(10.9), queue.take(11.0)) == (11.0, None, "a")


def test_the_earlier_of_two_wishes_counts_and_gives_one_turn() -> None:
    queue = schedule()
    queue.add_after("a", 10.0, 0.0)
    queue.add_after("a", 2.0, 0.0)
    queue.add_after("a", 5.0, 0.0)
    assert (taken(queue, 1.9), taken(queue, 2.0)) == ([], ["a"])
    queue.succeeded("a", None, 2.0)
    assert (taken(queue, 100.0), queue.next_due()) == ([], None)


def test_an_event_brings_a_delayed_key_forward() -> None:
    queue = schedule()
    queue.add_after("a", 10.0, 0.0)
    queue.add("a", 1.0)
    assert taken(queue, 1.0) == ["a"]
    queue.succeeded("a", None, 1.0)
    assert taken(queue, 10.0) == []


def test_failures_in_a_row_wait_longer_each_time_up_to_the_cap_and_success_forgets_them() -> None:
    queue, now, pauses = schedule(), 0.0, []
    queue.add("a", now)
    for _ in range(6):
        assert queue.take(now) == "a"
        pauses.append(queue.failed("a", 1.0, now))
        now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert queue.take(now) == "a"
    queue.succeeded("a", 0.0, now)
    assert queue.take(now) == "a"
    assert queue.failed("a", 1.0, now) == 1.0


def test_a_failure_after_progress_waits_no_longer_than_the_first() -> None:
    queue, now, pauses = schedule(), 0.0, []
    queue.add("a", now)
    for made_progress in (False, False, False, True, False, True):
        assert queue.take(now) == "a"
        pauses.append(queue.failed("a", 1.0, now, made_progress=made_progress))
        now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 1.0, 2.0, 1.0]


def test_jitter_shortens_a_pause_by_at_most_half() -> None:
    backoff = Backoff(first=2.0, cap=60.0)
    assert (backoff.seconds(2, 0.0), backoff.seconds(2, 1.0), backoff.seconds(10_000, 0.0)) == (2.0, 4.0, 30.0)


def test_a_storm_of_events_does_not_make_a_failing_key_busy() -> None:
    queue = schedule()
    queue.add("a", 0.0)
    queue.take(0.0)
    queue.failed("a", 1.0, 0.0)
    queue.take(1.0)
    queue.failed("a", 1.0, 1.0)
    for moment in (1.1, 1.2, 1.3):
        queue.add("a", moment)
        assert queue.take(moment) is None
    assert queue.take(2.1) == "a"  # one first pause after the first event, before the backoff's 3.0


def test_an_event_during_a_turn_that_fails_waits_for_the_backoff() -> None:
    queue = schedule()
    queue.add("a", 0.0)
    queue.take(0.0)
    queue.add("a", 0.5)
    queue.failed("a", 1.0, 0.5)
    assert (queue.take(1.0), queue.take(1.5)) == (None, "a")


class ScheduleMachine(RuleBasedStateMachine):
    """Whatever happens, nobody works on a key twice at a time, and no key is lost."""

    keys = st.sampled_from("abc")

    def __init__(self) -> None:
        super().__init__()
        self.queue = schedule()
        self.now = 0.0
        self.working: set[str] = set()
        self.wanted: set[str] = set()

    @rule(key=keys)
    def add(self, key: str) -> None:
        self.queue.add(key, self.now)
        self.wanted.add(key)

    @rule(key=keys, seconds=st.floats(0, 5))
    def add_after(self, key: str, seconds: float) -> None:
        self.queue.add_after(key, seconds, self.now)
        self.wanted.add(key)

    @rule(seconds=st.floats(0, 5))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        key = self.queue.take(self.now)
        if key is not None:
            assert key not in self.working
            self.working.add(key)
            self.wanted.discard(key)

    @precondition(lambda self: self.working)
    @rule(well=st.booleans())
    def end(self, *, well: bool) -> None:
        key = min(self.working)
        self.working.discard(key)
        if well:
            self.queue.succeeded(key, None, self.now)
        else:
            self.queue.failed(key, 0.5, self.now)
            self.wanted.add(key)

    @invariant()
    def length_is_what_waits(self) -> None:
        assert len(self.queue) <= 3

    @override
    def teardown(self) -> None:
        for key in tuple(self.working):
            self.queue.succeeded(key, None, self.now)
        assert self.wanted <= set(taken(self.queue, self.now + 1000.0))


TestSchedule = ScheduleMachine.TestCase


def drive(
    turn: Callable[[str], Coroutine[None, None, None]], *keys: str, enough: asyncio.Event, cap: float = 0.005
) -> None:
    async def main() -> None:
        queue: KeyQueue[str] = KeyQueue(turn, clock=SystemClock(), workers=2, backoff=Backoff(first=0.005, cap=cap))
        for key in keys:
            queue.add(key)
        task = asyncio.create_task(queue.run())
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_poison_key_is_repeated_and_neither_stops_nor_delays_the_others(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    enough = asyncio.Event()

    async def turn(key: str) -> None:
        done.append(key)
        if done.count("poison") == 3 and {"a", "b"} <= set(done):
            enough.set()
        if key == "poison":
            raise RuntimeError("bad object")

    with caplog.at_level(logging.CRITICAL):
        drive(turn, "poison", "a", "b", enough=enough)
    assert (done.count("a"), done.count("b")) == (1, 1)


def test_turns_run_side_by_side_but_no_more_than_there_are_workers() -> None:
    running: set[str] = set()
    most: list[int] = []
    enough = asyncio.Event()

    async def turn(key: str) -> None:
        running.add(key)
        most.append(len(running))
        await asyncio.sleep(0.01)
        running.discard(key)
        if len(most) == 4 and not running:
            enough.set()

    drive(turn, "a", "b", "c", "d", enough=enough)
    assert max(most) == 2


def test_a_turn_that_fails_after_it_has_advanced_is_repeated_soon() -> None:
    enough = asyncio.Event()
    reconciler: list[str] = []

    async def turn(key: str) -> None:
        reconciler.append(key)
        if len(reconciler) == 20:  # without progress the pauses before it would add up to most of an hour
            enough.set()
        error = UnavailableError("no answer")
        error.made_progress = True
        raise error

    drive(turn, "a", enough=enough, cap=3600.0)
    assert len(reconciler) >= 20
