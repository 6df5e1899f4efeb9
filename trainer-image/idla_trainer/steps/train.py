"""Train: one candidate, its best weights kept for the compression."""

import hashlib
import logging
from dataclasses import replace

import numpy as np
from idla_contract.result import FailureReason
from idla_contract.task import ClassWeights, Training, TrainStep

from idla_trainer.data.dataset import Dataset, Examples
from idla_trainer.failures import TaskError
from idla_trainer.models.registry import change_of, check_takes
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.objective import Objective
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.training.calibration import calibrate
from idla_trainer.training.candidate import FILES, TrainedCandidate
from idla_trainer.training.checkpoints import FOLDER as CHECKPOINTS
from idla_trainer.training.checkpoints import Checkpoints
from idla_trainer.training.loop import TrainingRun
from idla_trainer.training.network import Network, build_model, weights_of

_log = logging.getLogger(__name__)


def train(context: Context, step: TrainStep) -> Outcome:
    """Train, or go on with, the step's model.

    Raises:
        TaskError: the loss is no longer finite, or the model or a setting does not belong to these data.
        PreemptedError: SIGTERM came; a checkpoint is written.
    """
    dataset, parts, training = context.dataset, context.dataset.parts, step.training
    check_takes(step.model, dataset.preprocess)
    learned = learned_objective(dataset.objective, training)
    model = build_model(step.model, dataset.preprocess, learned, seed=training.seed)
    network = Network(model, training, learned=learned, objective=dataset.objective)
    run = TrainingRun(
        network,
        training,
        train=_weighted(dataset, dataset.examples(parts.train), training),
        validation=dataset.examples(parts.validation),
        objective=dataset.objective,
        change=change_of(step.model, seed=training.seed),
    )
    report = run.run(
        template=step.model.template,
        fingerprint=_fingerprint(context, step),
        checkpoints=Checkpoints(context.folder.path / CHECKPOINTS),
        preemption=context.preemption,
        progress=context.progress,
    )
    if isinstance(dataset.objective, Classification):
        found = calibrate(model, dataset.examples(parts.validation))
        _log.info("the logits are divided by the temperature %.3f", found)
    TrainedCandidate(
        model=step.model,
        signature_digest=dataset.signature.digest(),
        data_digest=dataset.digest,
        seed=training.seed,
        weights=weights_of(model),
    ).save(context.folder)
    return Outcome({"train": report}, FILES)


def learned_objective(objective: Objective, training: Training) -> Objective:
    """Return the objective with the label smoothing of a training.

    Raises:
        TaskError: there are no labels to smooth.
    """
    if not training.label_smoothing:
        return objective
    if not isinstance(objective, Classification):
        message = "training.labelSmoothing: it is for classifiers; leave it out"
        raise TaskError(FailureReason.SPEC_INVALID, message)
    return replace(objective, smoothing=training.label_smoothing)


def _weighted(dataset: Dataset, examples: Examples, training: Training) -> Examples:
    if training.class_weights is ClassWeights.NONE:
        return examples
    if not dataset.classes:
        message = "training.classWeights: it is for classifiers; leave it out"
        raise TaskError(FailureReason.SPEC_INVALID, message)
    counts = np.bincount(examples.targets, minlength=len(dataset.classes))
    weights = len(examples) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return replace(examples, weights=weights[examples.targets].astype(np.float32))


def _fingerprint(context: Context, step: TrainStep) -> str:
    """Return a digest of all that a checkpoint depends on."""
    spec, dataset = context.spec, context.dataset
    parts = (dataset.digest, dataset.test_digest or "", spec.problem.to_json(), spec.data.to_json(), step.to_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
