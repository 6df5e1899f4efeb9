import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.core.graph import GraphError, Task, TaskState, content_hash, ordered, ready
from idla_contract.task import DataSource, ModelSpec, ProfileStep, Training, TrainStep

DATA = DataSource(uri="sample://digits")


def task(name: str, *depends_on: str) -> Task:
    return Task(name=name, steps=(ProfileStep(),), depends_on=depends_on, content_hash="0" * 16)


def names(tasks: tuple[Task, ...]) -> list[str]:
    return [task.name for task in tasks]


def test_a_task_stands_after_what_it_depends_on_and_ties_go_by_name() -> None:
    assert names(ordered([task("c", "b", "a"), task("b"), task("a")])) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        pytest.param([task("a"), task("a")], "task a occurs twice", id="a name twice"),
        pytest.param([task("a", "z")], "depends on z, which is unknown; tasks are a", id="an unknown dependency"),
        pytest.param([task("a", "b"), task("b", "a")], "in a circle: ", id="a circle of two"),
        pytest.param([task("a", "a")], "in a circle: a -> a", id="a task that waits for itself"),
    ],
)
def test_what_cannot_be_worked_off_is_refused_by_name(tasks: list[Task], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        ordered(tasks)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param({}, ["profile"], id="at first only what waits for nothing"),
        pytest.param({"profile": TaskState.RUNNING}, [], id="nothing while it runs"),
        pytest.param({"profile": TaskState.SUCCEEDED}, ["one", "two"], id="both candidates side by side"),
        pytest.param(
            {"profile": TaskState.SUCCEEDED, "one": TaskState.SUCCEEDED, "two": TaskState.FAILED}, [],
            id="a failed dependency holds what follows",
        ),
    ],
)  # fmt: skip
def test_readiness(states: dict[str, TaskState], expected: list[str]) -> None:
    graph = [task("finish", "one", "two"), task("one", "profile"), task("two", "profile"), task("profile")]
    assert names(ready(graph, states)) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_working_off_what_is_ready_always_ends_with_everything_done(edges: list[tuple[int, int]]) -> None:
    below = {n: {f"t{b}" for a, b in edges if a == n and b < n} for n in range(10)}
    graph = [task(f"t{n}", *sorted(below[n])) for n in range(10)]
    states: dict[str, TaskState] = {}
    while batch := ready(graph, states):
        states |= {task.name: TaskState.SUCCEEDED for task in batch}
    assert set(states) == {f"t{n}" for n in range(10)}


def train(**changes: int) -> TrainStep:
    return TrainStep(model=ModelSpec(template="resnet-small", builder="resnet"), training=Training(**changes))


def test_equal_work_has_an_equal_hash() -> None:
    assert content_hash(DATA, [train()], image="a") == content_hash(DATA, [train()], image="a")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((DATA, [train(seed=2)], "a"), id="seed"),
        pytest.param((DATA, [train(max_epochs=3)], "a"), id="hyperparameter"),
        pytest.param((DATA, [train(), ProfileStep()], "a"), id="steps"),
        pytest.param((DataSource(uri="sample://letters"), [train()], "a"), id="data"),
        pytest.param((DATA, [train()], "b"), id="image"),
    ],
)
def test_what_could_change_the_result_changes_the_hash(other: tuple[DataSource, list[TrainStep], str]) -> None:
    data, steps, image = other
    assert content_hash(data, steps, image=image) != content_hash(DATA, [train()], image="a")
