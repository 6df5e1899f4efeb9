"""The least value of a smooth function of many numbers by its gradient: L-BFGS (Nocedal and Wright, 2006, 7.2)."""

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Slope = Callable[[Vector], tuple[float, Vector]]
"""Returns the value at a place, and the gradient there."""
Move = tuple[Vector, Vector]
"""How far a step went, and how much the gradient changed by it."""
_MEMORY, _LEAST, _MEMORY_BYTES = 10, 3, 1 << 25
"""Moves that are remembered: at most, at least, and in between as many as fit into so many bytes."""
_ENOUGH, _HALVINGS = 1e-4, 30
_ALIKE = 1e-7
"""Relative decrease below which sums of 32-bit numbers tell no step from another."""
_IDLE = 5
"""Such steps in a row after which there is nothing left to find; one alone may have been a short one."""


def minimize(slope: Slope, start: Vector, *, steps: int) -> Vector:
    """Return the place of the least value that was found; it is never higher than at the start.

    Args:
        slope: of the function.
        start: where the search begins, [D].
        steps: at most; it ends before where the value hardly falls any more.
    """
    place, (value, gradient), idle = start, slope(start), 0
    moves: deque[Move] = deque(maxlen=min(_MEMORY, max(_LEAST, _MEMORY_BYTES // max(1, 2 * start.nbytes))))
    for _ in range(steps):
        way = -_curved(gradient, moves)
        found = _along(slope, place, way, value, float(way @ gradient))
        if found is None:
            if not moves:
                break
            moves.clear()  # rounded gradients have told a curvature that there is not
            continue
        new, (lower, after) = found
        move = (new - place, after - gradient)
        if move[0] @ move[1] > 0:
            moves.append(move)
        idle = idle + 1 if value - lower <= _ALIKE * abs(value) else 0
        place, value, gradient = new, lower, after
        if idle == _IDLE:
            break
    return place


def _along(
    slope: Slope, place: Vector, way: Vector, value: float, rise: float
) -> tuple[Vector, tuple[float, Vector]] | None:
    """Return the first place, halving the step, that is lower as it should be by Armijo's rule; None: there is none."""
    share = 1.0
    for _ in range(_HALVINGS):
        new = place + share * way
        found = slope(new)
        if np.isfinite(found[0]) and found[0] <= value + _ENOUGH * share * rise and rise < 0:
            return new, found
        share /= 2
    return None


def _curved(gradient: Vector, moves: Iterable[Move]) -> Vector:
    """Return the gradient times the inverse curvature that the moves tell (the two-loop recursion)."""
    kept = list(moves)
    if not kept:
        return gradient / max(1.0, float(np.linalg.norm(gradient)))
    left, shares = gradient.copy(), []
    for moved, changed in reversed(kept):
        share = float(moved @ left) / float(moved @ changed)
        left -= share * changed
        shares.append(share)
    moved, changed = kept[-1]
    left *= float(moved @ changed) / float(changed @ changed)
    for (moved, changed), share in zip(kept, reversed(shares), strict=True):
        left += (share - float(changed @ left) / float(moved @ changed)) * moved
    return left
