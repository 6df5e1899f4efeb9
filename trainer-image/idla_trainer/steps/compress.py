"""Compress: every variant of the candidate measured, the chosen one assembled as an artifact."""

import logging
from dataclasses import replace
from pathlib import Path

from idla_artifact.runtime import Runtime
from idla_contract.result import FLOAT
from idla_contract.task import CompressStep
from idla_contract.work import LOADED, Part
from idla_preprocess.intents import Intents

from idla_trainer.compression.artifact import ASSEMBLED, assemble
from idla_trainer.compression.gate.measure import measure
from idla_trainer.compression.gate.verdict import choose_variant
from idla_trainer.compression.recipe import write_files
from idla_trainer.compression.stages import Stages
from idla_trainer.compression.variants import Files
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Indices
from idla_trainer.models.frozen import whole_network
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.training.candidate import TrainedCandidate, check_fits
from idla_trainer.training.checkpoints import FOLDER as CHECKPOINTS
from idla_trainer.training.network import build_model, set_weights

_log = logging.getLogger(__name__)
_SHOWN, _LONGEST = 4, 100
"""Layers that kept their channels, of which the report tells, and the characters of each."""


def compress(context: Context, step: CompressStep, candidate: TrainedCandidate) -> Outcome:
    """Compare the variants on the gate split and keep one; where they are conversions alone, on validation as well.

    Raises:
        TaskError: the candidate was trained on other data, or no variant may be shipped.
        PreemptedError: SIGTERM came; a checkpoint is written where one of its trainings was going on.
    """
    dataset = context.view(candidate.model, context.dataset)
    check_fits(candidate, dataset)
    trained = build_model(
        candidate.built, dataset.preprocess, dataset.objective, seed=candidate.seed, examples=len(dataset.parts.train)
    )
    set_weights(trained, candidate.weights)
    model = whole_network(candidate.model, trained, dataset, context.places.encoders)
    context.agenda.started(LOADED)
    folder, stages = context.places.work / "variants", stages_of(context, dataset, step, name=step.kind)
    found = write_files(folder, model, candidate, dataset, step, stages=stages)
    context.agenda.begin(Part.MEASUREMENT)
    measured = measure(found.paths, FLOAT, dataset.examples(_judging(dataset, found)), dataset.objective)
    context.preemption.check()
    compressed = [measured[name] for name in found.paths if name != FLOAT]
    chosen = choose_variant(step, measured[FLOAT], compressed, found.unusable)
    report = chosen.model_copy(
        update={
            "unpruned": tuple(reason[:_LONGEST] for reason in found.unpruned[:_SHOWN]),
            "making": found.makings[chosen.choice],
        }
    )
    for variant in report.variants:
        _log.info("%s: %d bytes, %s", variant.name, variant.size_bytes, variant.message)
    for unusable in report.unusable:
        _log.warning("%s is refused: %s", unusable.name, unusable.message)
    path = found.paths[report.choice]
    assemble(context.folder.path, candidate, thresholded(dataset, path), report.choice, found.paths)
    return Outcome({"compress": report}, ASSEMBLED)


def _judging(dataset: Dataset, found: Files) -> Indices:
    """Return by which examples variants are judged.

    Validation decides which smaller networks are good enough, so these cannot be judged by it. A conversion is the same
    whatever its examples say: twice as many tell a loss of one in a hundred from chance.
    """
    chosen = any(making.smaller is not None or making.rounded is not None for making in found.makings.values())
    return dataset.parts.for_gate if chosen else dataset.parts.judging


def stages_of(context: Context, dataset: Dataset, step: CompressStep, *, name: str) -> Stages:
    """Return where the trainings of a compression are kept, by its name; they learn from this data set."""
    return Stages(
        preemption=context.preemption,
        folder=context.folder.path / CHECKPOINTS / name,
        fingerprint=context.fingerprint(dataset, step),
        agenda=context.agenda,
    )


def thresholded(dataset: Dataset, model: Path) -> Dataset:
    """Return the data set with answers whose threshold belongs to what the chosen file says on validation."""
    answers = dataset.answers
    if not isinstance(answers, Intents):
        return dataset
    values = Runtime(model).predict(dataset.examples(dataset.parts.validation).inputs)
    return replace(dataset, answers=answers.calibrated(values))
