"""The kinds of tasks by name, and the way from a task's spec to its data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from idla_contract.problem import METRICS, Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import DataSource

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.source import Origin, fetched
from idla_trainer.data.table import read_table
from idla_trainer.failures import TaskError
from idla_trainer.problems import forecasting, images, intents, tabular, text
from idla_trainer.surroundings import memory_bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """How examples of a kind of task are read and prepared."""

    read: Callable[[Path, DataSource, int], Any]
    """Returns what a path holds within so many bytes of memory."""
    prepare: Callable[..., Dataset]
    """Takes what `read` returned, the source and the problem; by name the digest, and what the test file holds."""


KINDS: Mapping[TaskType, Kind] = {
    TaskType.IMAGE_CLASSIFICATION: Kind(images.read, images.prepare),
    TaskType.TEXT_CLASSIFICATION: Kind(read_table, text.prepare),
    TaskType.INTENT_DETECTION: Kind(read_table, intents.prepare),
    TaskType.TABULAR_CLASSIFICATION: Kind(read_table, tabular.prepare),
    TaskType.TABULAR_REGRESSION: Kind(read_table, tabular.prepare),
    TaskType.FORECASTING: Kind(read_table, forecasting.prepare),
}


def kind_of(problem: Problem) -> Kind:
    """Return how a problem's examples are read and prepared.

    Raises:
        TaskError: a kind that this image does not know, or a metric that does not belong to it.
    """
    kind = KINDS.get(problem.type)
    if kind is None:
        message = f"task.type: found {problem.type}; this image knows {', '.join(sorted(KINDS))}"
        raise TaskError(FailureReason.SPEC_INVALID, message)
    if problem.metric not in METRICS[problem.type]:
        message = f"problem.metric: found {problem.metric}; {problem.type} takes {', '.join(METRICS[problem.type])}"
        raise TaskError(FailureReason.SPEC_INVALID, message)
    return kind


def load_dataset(problem: Problem, source: DataSource, origin: Origin, *, memory: int | None = None) -> Dataset:
    """Fetch, read, check and split the examples.

    Args:
        problem: what the model has to do.
        source: where they are and how they are read.
        origin: where this pod looks for them.
        memory: bytes that the examples may take; default: all that this process may use.

    Raises:
        StoreError: they cannot be fetched.
        TaskError: they cannot be used.
    """
    kind = kind_of(problem)
    limit = memory_bytes() if memory is None else memory
    found = fetched(source.uri, source.digest, origin)
    content = kind.read(found.path, source, limit)
    if source.test_uri is None:
        return kind.prepare(content, source, problem, digest=found.digest, test=None)
    held_out = fetched(source.test_uri, source.test_digest, origin)
    test = kind.read(held_out.path, source, limit)
    dataset = kind.prepare(content, source, problem, digest=found.digest, test=test)
    return replace(dataset, test_digest=held_out.digest)
