"""What a command says while it works: numbered steps, elapsed time, a heartbeat in long ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_BEAT_SECONDS = 20.0
Beat = Callable[[], None]


def silent() -> None:
    """Say nothing: the heartbeat of callers that have nobody to tell."""


class Progress:
    """Numbers the steps of one command and says how long each took, on stderr."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since this object was made."""
        return time.monotonic() - self._began

    @contextmanager
    def step(self, title: str) -> Iterator[Beat]:
        """Announce a step; the value is its heartbeat, which prints a line now and then."""
        self._number += 1
        label = f"[{self._number:>2}/{self._total:>2}] {title}"
        began = spoken = time.monotonic()
        talked = False
        _say(f"{label} ...", end="")

        def beat() -> None:
            nonlocal spoken, talked
            now = time.monotonic()
            if now - spoken >= _BEAT_SECONDS:
                _say(f"\n        still at it after {now - began:.0f} s", end="")
                spoken, talked = now, True

        try:
            yield beat
        except BaseException:
            _say(f" FAILED after {time.monotonic() - began:.1f} s")
            raise
        _say(f"\n{label} ... {time.monotonic() - began:.1f} s" if talked else f" {time.monotonic() - began:.1f} s")


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)
