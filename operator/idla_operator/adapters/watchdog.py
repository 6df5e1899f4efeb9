"""Ends the process when its time is up, whatever the event loop does: it may hang, or be woken after a long sleep."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EXIT_CODE = 1
_LOG = logging.getLogger(__name__)


def end_process(reason: str) -> None:
    """End the process at once. Nothing is tidied up: whatever still ran could write."""
    try:
        _LOG.critical("the process ends: %s", reason)
    finally:
        os._exit(EXIT_CODE)


@contextmanager
def watched(seconds_left: Callable[[], float], end: Callable[[], None]) -> Iterator[None]:
    """Call `end` from a thread as soon as there are no seconds left, until the context is left.

    Args:
        seconds_left: safe to be called from any thread.
        end: called at most once.
    """
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            left = seconds_left()
            if left <= 0:
                end()
                return
            stop.wait(left)

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
