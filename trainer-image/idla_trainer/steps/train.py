"""Train: one candidate, its best weights kept for the compression."""

import hashlib

from idla_contract.task import TrainStep

from idla_trainer.models.registry import entry_of
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.training.candidate import FILES, TrainedCandidate
from idla_trainer.training.checkpoints import FOLDER as CHECKPOINTS
from idla_trainer.training.checkpoints import Checkpoints
from idla_trainer.training.loop import Examples, TrainingRun
from idla_trainer.training.network import Network


def train(context: Context, step: TrainStep) -> Outcome:
    """Train, or go on with, the step's model.

    Raises:
        TaskError: the loss is no longer finite.
        PreemptedError: SIGTERM came; a checkpoint is written.
    """
    dataset, parts = context.dataset, context.parts
    _, values = entry_of(step.model)
    network = Network(step.model, step.training, dataset.image_spec, len(dataset.classes))
    run = TrainingRun(
        network,
        step.training,
        train=Examples(dataset.images[parts.train], dataset.labels[parts.train]),
        validation=Examples(dataset.images[parts.validation], dataset.labels[parts.validation]),
        shift=int(values["shift"]),
    )
    report = run.run(
        template=step.model.template,
        fingerprint=_fingerprint(context, step),
        checkpoints=Checkpoints(context.folder.path / CHECKPOINTS),
        preemption=context.preemption,
        progress=context.progress,
    )
    candidate = TrainedCandidate(
        model=step.model,
        image=dataset.image_spec,
        classes=dataset.classes,
        data_digest=dataset.digest,
        seed=step.training.seed,
        weights=network.weights(),
    )
    candidate.save(context.folder)
    return Outcome({"train": report}, FILES)


def _fingerprint(context: Context, step: TrainStep) -> str:
    """Return a digest of all that a checkpoint depends on."""
    parts = (context.dataset.digest, context.spec.data.split.to_json(), step.to_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
