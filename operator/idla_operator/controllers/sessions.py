"""Sessions with the cluster, one after the other: kopf ends on faults of the API server that are no reason to stop."""

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Awaitable, Callable

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


async def run_sessions(session: Callable[[], Awaitable[None]], clock: Clock, *, restart: Backoff = RESTART) -> int:
    """Run sessions until one ends by itself, as it does on SIGTERM and SIGINT; return the exit code.

    Args:
        session: builds everything from nothing, so that a failure leaves no trace in the next one.
        clock: tells how long a session lasted.
        restart: pauses after failures in a row.
    """
    failures = 0
    while failures < GIVE_UP_AFTER:
        began = clock.monotonic()
        try:
            await session()
        except Exception as error:  # noqa: BLE001  # whatever it was, the next session may do without it
            failures = 1 if clock.monotonic() - began > HEALTHY_SECONDS else failures + 1
            _say(error)
        else:
            return 0
        if await _stopped_within(restart.seconds(failures, random.random())):  # noqa: S311  # jitter
            return 0
    _LOG.critical("%d sessions failed one after the other; the process ends", failures)
    return 1


def _say(error: BaseException) -> None:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, SetupError):
        _LOG.error("%s", error)
    else:
        _LOG.error("the session ended: %s: %s; another one follows", type(error).__name__, error, exc_info=error)


async def _stopped_within(seconds: float) -> bool:
    """Wait; return whether SIGTERM or SIGINT came. kopf listens to them only while it runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    # Until kopf listens, a signal ends the process at once; nothing that a session does minds.
    for number in signals:
        loop.remove_signal_handler(number)
    return stop.is_set()
