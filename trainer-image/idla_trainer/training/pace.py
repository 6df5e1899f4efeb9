"""How many steps one call of the compiled function takes."""

_SETTLED = 2
"""Calls after which nothing is compiled, and no buffer is filled, any more."""
_SECONDS = 0.25
"""Of a call: what SIGTERM, a checkpoint and the progress wait for at most, as long as a step is shorter."""


class Pace:
    """Steps of the next call: one at first, then at most twice as many as before, and as many as a quarter second."""

    def __init__(self) -> None:
        self.steps = 1
        self._calls, self._steps, self._seconds = 0, 0, 0.0

    @property
    def step_seconds(self) -> float | None:
        """Return the seconds of a step, but for the first calls, which compile; None: there were no others."""
        return self._seconds / self._steps if self._steps else None

    def note(self, steps: int, seconds: float) -> None:
        """Note how long a call took; one that an epoch's end cut short does not slow the next one down."""
        self._calls += 1
        if self._calls > _SETTLED:
            self._steps, self._seconds = self._steps + steps, self._seconds + seconds
        fitting = int(_SECONDS * steps / max(seconds, _SECONDS / 1000))
        self.steps = max(1, min(2 * self.steps, fitting))
