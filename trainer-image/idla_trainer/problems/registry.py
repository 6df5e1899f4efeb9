"""The kinds of tasks by name, and the way from a task's spec to its data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from idla_contract.problem import METRICS, Problem, TaskType
from idla_contract.task import DataSource

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.source import Origin, fetch_data
from idla_trainer.data.table import read_table
from idla_trainer.failures import TaskError, spec_invalid
from idla_trainer.problems.image import examples as images
from idla_trainer.problems.image.reading import read as read_images
from idla_trainer.problems.recommendation import examples as recommendation
from idla_trainer.problems.series import examples as forecasting
from idla_trainer.problems.tabular import examples as tabular
from idla_trainer.problems.text import examples as text
from idla_trainer.problems.text import intents
from idla_trainer.runtime_limits import room_for_examples


@dataclass(frozen=True, slots=True)
class Kind:
    """How examples of a kind of task are read and prepared."""

    read: Callable[[Path, DataSource, int], Any]
    """Returns what a path holds within so many bytes of memory, with `warnings` of what was guessed; columns of tables
    may lie in files beyond them."""
    prepare: Callable[..., Dataset]
    """Takes what `read` returned, the source and the problem; by name the digest, what the test file holds, and whether
    all but the test is learned from (`whole`)."""


_read_classes = partial(read_table, spill=True, label=("label",))
_read_numbers = partial(read_table, spill=True)

KINDS: Mapping[TaskType, Kind] = {
    TaskType.IMAGE_CLASSIFICATION: Kind(read_images, images.prepare),
    TaskType.TEXT_CLASSIFICATION: Kind(_read_classes, text.prepare),
    TaskType.INTENT_DETECTION: Kind(_read_classes, intents.prepare),
    TaskType.TABULAR_CLASSIFICATION: Kind(_read_classes, tabular.prepare),
    TaskType.TABULAR_REGRESSION: Kind(_read_numbers, tabular.prepare),
    TaskType.RECOMMENDATION: Kind(read_table, recommendation.prepare),
    TaskType.FORECASTING: Kind(read_table, forecasting.prepare),
}


def kind_of(problem: Problem) -> Kind:
    """Return how a problem's examples are read and prepared.

    Raises:
        TaskError: a metric that does not belong to its kind.
    """
    if problem.metric not in METRICS[problem.type]:
        message = f"problem.metric: found {problem.metric}; {problem.type} takes {', '.join(METRICS[problem.type])}"
        raise spec_invalid(message)
    return KINDS[problem.type]


def load_dataset(
    problem: Problem, source: DataSource, origin: Origin, *, whole: bool = False, overview: bool = False
) -> Dataset:
    """Fetch, read, check and split the examples, which may take half of the memory that is free.

    Args:
        problem: what the model has to do.
        source: where they are and how they are read.
        origin: where this pod looks for them.
        whole: whether all but the test is learned from, as `Parts.merged` says.
        overview: whether it is told how each column of a table was understood.

    Raises:
        StoreError: they cannot be fetched.
        TaskError: they cannot be used.
    """
    kind = kind_of(problem)
    limit = room_for_examples()
    path, digest = fetch_data(source.uri, source.digest, origin)
    content = kind.read(path, source, limit)
    test, test_digest, warnings = None, None, content.warnings
    if source.test_uri is not None:
        test_path, test_digest = fetch_data(source.test_uri, source.test_digest, origin)
        try:
            test = kind.read(test_path, source, limit)
        except TaskError as error:
            raise TaskError(error.reason, f"the test file: {error}", error.exit_code) from error
        warnings = (*warnings, *(f"the test file: {text}" for text in test.warnings))
    dataset = kind.prepare(content, source, problem, digest=digest, test=test, whole=whole)
    dataset = replace(dataset, test_digest=test_digest, warnings=(*warnings, *dataset.warnings))
    return dataset.described(content.columns) if overview and dataset.uses else dataset
