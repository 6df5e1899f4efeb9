"""The one way in which tests, benchmarks, tools and the demonstration wait: for a state, never for a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SCALE = float(os.environ.get("IDLA_PATIENCE", "1"))
"""How much slower than most this machine is."""
PATIENCE = 300.0 * SCALE
"""Seconds after which a wait for one state is given up; `IDLA_PATIENCE` is a factor of it, for a slower machine."""

WHOLE = 8 * PATIENCE
"""Seconds after which a whole test is given up that waits for several states, the first one for a build as well."""

STORY = 12 * PATIENCE
"""Seconds after which a test is given up that follows a workflow of real pods over all its states."""


def until(
    check: Callable[[], T | None],
    what: Callable[[], object],
    *,
    patience: float = PATIENCE,
    period: float = 0.1,
) -> T:
    """Return what `check` returns as soon as that is true.

    Args:
        check: asked every `period` seconds.
        what: is shown where the wait is given up.
        patience: seconds; a multiple of `PATIENCE` where many states are waited for in one.
        period: seconds.

    Raises:
        AssertionError: it did not become true; the message shows `what`.
    """
    deadline = time.monotonic() + patience
    while True:
        # Looked at before the clock: a machine that held everything up for the whole time gets one more look.
        late = time.monotonic() >= deadline
        found = check()
        if found:
            return found
        if late:
            raise AssertionError(f"still waiting after {patience:.0f} seconds: {what()}")
        time.sleep(period)
