"""The data as a model looks at them: most do through the data's own preprocessing, some through one of their own."""

from dataclasses import replace
from pathlib import Path

from idla_contract.task import ModelSpec

from idla_trainer.data.dataset import Dataset
from idla_trainer.models.registry import check_takes, entry_of


def view_of(model: ModelSpec, dataset: Dataset, encoders: Path) -> Dataset:
    """Return a data set with the preprocessing that a model looks through.

    Args:
        model: which one, with its hyperparameters.
        dataset: as it was read.
        encoders: folder of the pretrained encoders.

    Raises:
        TaskError: the model is made for other data, or needs an encoder that is not there.
    """
    check_takes(model, dataset.preprocess)
    entry, values = entry_of(model)
    if entry.view is None:
        return dataset
    return replace(dataset, preprocess=entry.view(dataset.preprocess, values, encoders))
