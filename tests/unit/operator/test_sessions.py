import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from idla_operator.controllers.keyqueue import Backoff
from idla_operator.controllers.sessions import (
    GIVE_UP_AFTER,
    HEALTHY_SECONDS,
    EndRequest,
    Renewal,
    SetupError,
    run_sessions,
)

from tests.unit.operator.fake_cluster import FakeClock

AT_ONCE = Backoff(first=0.0, cap=0.0)


Session = Callable[[], Coroutine[Any, Any, None]]


def run(session: Session, clock: FakeClock | None = None, *, restart: Backoff = AT_ONCE) -> int:
    async def main() -> int:
        return await run_sessions(session, clock or FakeClock(), EndRequest(), restart=restart)

    return asyncio.run(main())


def test_a_session_that_fails_is_followed_by_another_one(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Exception] = [
        ExceptionGroup("tasks", [RuntimeError("the watch ended in the middle of a line")]),
        SetupError("apply the CRDs of crds/"),
    ]

    async def session() -> None:
        if failures:
            raise failures.pop(0)

    with caplog.at_level(logging.ERROR):
        assert run(session) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "the session ended: RuntimeError: the watch ended in the middle of a line; another one follows",
        "apply the CRDs of crds/",
    ]


def test_a_process_whose_sessions_all_fail_ends(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[None] = []

    async def session() -> None:
        begun.append(None)
        raise SetupError("no")

    with caplog.at_level(logging.CRITICAL):
        assert run(session) == 1
    assert len(begun) == GIVE_UP_AFTER


def test_a_session_that_ends_for_a_better_one_has_not_failed(caplog: pytest.LogCaptureFixture) -> None:
    left = [None] * (2 * GIVE_UP_AFTER)

    async def session() -> None:
        if left:
            left.pop()
            raise ExceptionGroup("tasks", [Renewal("namespace hearing can be worked in now")])

    with caplog.at_level(logging.INFO):
        assert run(session) == 0
    assert {(record.levelname, record.getMessage()) for record in caplog.records} == {
        ("INFO", "namespace hearing can be worked in now; another session begins")
    }


def test_failures_far_apart_are_not_in_a_row(caplog: pytest.LogCaptureFixture) -> None:
    clock, left = FakeClock(), [None] * (3 * GIVE_UP_AFTER)

    async def session() -> None:
        clock.seconds += HEALTHY_SECONDS + 1
        if left:
            left.pop()
            raise SetupError("no")

    with caplog.at_level(logging.CRITICAL):
        assert run(session, clock) == 0


def test_a_signal_between_two_sessions_ends_the_process(caplog: pytest.LogCaptureFixture) -> None:
    async def session() -> None:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        raise SetupError("no")

    with caplog.at_level(logging.CRITICAL):
        assert run(session, restart=Backoff(first=60.0, cap=60.0)) == 0


@pytest.mark.parametrize("asked", [False, True], ids=["while it prepares", "before it began"])
def test_a_session_that_does_not_listen_to_signals_yet_is_cancelled(*, asked: bool) -> None:
    ended: list[str] = []

    async def session() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("in order")

    async def main() -> int:
        end = EndRequest()
        if asked:
            end.listen()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
        return await run_sessions(session, FakeClock(), end)

    assert asyncio.run(main()) == 0
    assert ended == ["in order"]
