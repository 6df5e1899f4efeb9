"""The task graph: validated dependencies and content hashes, so that unchanged work is found again."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from idla_contract.task import DataSource, Step

HASH_LENGTH = 16


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "Pending"
    """Waits for other tasks, an approval, or room in the cluster."""
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A node: one Job's worth of steps."""

    name: str
    steps: tuple[Step, ...]
    depends_on: tuple[str, ...] = ()
    content_hash: str


class GraphError(ValueError):
    """The tasks are no graph that can be worked off; the message names the tasks."""


def content_hash(data: DataSource, steps: Sequence[Step], *, image: str) -> str:
    """Return 16 hex digits that change whenever the result of these steps on these data could change.

    The workflow's name is no part of it: equal work in a renamed or re-created workflow is found again.

    Args:
        data: source of the examples, with its split.
        steps: what is done, with every hyperparameter; the hashes of earlier tasks are inside them.
        image: of the trainer, since its code is part of the result.
    """
    document = {
        "data": data.model_dump(mode="json"),
        "steps": [step.model_dump(mode="json") for step in steps],
        "image": image,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:HASH_LENGTH]


def ordered(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Return the tasks so that each stands after what it depends on, ties by name.

    Raises:
        GraphError: a name occurs twice, a dependency is unknown, or the tasks wait for each other in a circle.
    """
    by_name: dict[str, Task] = {}
    for task in tasks:
        if task.name in by_name:
            raise GraphError(f"task {task.name} occurs twice; a name stands for one task")
        by_name[task.name] = task
    for task in by_name.values():
        for name in task.depends_on:
            if name not in by_name:
                known = ", ".join(sorted(by_name))
                raise GraphError(f"task {task.name} depends on {name}, which is unknown; tasks are {known}")
    sorter = TopologicalSorter({task.name: task.depends_on for task in by_name.values()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise GraphError(f"tasks wait for each other in a circle: {' -> '.join(error.args[1])}") from None
    order: list[Task] = []
    while sorter.is_active():
        level = sorted(sorter.get_ready())
        order.extend(by_name[name] for name in level)
        sorter.done(*level)
    return tuple(order)


def ready(tasks: Iterable[Task], states: dict[str, TaskState]) -> tuple[Task, ...]:
    """Return the tasks that may start now: not begun, and everything they depend on has succeeded."""
    return tuple(
        task
        for task in ordered(tasks)
        if states.get(task.name, TaskState.PENDING) is TaskState.PENDING
        and all(states.get(name) is TaskState.SUCCEEDED for name in task.depends_on)
    )
