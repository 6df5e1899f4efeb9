"""What the data look like, with warnings about what harms a model."""

import numpy as np
from idla_contract.result import DataProfile

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Parts, image_groups

_IMBALANCE = 10
_SMALL_TEST = 100


def profile(dataset: Dataset, parts: Parts) -> DataProfile:
    """Return the description of a data set and its parts."""
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    return DataProfile(
        digest=dataset.digest,
        examples=len(dataset.labels),
        shape=dataset.image_spec.shape,
        facts={"maximum": dataset.maximum},
        classes=dataset.classes,
        class_counts=tuple(counts.tolist()),
        train_examples=len(parts.train),
        validation_examples=len(parts.validation),
        gate_examples=len(parts.gate),
        test_examples=len(parts.test),
        baseline_score=float(counts.max() / counts.sum()),
        warnings=tuple(_warnings(dataset, parts)),
    )


def _warnings(dataset: Dataset, parts: Parts) -> list[str]:
    found = [*_about_classes(dataset), *_about_equal_images(dataset)]
    lowest = float(dataset.images.min())
    if lowest < 0:
        found.append(f"pixels go down to {lowest:g}; they are expected from 0 to a maximum")
    flat = dataset.images.reshape(len(dataset.images), -1)
    blank = int(np.count_nonzero(flat.min(axis=1) == flat.max(axis=1)))
    if blank:
        found.append(f"{blank} images have the same value in every pixel and tell nothing")
    if len(parts.test) < _SMALL_TEST:
        found.append(f"the test split has {len(parts.test)} examples: its accuracy is a rough figure")
    return found


def _about_classes(dataset: Dataset) -> list[str]:
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] < _IMBALANCE * counts[least]:
        return []
    message = (
        f"the classes are unbalanced: {counts[most]} examples of {dataset.classes[most]!r}, "
        f"{counts[least]} of {dataset.classes[least]!r}; accuracy says little about the rare ones"
    )
    return [message]


def _about_equal_images(dataset: Dataset) -> list[str]:
    groups = image_groups(dataset.images)
    copies = np.flatnonzero(groups != np.arange(len(groups)))
    if not len(copies):
        return []
    found = [f"{len(copies)} images are exact copies of another; copies of one class stay in the same split"]
    disputed = int(np.count_nonzero(dataset.labels[copies] != dataset.labels[groups[copies]]))
    if disputed:
        found.append(f"{disputed} of the copies have another label than the first; correct the labels")
    return found
