"""What the data look like, with warnings about what harms a model."""

import numpy as np
from idla_contract.result import DataProfile

from idla_trainer.data.dataset import Dataset

_IMBALANCE = 10
_SMALL_TEST = 100


def profile(dataset: Dataset) -> DataProfile:
    """Return the description of a data set and its parts."""
    parts, objective = dataset.parts, dataset.objective
    counts = np.bincount(dataset.targets, minlength=len(dataset.classes)) if dataset.classes else np.zeros(0, int)
    validation = {name: array[parts.validation] for name, array in dataset.raw.items()}
    naive = objective.naive(dataset.targets[parts.train], validation)
    return DataProfile(
        digest=dataset.digest,
        test_digest=dataset.test_digest,
        examples=len(dataset.targets),
        shape=dataset.shape,
        facts=dict(dataset.facts),
        classes=dataset.classes,
        class_counts=tuple(counts.tolist()),
        train_examples=len(parts.train),
        validation_examples=len(parts.validation),
        gate_examples=len(parts.gate),
        test_examples=len(parts.test),
        metric=objective.metric,
        baseline_score=objective.score(dataset.targets[parts.validation], naive, validation),
        warnings=(*_about_classes(dataset), *dataset.warnings, *_about_size(dataset)),
    )


def _about_size(dataset: Dataset) -> list[str]:
    examples = len(dataset.parts.test)
    if examples >= _SMALL_TEST:
        return []
    return [f"the test split has {examples} examples: its {dataset.objective.metric} is a rough figure"]


def _about_classes(dataset: Dataset) -> list[str]:
    if not dataset.classes:
        return []
    counts = np.bincount(dataset.targets, minlength=len(dataset.classes))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] < _IMBALANCE * counts[least]:
        return []
    message = (
        f"the classes are unbalanced: {counts[most]} examples of {dataset.classes[most]!r}, "
        f"{counts[least]} of {dataset.classes[least]!r}; accuracy says little about the rare ones"
    )
    return [message]
