"""The task graph of a workflow: what its pods do, and after what."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from idla.core.kube.resources import PodResources


class GraphError(ValueError):
    """The nodes are no graph of tasks; the message names the task, what is wrong and what is allowed."""


class StepKind(StrEnum):
    """What a step of a task does."""

    PROFILE = "Profile"
    TRAIN = "Train"
    SEARCH = "Search"
    SELECT = "Select"
    COMPRESS = "Compress"
    REFIT = "Refit"
    EVALUATE = "Evaluate"
    VERIFY = "Verify"
    PUBLISH = "Publish"


NEEDS_MODEL = frozenset({StepKind.COMPRESS, StepKind.REFIT, StepKind.EVALUATE, StepKind.VERIFY, StepKind.PUBLISH})
"""Steps that begin with the model that was selected among all that were trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNode:
    """A task of the graph: one pod."""

    name: str
    steps: tuple[StepKind, ...]
    """What it does, in order; at least one."""
    depends_on: tuple[str, ...] = ()
    """Tasks that have finished before it begins."""
    resources: PodResources
    expected_share: float
    """Its expected duration as a share of the whole workflow's, from 0 to 1; tasks side by side share theirs."""


def order_topologically(nodes: Iterable[TaskNode]) -> tuple[TaskNode, ...]:
    """Return the nodes such that each stands after all that it depends on, else in the order given.

    Raises:
        GraphError: a name stands twice, a dependency is not among the nodes, or tasks wait for each other.
    """
    given = tuple(nodes)
    by_name = {node.name: node for node in given}
    twice = [name for name, count in Counter(node.name for node in given).items() if count > 1]
    if twice:
        raise GraphError(f"task {twice[0]} stands twice; every name is given once")
    for node in given:
        unknown = [name for name in node.depends_on if name not in by_name]
        if unknown:
            raise GraphError(f"task {node.name} depends on {unknown[0]}; known are {', '.join(by_name)}")
    sorter = TopologicalSorter({node.name: node.depends_on for node in given})
    try:
        sorter.prepare()
    except CycleError as error:
        raise GraphError(f"tasks wait for each other: {' -> '.join(reversed(error.args[1]))}; none may") from None
    places = {node.name: place for place, node in enumerate(given)}
    ordered: list[TaskNode] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=places.__getitem__)
        ordered += [by_name[name] for name in ready]
        sorter.done(*ready)
    return tuple(ordered)


def find_ready(nodes: Iterable[TaskNode], finished: Collection[str]) -> tuple[TaskNode, ...]:
    """Return those of the nodes that wait for no other task, in the order given.

    Args:
        nodes: of the graph.
        finished: names of the tasks that have finished, whether they succeeded or failed.
    """
    return tuple(node for node in nodes if not waits_for(node, finished))


def waits_for(node: TaskNode, finished: Collection[str]) -> tuple[str, ...]:
    """Return the names of the tasks that have to finish before a node may begin."""
    return tuple(name for name in node.depends_on if name not in finished)
