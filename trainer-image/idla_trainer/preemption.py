"""SIGTERM: at once between two instructions, or after the current steps where a checkpoint is worth its seconds."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from idla_trainer.failures import PreemptedError


class Preemption:
    """Turns SIGTERM and SIGINT into `PreemptedError`."""

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False

    def install(self) -> None:
        """Take over both signals; only in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def check(self) -> None:
        """Raise `PreemptedError` if a signal came."""
        if self.requested:
            raise PreemptedError

    def settle(self) -> None:
        """Let every signal from now on only be noted: the end is near, and its answer must be written."""
        self._deferred = True

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Let a signal only be noted inside this block: the block asks for it where it can stop."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        again, self.requested = self.requested, True
        if not self._deferred and not again:
            raise PreemptedError
