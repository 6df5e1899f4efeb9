"""The learning rate of each step."""

import math

from idla_contract.task import Schedule, Training

LOWEST = 0.01
"""Share of the peak at the end."""


def learning_rate(step: int, total_steps: int, training: Training, *, scale: float = 1.0) -> float:
    """Return the rate of a step: a warm-up in a line to the peak, then as the schedule says.

    Args:
        step: counted from 0.
        total_steps: of the whole training.
        training: the peak, the share of the warm-up and the schedule.
        scale: what a plateau has left of the rate.
    """
    peak = training.learning_rate * scale
    warm_up = max(1, math.ceil(total_steps * training.warm_up_percent / 100))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = min(1.0, (step + 1 - warm_up) / max(1, total_steps - warm_up))
    match training.schedule:
        case Schedule.COSINE:
            return peak * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * done)) / 2)
        case Schedule.LINEAR:
            return peak * (1 - (1 - LOWEST) * done)
        case Schedule.CONSTANT | Schedule.PLATEAU:
            return peak
