"""What the steps of a task consist of, in measures that the task takes itself: the ratios are those of many runs."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from idla_contract.task import (
    CompressionMethod,
    CompressStep,
    ProfileStep,
    Recipe,
    RefitStep,
    SearchStep,
    Step,
    TrainStep,
)

LOADED = 0.6
"""Share of a start that is behind where TensorFlow and the network are loaded, and nothing is compiled."""
DISTILLATION_EPOCH = 1.3
"""An epoch of learning from another network by one of the training."""
LEAST = 16 * 1024
"""Bytes of float weights; with fewer a network is smaller than what its artifact has beside it, and keeps its width."""
_FILE = 0.2
"""A conversion by a start, before one has been timed."""
_NARROWED = 0.25
"""What finding the channels that matter takes by a start; it is done once."""
_NUMBER = 4


class Part(StrEnum):
    """What a task does, one after another; a step is the part of its kind, and has others within it."""

    TRAIN = "Train"
    SEARCH = "Search"
    KEEPING = "Keeping"
    """The trained network is measured, calibrated and written down."""
    SELECT = "Select"
    COMPRESS = "Compress"
    """Up to what follows: TensorFlow and the network are loaded."""
    FURTHER = "Further"
    """The baseline learns on."""
    SMALLER = "Smaller"
    """A smaller network learns; there may be several."""
    CONVERSION = "Conversion"
    AWARE = "Aware"
    """A network learns to be rounded; there may be several."""
    MEASUREMENT = "Measurement"
    REFIT = "Refit"
    """Up to what follows: the network is trained as before."""
    FURTHER_AGAIN = "FurtherAgain"
    SMALLER_AGAIN = "SmallerAgain"
    AWARE_AGAIN = "AwareAgain"
    CONVERSION_AGAIN = "ConversionAgain"
    EVALUATE = "Evaluate"
    VERIFY = "Verify"
    PUBLISH = "Publish"
    EXIT = "Exit"
    """The process ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An amount of work, in measures that differ from task to task and from machine to machine."""

    starts: float = 0.0
    """Times that a network is made ready: TensorFlow, its layers, its compiled step."""
    epochs: float = 0.0
    """Epochs of the trained network."""
    distillation_epochs: float = 0.0
    """Epochs in which a network learns from another one."""
    files: float = 0.0
    """Networks that are converted to a file."""


@dataclass(slots=True)
class Measures:
    """Seconds of each measure; None: not known."""

    start: float | None = None
    epoch: float | None = None
    distillation_epoch: float | None = None
    file: float | None = None
    """Taken for a share of a start where it is not known."""

    def seconds_of(self, work: Work) -> float | None:
        """Return how long a work takes, or None where a measure that it needs is not known."""
        file = self.file if self.start is None or self.file is not None else _FILE * self.start
        amounts = (
            (work.starts, self.start),
            (work.epochs, self.epoch),
            (work.distillation_epochs, self.distillation_epoch),
            (work.files, file),
        )
        if any(amount and seconds is None for amount, seconds in amounts):
            return None
        return math.fsum(amount * seconds for amount, seconds in amounts if seconds is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What is known, or expected, of the training that a publication goes on from."""

    parameters: int | None = None
    """None: not known; then it is large enough for every part."""
    best_epoch: float = 0.0


def publication(
    methods: Sequence[CompressionMethod], recipe: Recipe, trained: Trained, *, refit: bool
) -> tuple[tuple[Part, Work], ...]:
    """Return what the compression and the refit of a network consist of, in order.

    Args:
        methods: of the compression.
        recipe: how far the network is made smaller.
        trained: the training before.
        refit: whether it is made again from more examples.
    """
    compression = tuple(_compression(methods, recipe, trained))
    return (*compression, *_refit(methods, recipe, trained)) if refit else compression


def parts_of(steps: Iterable[Step], trained: Trained) -> Iterator[tuple[Part, Work]]:
    """Yield what the steps of a task consist of, in order.

    Args:
        steps: those that are due; a refit alone comes without what belongs to the compression before it.
        trained: the training that they go on from, where there is one.
    """
    methods, recipe = tuple[CompressionMethod, ...](), Recipe()
    for step in steps:
        match step:
            case CompressStep():
                methods, recipe = step.methods, step.recipe
                yield from _compression(methods, recipe, trained)
            case RefitStep():
                yield from _refit(methods, recipe, trained)
            case TrainStep() | SearchStep():
                yield Part(step.kind), Work(starts=1.0)
                yield Part.KEEPING, Work(starts=0.15)
            case ProfileStep():
                pass
            case _:
                yield Part(step.kind), Work(starts=0.02)
    yield Part.EXIT, Work(starts=0.07)


def _compression(methods: Sequence[CompressionMethod], recipe: Recipe, trained: Trained) -> Iterator[tuple[Part, Work]]:
    yield Part.COMPRESS, Work(starts=LOADED)
    networks = 0
    if _retrains(methods, recipe, trained):
        networks = math.ceil(math.log2(1 + len(recipe.keep_percents)))
        yield Part.FURTHER, Work(starts=0.5, distillation_epochs=recipe.epochs)
        for number in range(networks):
            yield Part.SMALLER, Work(starts=0.45 + (0 if number else _NARROWED), distillation_epochs=recipe.epochs)
    for _ in range(1 + math.ceil(len(methods) * (1 + networks / 2))):
        yield Part.CONVERSION, Work(files=1)
    if networks and recipe.quantization_aware:
        yield Part.AWARE, Work(starts=0.5, distillation_epochs=recipe.epochs / 3, files=1)
    yield Part.MEASUREMENT, Work(starts=0.1)


def _refit(methods: Sequence[CompressionMethod], recipe: Recipe, trained: Trained) -> Iterator[tuple[Part, Work]]:
    yield Part.REFIT, Work(starts=0.4, epochs=trained.best_epoch)
    if _retrains(methods, recipe, trained):
        yield Part.FURTHER_AGAIN, Work(starts=0.5, distillation_epochs=0.7 * recipe.epochs)
        yield Part.SMALLER_AGAIN, Work(starts=0.5 + _NARROWED, distillation_epochs=0.7 * recipe.epochs)
    yield Part.CONVERSION_AGAIN, Work(starts=0.05, files=2)


def _retrains(methods: Sequence[CompressionMethod], recipe: Recipe, trained: Trained) -> bool:
    large = trained.parameters is None or _NUMBER * trained.parameters >= LEAST
    return bool(methods and recipe.keep_percents and recipe.budget_seconds) and large
