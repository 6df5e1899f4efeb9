"""How many steps one call of the compiled function takes."""

_SECONDS = 0.25
"""Of a call: what SIGTERM, a checkpoint and the progress wait for at most, as long as a step is shorter."""


class Pace:
    """Steps of the next call: one at first, then at most twice as many as before, and as many as a quarter second."""

    def __init__(self) -> None:
        self.steps = 1
        self.step_seconds: float | None = None
        """Of a step in the last call but the first one, which compiles; None: there was none."""
        self._compiled = False

    def note(self, steps: int, seconds: float) -> None:
        """Note how long a call took; one that an epoch's end cut short does not slow the next one down."""
        if self._compiled:
            self.step_seconds = seconds / steps
        self._compiled = True
        fitting = int(_SECONDS * steps / max(seconds, _SECONDS / 1000))
        self.steps = max(1, min(2 * self.steps, fitting))
