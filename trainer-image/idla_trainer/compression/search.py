"""From a trained network and a step's recipe to the files that are measured."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idla_contract.task import CompressStep

from idla_trainer.compression.distill import Data, Lesson, Settings
from idla_trainer.compression.networks import Task, networks
from idla_trainer.compression.recipes import Clock
from idla_trainer.compression.variants import write_rounded, write_variants
from idla_trainer.data.dataset import Dataset, Examples
from idla_trainer.judged import Judged
from idla_trainer.models.registry import change_of
from idla_trainer.training.candidate import TrainedCandidate

_AWARE = 3
"""Part of the epochs of a distillation that a network takes to learn to be rounded."""


@dataclass(frozen=True, slots=True)
class Files:
    """The variants of a network."""

    paths: dict[str, Path]
    """By name, the float one first."""
    unpruned: tuple[str, ...]
    """Layers whose channels could not be followed, and why."""


def written(
    folder: Path,
    model: Any,
    candidate: TrainedCandidate,
    dataset: Dataset,
    step: CompressStep,
    *,
    check: Callable[[], None],
) -> Files:
    """Make the smaller networks that the recipe asks for, and convert every network by every method.

    Only the training part is learned from, and only the validation part decides which networks are good enough.

    Args:
        folder: of the files.
        model: the trained network.
        candidate: what it is.
        dataset: the examples.
        step: methods, recipe and gate.
        check: called often; may raise to end the work.
    """
    methods, recipe = tuple(dict.fromkeys(step.methods)), step.recipe
    train = dataset.examples(dataset.parts.train)
    task = _task(candidate, dataset, step, train, check)
    shares = tuple(percent / 100 for percent in recipe.keep_percents) if methods else ()
    found = networks(model, task, shares)
    paths = write_variants(folder, found, methods, train.inputs, check)
    if shares and recipe.quantization_aware:
        paths |= write_rounded(paths, found, task, train.inputs, epochs=max(1, recipe.epochs // _AWARE))
    return Files(paths, found.kept)


def _task(
    candidate: TrainedCandidate, dataset: Dataset, step: CompressStep, train: Examples, check: Callable[[], None]
) -> Task:
    validation, recipe = dataset.examples(dataset.parts.validation), step.recipe
    data = Data(train.inputs, train.targets, validation.inputs, validation.targets, train.weights)
    return Task(
        lesson=Lesson(data, dataset.objective.loss, augment=change_of(candidate.model, seed=candidate.seed)),
        settings=Settings(
            epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            classes=bool(dataset.classes),
            seed=candidate.seed,
        ),
        drop=Judged(dataset.objective, validation.targets, validation.raw).drop,
        tolerance=step.gate.maximum_drop,
        clock=Clock(recipe.budget_seconds),
        check=check,
    )
