"""Evaluate: the float and the served model on the test split, once."""

import numpy as np
from idla_contract.artifact import FLOAT_MODEL, MODEL
from idla_contract.result import EvaluateReport
from idla_server.runtime import Runtime

from idla_trainer.compression.artifact import FOLDER
from idla_trainer.statistics import wilson_interval
from idla_trainer.steps.context import Context, Outcome


def evaluate(context: Context) -> Outcome:
    """Count the right answers of both files of the artifact, and of always answering train's largest class."""
    dataset, parts = context.dataset, context.parts
    images, labels = dataset.images[parts.test], dataset.labels[parts.test]
    artifact = context.folder.path / FOLDER
    correct = {
        name: int(np.count_nonzero(Runtime(artifact / name).predict(images).argmax(axis=1) == labels))
        for name in (FLOAT_MODEL, MODEL)
    }
    largest = int(np.bincount(dataset.labels[parts.train]).argmax())
    report = EvaluateReport(
        test_examples=len(labels),
        float_score=correct[FLOAT_MODEL] / len(labels),
        served_score=correct[MODEL] / len(labels),
        served_score_interval=wilson_interval(correct[MODEL], len(labels)),
        baseline_score=float(np.mean(labels == largest)),
        served_correct=correct[MODEL],
    )
    return Outcome({"evaluate": report})
