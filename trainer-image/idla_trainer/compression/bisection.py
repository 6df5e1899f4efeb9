"""The search for the smallest network that is as good: which share of the channels stays, within a time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class TimeBudget:
    """The time that a search may take."""

    budget_seconds: float
    now: Callable[[], float] = time.monotonic
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.now()

    def left(self) -> float:
        """Return the seconds that are left; never less than 0."""
        return max(0.0, self.budget_seconds - (self.now() - self._started))

    def charge(self, seconds: float) -> None:
        """Count seconds that an earlier attempt has spent."""
        self._started -= seconds

    def allows(self, seconds: float) -> bool:
        """Tell whether something that takes so long would still end in time."""
        return seconds < self.left()


def bisect_shares(shares: Sequence[float], attempt: Callable[[float], bool | None]) -> tuple[float, ...]:
    """Return the shares that were tried, in this order, on the way to the smallest that passes.

    By bisection: a network that keeps more is taken to pass where a smaller one does, so that of n shares about
    log2(n) are tried; the first one is that in the middle.

    Args:
        shares: of channels to keep.
        attempt: makes a network and tells whether it passes; None: the time is over.
    """
    ordered, tried = sorted(set(shares), reverse=True), []
    low, high = 0, len(ordered) - 1
    while low <= high:
        middle = (low + high) // 2
        passed = attempt(ordered[middle])
        if passed is None:
            break
        tried.append(ordered[middle])
        low, high = (middle + 1, high) if passed else (low, middle - 1)
    return tuple(tried)
