"""From a trained network and a step's recipe to the files that are measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from idla_contract.task import CompressStep
from idla_contract.work import LEAST

from idla_trainer.compression.bisection import TimeBudget
from idla_trainer.compression.candidates import CompressionTask, train_candidates
from idla_trainer.compression.distill import DistillationTask, Settings, TrainingExamples
from idla_trainer.compression.stages import Stages
from idla_trainer.compression.variants import Files, write_qat_variants, write_variants
from idla_trainer.data.dataset import Dataset
from idla_trainer.evaluation.paired import PairedEvaluation
from idla_trainer.models.registry import augmentation_of, entry_of
from idla_trainer.training.candidate import TrainedCandidate

_NUMBER = 4
_AWARE = 3
"""Part of the epochs of a distillation that a network takes to learn to be rounded."""


def write_files(
    folder: Path,
    model: Any,
    candidate: TrainedCandidate,
    dataset: Dataset,
    step: CompressStep,
    *,
    stages: Stages,
) -> Files:
    """Make the smaller networks that the recipe asks for, and convert every network by every method.

    Only the training part is learned from, and only the validation part decides which networks are good enough.

    Args:
        folder: of the files.
        model: the trained network.
        candidate: what it is.
        dataset: the examples.
        step: methods, recipe and gate.
        stages: where the trainings are kept, and what is asked meanwhile.
    """
    methods, recipe = tuple(dict.fromkeys(step.methods)), step.recipe
    task = compression_task(candidate, dataset, step, stages)
    shares = tuple(percent / 100 for percent in recipe.keep_percents) if methods else ()
    whole = _kept_whole(model, candidate) if shares else None
    found = train_candidates(model, task, shares if whole is None else ())
    if whole is not None:
        shares, found = (), replace(found, kept=(f"the whole network: {whole}",))
    inputs = task.distillation.data.inputs
    files = write_variants(folder, found, methods, inputs, stages)
    if shares and recipe.quantization_aware:
        files = write_qat_variants(files, found, task, inputs, epochs=max(1, recipe.epochs // _AWARE))
    return files


def _kept_whole(model: Any, candidate: TrainedCandidate) -> str | None:
    """Return why a network keeps all of its channels, or None where some may go."""
    front = entry_of(candidate.model)[0].front
    if front is not None:
        return f"its part {front.name} is frozen, and what is trained behind it is small"
    size = _NUMBER * model.count_params()
    return f"{size} bytes of weights leave next to nothing to save" if size < LEAST else None


def compression_task(
    candidate: TrainedCandidate,
    dataset: Dataset,
    step: CompressStep,
    stages: Stages,
    *,
    seconds: float | None = None,
) -> CompressionTask:
    """Return how the networks of a compression are trained, and by what they are compared.

    Args:
        candidate: the trained network.
        dataset: its training and validation parts are used.
        step: recipe and gate.
        stages: where the trainings are kept, and what is asked meanwhile.
        seconds: that the trainings may take; None: what the recipe says.
    """
    train, validation = dataset.examples(dataset.parts.train), dataset.examples(dataset.parts.validation)
    data = TrainingExamples(train.inputs, train.targets, validation.inputs, validation.targets, train.weights)
    return CompressionTask(
        distillation=DistillationTask(
            data, dataset.objective.loss, augment=augmentation_of(candidate.model, seed=candidate.seed)
        ),
        settings=Settings(
            epochs=step.recipe.epochs,
            learning_rate=step.recipe.learning_rate,
            weight_decay=candidate.training.weight_decay,
            average_decay=candidate.training.average_decay,
            jit_compile=candidate.training.jit_compile,
            checkpoint_period_seconds=candidate.training.checkpoint_period_seconds,
            classes=bool(dataset.classes),
            seed=candidate.seed,
        ),
        drop=PairedEvaluation(dataset.objective, validation.targets, validation.raw).drop,
        tolerance=step.gate.maximum_drop,
        clock=TimeBudget(step.recipe.budget_seconds if seconds is None else seconds),
        stages=stages,
    )
