"""The learning rate of each step."""

import math

WARM_UP_PERCENT = 5
LOWEST = 0.01
"""Share of the peak at the end."""


def learning_rate(step: int, total_steps: int, peak: float) -> float:
    """Return the rate of a step counted from 0: linear warm-up to `peak`, then cosine decay to 1 % of it."""
    warm_up = max(1, math.ceil(total_steps * WARM_UP_PERCENT / 100))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = min(1.0, (step + 1 - warm_up) / max(1, total_steps - warm_up))
    return peak * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * done)) / 2)
