"""How many steps one call of the compiled function takes."""

_SECONDS = 0.25
"""Of a call: what SIGTERM, a checkpoint and the progress wait for at most, as long as a step is shorter."""


class Pace:
    """Steps of the next call: one at first, then at most twice as many as before, and as many as a quarter second."""

    def __init__(self) -> None:
        self.steps = 1

    def note(self, steps: int, seconds: float) -> None:
        """Note how long a call took; one that an epoch's end cut short does not slow the next one down."""
        fitting = int(_SECONDS * steps / max(seconds, _SECONDS / 1000))
        self.steps = max(1, min(2 * self.steps, fitting))
