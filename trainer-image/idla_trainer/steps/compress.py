"""Compress: every variant of the candidate measured and judged, the chosen one assembled as an artifact."""

import logging

import numpy as np
from idla_contract.task import CompressStep

from idla_trainer.compression.artifact import FILES, FOLDER, assemble
from idla_trainer.compression.convert import compressed_model, float_model
from idla_trainer.compression.judge import FLOAT, choose
from idla_trainer.compression.measure import measure
from idla_trainer.data.split import Indices
from idla_trainer.folder import write_atomically
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.training.candidate import TrainedCandidate
from idla_trainer.training.network import build_model, set_weights

_log = logging.getLogger(__name__)


def compress(context: Context, step: CompressStep, candidate: TrainedCandidate) -> Outcome:
    """Judge the variants on the gate split and keep one.

    Raises:
        TaskError: no variant may be shipped.
    """
    model = build_model(candidate.model, candidate.image, len(candidate.classes), seed=candidate.seed)
    set_weights(model, candidate.weights)
    dataset, parts = context.dataset, context.parts
    methods = tuple(dict.fromkeys(step.methods))
    contents = {FLOAT: float_model(model)}
    for method in methods:
        context.preemption.check()
        contents[method.value] = compressed_model(model, method, dataset.images[parts.train])
    folder = context.places.work / "variants"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(folder / f"{name}.tflite", content)
    files = {name: folder / f"{name}.tflite" for name in contents}
    measured = measure(files, dataset.images[parts.judged], dataset.labels[parts.judged])
    context.preemption.check()
    report = choose(step, measured[FLOAT], [measured[method.value] for method in methods])
    for variant in report.variants:
        _log.info("%s: %d bytes, %s", variant.name, variant.size_bytes, variant.message)
    assemble(
        context.folder.path / FOLDER,
        candidate,
        variant=report.choice,
        chosen=contents[report.choice],
        plain=contents[FLOAT],
        images=dataset.images[_one_of_each_class(dataset.labels, parts.judged)],
    )
    return Outcome({"compress": report}, FILES)


def _one_of_each_class(labels: Indices, part: Indices) -> Indices:
    """Return the examples of a part, one of each class first."""
    _, first = np.unique(labels[part], return_index=True)
    return np.concatenate([part[first], np.delete(part, first)])
