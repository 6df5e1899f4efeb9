"""The plan: its task graph, what each task asks for, and which plans cannot be followed."""

from typing import Any

import pytest
from idla.api.training_workflow_status import BasisStatus, PlannedTaskStatus, PlanStatus
from idla.core.planning.candidates import Choice, nominate_candidates
from idla.core.planning.graph import GraphError
from idla.core.planning.plan import make_plan, read_graph

from tests.unit.core.world import BOTH, LIBRARY, World, requirements, template

BASIS = BasisStatus(image="idla/trainer:1", spec_digest="00")
GPU = {"limits": {"nvidia.com/gpu": "1"}}
CPU = {"cpu": "500m", "memory": "1Gi"}
WITH_GPU = {"nvidia.com/gpu": "1", **CPU}
PUBLISHING = ["Compress", "Refit", "Evaluate", "Verify", "Publish"]
PLAIN = template("plain", "plain", 80_000, compressionMethods=[])


def planned(*library: Any, **changes: Any) -> PlanStatus:
    wanted = requirements(**changes)
    choice = nominate_candidates(wanted, library or LIBRARY, None)
    assert isinstance(choice, Choice)
    return make_plan(wanted, choice, BASIS, data_digest=None)


def rows(plan: PlanStatus) -> list[tuple[Any, ...]]:
    return [
        (task.name, list(task.depends_on), list(task.steps), task.requests, task.expected_percent)
        for task in plan.tasks
    ]


def test_each_training_follows_the_profile_and_the_publication_follows_them_all() -> None:
    assert rows(planned(resources=GPU)) == [
        ("profile", [], ["Profile"], CPU | {"memory": "1Gi"}, 5),
        (BOTH[0], ["profile"], ["Train"], WITH_GPU, 32),
        (BOTH[1], ["profile"], ["Train"], WITH_GPU, 48),
        ("publish", list(BOTH), PUBLISHING, WITH_GPU, 13),
    ]


def test_a_search_is_one_task_and_takes_all_of_the_training_time() -> None:
    plan = planned(template("vgg", "vgg", 9, searchSpace=[
        {"name": "learningRate", "type": "Float", "minimum": "0.0005", "maximum": "0.008"},
    ]), preset="Best")  # fmt: skip
    assert [(name, after, share) for name, after, _, _, share in rows(plan)] == [
        ("profile", [], 5), ("search", ["profile"], 80), ("publish", ["search"], 13),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("library", "changes", "requests"),
    [
        pytest.param(LIBRARY, {"training": {"refit": True}}, WITH_GPU, id="it refits"),
        pytest.param(LIBRARY, {"training": {"refit": False}}, WITH_GPU, id="it trains smaller networks"),
        pytest.param(LIBRARY, {"preset": "Fast"}, CPU, id="it does neither"),
        pytest.param((PLAIN,), {"training": {"refit": False}}, CPU, id="nothing compresses the model"),
    ],
)
def test_the_publishing_pod_has_a_device_where_it_trains(
    library: tuple[Any, ...], changes: dict[str, Any], requests: dict[str, str]
) -> None:
    assert planned(*library, resources=GPU, **changes).tasks[-1].requests == requests


def changed(place: int, **changes: Any) -> dict[str, Any]:
    tasks = list(planned().tasks)
    tasks[place] = PlannedTaskStatus.model_validate(tasks[place].model_dump() | changes)
    return {"tasks": tuple(tasks)}


KNOWN = "known are Profile, Train, Search, Compress, Refit, Evaluate, Verify, Publish"
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a step of another version": (
        changed(3, steps=("Distill",)),
        f"task publish has the step Distill; {KNOWN}",
    ),
    "a task without a step": (
        changed(0, steps=()),
        f"task profile has no step; {KNOWN}",
    ),
    "tasks that wait for each other": (
        changed(1, depends_on=("publish",)),
        f"tasks wait for each other: publish -> {BOTH[0]} -> publish; none may",
    ),
    "a training of nothing": (
        changed(1, name="train-x"),
        f"the plan trains in {BOTH[1]}, train-x; its candidates are trained in {BOTH[0]}, {BOTH[1]}",
    ),
    "a search without trials": (
        changed(1, steps=("Search",)),
        f"the plan trains in {BOTH[1]}; its candidates are trained in {BOTH[0]}, {BOTH[1]}",
    ),
    "a publication that does not wait": (
        changed(3, depends_on=(BOTH[1],)),
        f"task publish needs a trained model and does not depend on {BOTH[0]}",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plan_that_cannot_be_followed_names_the_task(case: str) -> None:
    changes, message = BROKEN[case]
    with pytest.raises(GraphError) as error:
        read_graph(planned().model_copy(update=changes), requirements())
    assert str(error.value) == message


@pytest.mark.parametrize("case", BROKEN)
def test_a_plan_that_cannot_be_followed_is_made_again(case: str) -> None:
    world = World().profiled()
    plan = world.status["plan"]
    world.workflow["status"] = {**world.status, "plan": {**plan, "tasks": [
        task.to_status() for task in BROKEN[case][0]["tasks"]
    ]}}  # fmt: skip
    assert world.train().publish().conditions()["Succeeded"] == "True Completed"
    assert world.status["plan"] == plan


def test_the_plan_of_the_revision_before_is_followed_as_it_stands() -> None:
    world = World().profiled()
    plan = world.status["plan"]
    before = {**plan, "hash": "0" * 16, "tasks": [
        {key: task[key] for key in ("name", "dependsOn", "steps")} for task in plan["tasks"]
    ]}  # fmt: skip
    world.workflow["status"] = {**world.status, "plan": before}
    assert world.train().publish().conditions()["Succeeded"] == "True Completed"
    assert world.status["plan"] == before
