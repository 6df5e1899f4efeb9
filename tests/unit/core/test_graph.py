"""The task graph: what is refused, in which order its tasks stand, and which may begin."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.core.kube.resources import PodResources
from idla.core.planning.graph import GraphError, StepKind, TaskNode, find_ready, order_topologically, waits_for

POD = PodResources(requests={}, limits={})


def node(name: str, *depends_on: str) -> TaskNode:
    return TaskNode(name=name, steps=(StepKind.TRAIN,), depends_on=depends_on, resources=POD, expected_share=0.1)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        pytest.param([node("a"), node("a")], "task a stands twice; every name is given once", id="a name twice"),
        pytest.param([node("a"), node("b", "c")], "task b depends on c; known are a, b", id="an unknown name"),
        pytest.param([node("a", "a")], "tasks wait for each other: a -> a; none may", id="one that waits for itself"),
        pytest.param(
            [node("a", "c"), node("b", "a"), node("c", "b"), node("d")],
            "tasks wait for each other: a -> c -> b -> a; none may",
            id="a cycle",
        ),
    ],
)
def test_what_is_no_graph_is_refused(nodes: list[TaskNode], message: str) -> None:
    with pytest.raises(GraphError) as error:
        order_topologically(nodes)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([node("z"), node("a")], ["z", "a"], id="as given"),
        pytest.param([node("b", "a"), node("a")], ["a", "b"], id="what another depends on first"),
        pytest.param(
            [node("publish", "x", "y"), node("y", "profile"), node("x", "profile"), node("profile")],
            ["profile", "y", "x", "publish"],
            id="a diamond",
        ),
    ],
)
def test_the_order_of_the_tasks(nodes: list[TaskNode], names: list[str]) -> None:
    assert [entry.name for entry in order_topologically(nodes)] == names


@st.composite
def graphs(draw: st.DrawFn) -> tuple[TaskNode, ...]:
    count = draw(st.integers(1, 8))
    nodes = [
        node(str(place), *(draw(st.sets(st.sampled_from([str(other) for other in range(place)]))) if place else ()))
        for place in range(count)
    ]
    return tuple(draw(st.permutations(nodes)))


@given(graphs())
def test_each_task_stands_after_all_that_it_depends_on(nodes: tuple[TaskNode, ...]) -> None:
    ordered = order_topologically(nodes)
    assert sorted(ordered, key=str) == sorted(nodes, key=str)
    for place, entry in enumerate(ordered):
        assert {earlier.name for earlier in ordered[:place]} >= set(entry.depends_on)


@given(graphs(), st.randoms(use_true_random=False))
def test_finishing_any_ready_task_gets_through_the_whole_graph(nodes: tuple[TaskNode, ...], random: Random) -> None:
    finished: set[str] = set()
    while left := [entry for entry in nodes if entry.name not in finished]:
        ready = find_ready(left, finished)
        assert ready, "every unfinished task waits for another one"
        assert all((entry in ready) == (not waits_for(entry, finished)) for entry in left)
        finished.add(random.choice(ready).name)
