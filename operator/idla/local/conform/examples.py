"""Small data of each kind of task, drawn by a seed, that any network learns something from."""

import csv
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from idla_contract.problem import TaskType

FILE = "examples.csv"
_SEED = 1
_ROWS = 240
_SIDE = 8
_NOISE = 0.1
_STEPS = 400

Rows = Iterator[Sequence[object]]


def write_examples(folder: Path, kind: TaskType) -> Path:
    """Write `examples.csv` for a kind of task; equal calls write equal bytes.

    Raises:
        KeyError: there are no examples of this kind.
    """
    path = folder / FILE
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_DRAWN[kind](random.Random(_SEED)))  # noqa: S311  # the same data each time
    return path


def _images(draw: random.Random) -> Rows:
    """Yield grey images whose brighter half is the class, the label at the end."""
    for _ in range(_ROWS):
        label = draw.randrange(2)
        bright = range(label * _SIDE // 2, (label + 1) * _SIDE // 2)
        rows = ((draw.randrange(150, 256) if row in bright else draw.randrange(0, 106)) for row in range(_SIDE))
        yield [*(pixel for brightness in rows for pixel in _around(draw, brightness)), label]


def _around(draw: random.Random, brightness: int) -> list[int]:
    return [min(255, max(0, brightness + draw.randrange(-20, 21))) for _ in range(_SIDE)]


def _texts(draw: random.Random) -> Rows:
    yield ["text", "label"]
    words = {"cold": ["snow", "ice", "frost"], "warm": ["sun", "sand", "heat"], "wet": ["rain", "mud", "fog"]}
    others = ["the", "and", "very", "today", "again", "here", "there", "some"]
    for number in range(_ROWS):
        label = draw.choice(sorted(words))
        said = [draw.choice(words[label]), *(draw.choice(others) for _ in range(5)), str(number)]
        draw.shuffle(said)
        yield [" ".join(said), label]


def _records(draw: random.Random) -> Rows:
    yield ["size", "weight", "kind", "label"]
    for cells, value in _drawn_records(draw):
        yield [*cells, "high" if value > 0 else "low"]


def _numbers(draw: random.Random) -> Rows:
    yield ["size", "weight", "kind", "target"]
    for cells, value in _drawn_records(draw):
        yield [*cells, f"{value:.4f}"]


def _drawn_records(draw: random.Random) -> Iterator[tuple[list[str], float]]:
    """Yield the cells of a record, one of them missing at times, and what follows from them."""
    for _ in range(_ROWS):
        size, weight, kind = draw.gauss(0, 1), draw.gauss(0, 1), draw.choice("abc")
        value = size - 0.5 * weight + (kind == "a") + draw.gauss(0, _NOISE)
        known = draw.random() > _NOISE
        yield [f"{size:.4f}", f"{weight:.4f}" if known else "", kind], value


def _series(draw: random.Random) -> Rows:
    yield ["north", "south"]
    for step in range(_STEPS):
        wave = 10 * math.sin(step / 6)
        yield [f"{50 + wave + draw.gauss(0, 1):.3f}", f"{40 - wave + draw.gauss(0, 1):.3f}"]


_DRAWN: Mapping[TaskType, Callable[[random.Random], Rows]] = {
    TaskType.IMAGE_CLASSIFICATION: _images,
    TaskType.TEXT_CLASSIFICATION: _texts,
    TaskType.INTENT_DETECTION: _texts,
    TaskType.TABULAR_CLASSIFICATION: _records,
    TaskType.TABULAR_REGRESSION: _numbers,
    TaskType.FORECASTING: _series,
}
KINDS = tuple(_DRAWN)
