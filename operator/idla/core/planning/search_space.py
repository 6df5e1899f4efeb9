"""Which settings a search tries beside a template's own: drawn evenly, by a seed, without a source of chance."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence

from idla.api.search_space import Dimension, DimensionType, Scale

Setting = float | int | str
Settings = Mapping[str, Setting]
_DIGITS = 3


def draw_points(dimensions: Sequence[Dimension], count: int, *, key: str) -> Iterator[Settings]:
    """Yield `count` points of a space: of each dimension every equal part of its range is met once (Latin hypercube).

    Args:
        dimensions: what varies.
        count: how many points; with another count all of them are others.
        key: equal keys give equal points, others give others.
    """
    places = {dimension.name: _places(count, f"{key}/{dimension.name}") for dimension in dimensions}
    for number in range(count):
        yield {dimension.name: _value(dimension, places[dimension.name][number]) for dimension in dimensions}


def _places(count: int, key: str) -> list[float]:
    """Return a number from 0 to below 1 for each point: one in every `count`-th part, in an order without a pattern."""
    chances = [_chance(f"{key}/{number}") for number in range(count)]
    order = sorted(range(count), key=lambda number: _chance(f"{key}/order/{number}"))
    return [(order[number] + chances[number]) / count for number in range(count)]


def _chance(text: str) -> float:
    """Return a number from 0 to below 1 that looks drawn at random and depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def _value(dimension: Dimension, place: float) -> Setting:
    if dimension.values is not None:
        return dimension.values[int(place * len(dimension.values))]
    minimum, maximum = dimension.bounds
    whole = dimension.type is DimensionType.INTEGER
    wide = maximum + 1 if whole else maximum
    if dimension.scale is Scale.LOG:
        found = math.exp(math.log(minimum) + place * (math.log(wide) - math.log(minimum)))
    else:
        found = minimum + place * (wide - minimum)
    if whole:
        return min(int(maximum), max(int(minimum), int(found)))
    return min(maximum, max(minimum, float(f"{found:.{_DIGITS}g}")))
