"""Train: one candidate, its best weights kept for the compression."""

import functools
import logging
import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from idla_contract.result import TrainReport
from idla_contract.task import ClassWeights, ModelSpec, Training, TrainStep
from idla_contract.work import Part
from idla_store import FetchEnvironment

from idla_trainer.data.dataset import Dataset, Examples
from idla_trainer.environment import describe_environment
from idla_trainer.failures import spec_invalid
from idla_trainer.models.entry import Learning
from idla_trainer.models.fine_tuning import phase_of
from idla_trainer.models.frozen import behind_front
from idla_trainer.models.hyperparameters import Values
from idla_trainer.models.own import check_built
from idla_trainer.models.registry import augmentation_of, entry_of
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import Classification
from idla_trainer.runtime_limits import cpu_count, threads
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.training.answers import keep_answers
from idla_trainer.training.calibration import calibrate
from idla_trainer.training.candidate import FILES, TrainedCandidate
from idla_trainer.training.checkpoints import FOLDER as CHECKPOINTS
from idla_trainer.training.checkpoints import Checkpoints
from idla_trainer.training.feed import Material
from idla_trainer.training.loop import Loop
from idla_trainer.training.network import Network, build_model, weights_of
from idla_trainer.training.progress import Progress, ProgressMetrics
from idla_trainer.training.run import Kept, Observe, report_progress, reported, run
from idla_trainer.training.weights import begin_with

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A training that is set up: nothing of it is learned yet."""

    loop: Loop
    network: Network
    objective: Objective
    dataset: Dataset
    """As its model looks at it."""
    validation: Examples
    fingerprint: str
    """Digest of all that its checkpoints depend on."""
    found: Values
    """Settings that the model was given by what its entry found."""

    def report(self, template: str) -> TrainReport:
        """Return what it came to, once the network has the best weights."""
        return reported(self.loop, self.network, self.objective, self.validation, template)

    def kept(self, folder: Path) -> Kept:
        """Return its state in a folder."""
        return Kept(checkpoints=Checkpoints(folder), fingerprint=self.fingerprint)

    def observe(self, progress: ProgressMetrics, steps: Progress, *, epochs: int | None = None) -> Observe:
        """Return what tells how far it is: `progress` its epochs, `steps` its steps up to the last of `epochs`."""
        metric = self.objective.metric
        return functools.partial(report_progress, metric=metric, progress=progress, steps=steps, epochs=epochs)


def train(context: Context, step: TrainStep) -> Outcome:
    """Train, or go on with, the step's model.

    Raises:
        TaskError: the loss is no longer finite, or the model, its weights or a setting do not belong to these data.
        StoreError: given weights cannot be fetched, or have another digest.
        PreemptedError: SIGTERM came; a checkpoint is written.
    """
    dataset = context.view(step.model, context.dataset)
    begun = begin(context, dataset, step, max_seconds=step.training.max_seconds)
    run(
        begun.loop,
        kept=begun.kept(context.folder.path / CHECKPOINTS),
        preemption=context.preemption,
        observe=begun.observe(context.progress, context.agenda),
    )
    context.agenda.begin(Part.KEEPING)
    report = begun.report(step.model.template)
    keep(context, step, begun)
    return Outcome({"train": report}, FILES)


def begin(context: Context, dataset: Dataset, step: TrainStep, *, max_seconds: float | None) -> Begun:
    """Return the training of a step's model, with fresh, given or computed weights.

    Args:
        context: what the step is given.
        dataset: as the model looks at it; its training part is learned from. Where its validation part is empty, the
            latest weights are kept.
        step: what is trained, and how.
        max_seconds: an epoch that would end later is not begun; None: there is time for all.

    Raises:
        TaskError: the model, its weights or a setting do not belong to these data.
        StoreError: given weights cannot be fetched, or have another digest.
    """
    entry, values = entry_of(step.model)
    viewed, dataset = dataset, behind_front(step.model, dataset, context.places.encoders, context.features)
    parts, training, objective = dataset.parts, step.training, dataset.objective
    learned = learned_objective(objective, training)
    validation = dataset.examples(parts.validation)
    learning = _weighted(dataset, dataset.examples(parts.train), training)
    seconds, began = math.inf if max_seconds is None else max_seconds, time.monotonic()
    limits = _limits(context, step, learning, validation, seconds)
    model, found, computed = _set_up(context, dataset, step, learned, limits)
    network = Network(
        model,
        training,
        step_loss=lambda _, targets, outputs: learned.loss(targets, outputs),
        evaluation_loss=objective.loss,
        frozen_parameters=entry.front.parameters if entry.front is not None else 0,
    )
    loop = Loop(
        network,
        training,
        Material(
            train=learning,
            validation=validation if len(validation) else None,
            change=augmentation_of(step.model, seed=training.seed),
        ),
        phase=functools.partial(phase_of, values, pretrained=step.model.weights is not None),
        score=lambda answers: objective.score(validation.targets, answers, validation.raw),
        max_seconds=seconds,
    )
    if computed:
        loop.validate_first()
        loop.count(time.monotonic() - began)
    fingerprint = context.fingerprint(dataset, step)
    return Begun(
        loop=loop,
        network=network,
        objective=objective,
        dataset=viewed,
        validation=validation,
        fingerprint=fingerprint,
        found=found,
    )


def _limits(context: Context, step: TrainStep, train: Examples, validation: Examples, seconds: float) -> Learning:
    return Learning(
        train=train,
        validation=validation,
        rate=step.training.learning_rate,
        seed=step.training.seed,
        maximum_bytes=step.maximum_bytes,
        threads=int(threads() or cpu_count()),
        seconds=seconds,
        check=context.preemption.check,
    )


def _set_up(
    context: Context, dataset: Dataset, step: TrainStep, learned: Objective, limits: Learning
) -> tuple[Any, Values, bool]:
    """Return the step's model, the settings that its entry found, and whether its weights were computed."""
    entry, values = entry_of(step.model)
    if entry.fit is not None:
        fitted = entry.fit(dataset.preprocess, learned, values, limits)
        built = step.model.with_hyperparameters(fitted.found)
        model = _build(context, dataset, built, learned, seed=limits.seed)
        model.set_weights(fitted.weights)
        return model, fitted.found, True
    model = _build(context, dataset, step.model, learned, seed=limits.seed)
    if entry.begin is None or step.model.weights is not None:
        return model, {}, False
    entry.begin(model, dataset.objective, limits.train, values, seed=limits.seed)
    return model, {}, True


