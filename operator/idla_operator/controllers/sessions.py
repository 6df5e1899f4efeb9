"""Sessions with the cluster, one after the other: kopf ends on faults of the API server that are no reason to stop."""

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from idla_operator.controllers.keyqueue import Backoff
from idla_operator.ports import Clock

RESTART = Backoff(first=1.0, cap=30.0)
"""Pauses between sessions that fail one after the other."""
HEALTHY_SECONDS = 300.0
"""A session that lasted this long is no failure in a row."""
GIVE_UP_AFTER = 20
"""Failures in a row after which the process ends, in case it is the process that is broken."""
_LOG = logging.getLogger(__name__)


class SetupError(Exception):
    """The cluster is not prepared; the message says what to apply."""


class Renewal(Exception):  # noqa: N818  # nothing is wrong
    """A session ends because the next one can do more; the message says what."""


class EndRequest:
    """That the process was asked to end, by SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def listen(self) -> None:
        """Listen to the signals (again). Needed after every run of kopf, which takes them for itself."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked.set)

    async def within(self, seconds: float) -> bool:
        """Wait until it was asked, at most for `seconds`; return whether it was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        return self._asked.is_set()

    async def interrupts(self, work: Coroutine[Any, Any, None]) -> bool:
        """Work until that is done, or is cancelled because the process was asked to end; return whether it was.

        Raises:
            Exception: whatever the work raises.
        """
        working, asked = asyncio.create_task(work), asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return False
            return True
        finally:
            for task in (working, asked):
                task.cancel()
            await asyncio.gather(working, asked, return_exceptions=True)


async def run_sessions(
    session: Callable[[], Coroutine[Any, Any, None]], clock: Clock, end: EndRequest, *, restart: Backoff = RESTART
) -> int:
    """Run sessions until one ends by itself, as it does when kopf gets SIGTERM or SIGINT; return the exit code.

    Args:
        session: builds everything from nothing, so that a failure leaves no trace in the next one.
        clock: tells how long a session lasted.
        end: ends a session that does not yet listen to signals itself, and the pause after one.
        restart: pauses after failures in a row.
    """
    failures = 0
    while failures < GIVE_UP_AFTER:
        began = clock.monotonic()
        end.listen()
        try:
            await end.interrupts(session())
        except Exception as error:  # noqa: BLE001  # whatever it was, the next session may do without it
            reason = _alone(error)
            in_a_row = not isinstance(reason, Renewal) and clock.monotonic() - began <= HEALTHY_SECONDS
            failures = failures + 1 if in_a_row else 1
            _say(reason)
        else:
            return 0
        finally:
            end.listen()
        if await end.within(restart.seconds(failures, random.random())):  # noqa: S311  # jitter
            return 0
    _LOG.critical("%d sessions failed one after the other; the process ends", failures)
    return 1


def _alone(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _say(error: BaseException) -> None:
    if isinstance(error, Renewal):
        _LOG.info("%s; another session begins", error)
    elif isinstance(error, SetupError):
        _LOG.error("%s", error)
    else:
        _LOG.error("the session ended: %s: %s; another one follows", type(error).__name__, error, exc_info=error)
