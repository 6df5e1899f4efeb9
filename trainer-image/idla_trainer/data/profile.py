"""What the data look like, with warnings about what harms a model."""

import numpy as np
from idla_contract.result import DataProfile
from idla_preprocess.tabular import TabularSpec

from idla_trainer.chosen import Chosen
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.findings.labels import about_labels
from idla_trainer.data.findings.leakage import about_leakage, sample

_SMALL_TEST = 100


def profile(dataset: Dataset) -> DataProfile:
    """Return the description of a data set and its parts."""
    parts, objective = dataset.parts, dataset.objective
    classes = dataset.classes
    counts = np.bincount(dataset.targets, minlength=len(classes)) if classes else np.zeros(0, int)
    validation = Chosen(dataset.raw, parts.validation)
    naive = objective.naive(dataset.targets[parts.train], validation)
    return DataProfile(
        digest=dataset.digest,
        test_digest=dataset.test_digest,
        examples=len(dataset.targets),
        shape=dataset.shape,
        facts={"classes": len(classes), **dataset.facts} if classes else dict(dataset.facts),
        classes=classes,
        class_counts=tuple(counts.tolist()),
        train_examples=len(parts.train),
        validation_examples=len(parts.validation),
        gate_examples=len(parts.gate),
        test_examples=len(parts.test),
        metric=objective.metric,
        baseline_score=objective.score(dataset.targets[parts.validation], naive, validation),
        warnings=(*_about_answers(dataset), *dataset.warnings, *_about_size(dataset)),
        columns=dataset.columns,
        column_count=dataset.column_count,
    )


def _about_size(dataset: Dataset) -> list[str]:
    examples = len(dataset.parts.test)
    if examples >= _SMALL_TEST:
        return []
    return [f"the test split has {examples} examples: its {dataset.objective.metric} is a rough figure"]


def _about_answers(dataset: Dataset) -> tuple[str, ...]:
    parts, classes = dataset.parts, dataset.classes
    found = about_labels(dataset.targets, classes, parts) if classes else ()
    if not isinstance(dataset.preprocess, TabularSpec):
        return found
    some = sample(parts.train)
    columns = {name: values[some] for name, values in dataset.raw.items()}
    return (*found, *about_leakage(columns, dataset.targets[some], classes=len(classes)))
