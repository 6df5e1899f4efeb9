"""Variants that no other one beats: good, small and fast are weighed against each other by whoever chooses."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """What a variant costs; of each number less is better."""

    drop: float
    """Loss of quality against the baseline."""
    size_bytes: int
    milliseconds: float


def pareto_front(points: Mapping[str, Point]) -> tuple[str, ...]:
    """Return the names of the points that no other is at least as good as in everything and better in something."""
    return tuple(name for name, point in points.items() if not any(_beats(o, point) for o in points.values()))


def _beats(one: Point, other: Point) -> bool:
    pairs = list(zip(astuple(one), astuple(other), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