def _build(context: Context, dataset: Dataset, built: ModelSpec, learned: Objective, *, seed: int) -> Any:
    """Return a model with fresh or given weights, checked against the data."""
    parts, given, places = dataset.parts, built.weights, context.places
    model = build_model(built, dataset.preprocess, learned, seed=seed, examples=len(parts.train))
    check_built(built.builder, model, dataset.examples(parts.train[:1]).inputs, learned)
    if given is not None:
        # Without the Secret of the data, whose authority would be trusted in place of the public ones.
        policy, into = FetchEnvironment(None, os.environ).policy(), places.work / "weights"
        count = begin_with(model, given, context.spec.data, data_mount=places.data, into=into, policy=policy)
        _log.info("the training begins with %d given numbers of %d", count, model.count_params())
    return model


def keep(context: Context, step: TrainStep, begun: Begun) -> None:
    """Calibrate a network that has its best weights, and write it down for the steps that follow."""
    dataset, model, temperature = begun.dataset, begun.network.model, 1.0
    front = entry_of(step.model)[0].front
    origin = {} if front is None else dict(front.origin)
    if isinstance(dataset.objective, Classification):
        temperature = calibrate(model, begun.validation)
        _log.info("the logits are divided by the temperature %.3f", temperature)
    answers = keep_answers(
        lambda part: begun.network.evaluate_plain(begun.validation.at(part))[1],
        dataset.parts.validation,
        model.output.shape[1:],
    )
    TrainedCandidate(
        model=step.model,
        found=begun.found,
        signature_digest=dataset.signature.digest(),
        data_digest=dataset.digest,
        training=step.training,
        environment=describe_environment() | origin,
        weights=weights_of(model),
        best_epoch=begun.loop.course.best_epoch,
        temperature=temperature,
        parameters=begun.network.parameters,
    ).save(context.folder, answers)


def learned_objective(objective: Objective, training: Training) -> Objective:
    """Return the objective with the label smoothing of a training.

    Raises:
        TaskError: there are no labels to smooth.
    """
    if not training.label_smoothing:
        return objective
    if not isinstance(objective, Classification):
        raise spec_invalid("training.labelSmoothing: it is for classifiers; leave it out")
    return replace(objective, smoothing=training.label_smoothing)


def _weighted(dataset: Dataset, examples: Examples, training: Training) -> Examples:
    if training.class_weights is ClassWeights.NONE:
        return examples
    if not dataset.classes:
        raise spec_invalid("training.classWeights: it is for classifiers; leave it out")
    counts = np.bincount(examples.targets, minlength=len(dataset.classes))
    weights = len(examples) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return replace(examples, weights=weights[examples.targets].astype(np.float32))
