"""The plan: its task graph, what each task asks for, and which plans cannot be followed."""

from typing import Any

import pytest
from idla.api.training_workflow_status import BasisStatus, PlannedTaskStatus, PlanStatus
from idla.core.planning.candidates import Choice, nominate_candidates
from idla.core.planning.graph import GraphError
from idla.core.planning.plan import make_plan, read_graph

from tests.unit.core.world import BOTH, DEPLOY, LIBRARY, World, requirements, spec_of, template, workflow

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


def test_each_training_follows_the_profile_a_choice_follows_them_all_and_the_publication_that() -> None:
    assert rows(planned(resources=GPU)) == [
        ("profile", [], ["Profile"], CPU | {"memory": "1Gi"}, 5),
        (BOTH[0], ["profile"], ["Train"], WITH_GPU, 32),
        (BOTH[1], ["profile"], ["Train"], WITH_GPU, 48),
        ("select", list(BOTH), ["Select"], CPU, 1),
        ("publish", ["select"], PUBLISHING, WITH_GPU, 13),
    ]


def test_of_one_candidate_nothing_is_selected() -> None:
    assert [(name, after) for name, after, *_ in rows(planned(LIBRARY[0]))] == [
        ("profile", []), (BOTH[0], ["profile"]), ("publish", [BOTH[0]]),
    ]  # fmt: skip


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


def before() -> tuple[PlannedTaskStatus, ...]:
    """Return the tasks of such a plan as the version of before made it, which selected in no pod."""
    *trainings, _, publish = planned().tasks
    return (*trainings, publish.model_copy(update={"depends_on": BOTH}))


KNOWN = "known are Profile, Train, Search, Select, Compress, Refit, Evaluate, Verify, Publish"
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a step of another version": (
        changed(4, steps=("Distill",)),
        f"task publish has the step Distill; {KNOWN}",
    ),
    "a task without a step": (
        changed(0, steps=()),
        f"task profile has no step; {KNOWN}",
    ),
    "tasks that wait for each other": (
        changed(1, depends_on=("publish",)),
        f"tasks wait for each other: select -> {BOTH[0]} -> publish -> select; none may",
    ),
    "a training of nothing": (
        changed(1, name="train-x"),
        f"the plan trains in {BOTH[1]}, train-x; its candidates are trained in {BOTH[0]}, {BOTH[1]}",
    ),
    "a search without trials": (
        changed(1, steps=("Search",)),
        f"the plan trains in {BOTH[1]}; its candidates are trained in {BOTH[0]}, {BOTH[1]}",
    ),
    "a choice that does not wait": (
        changed(3, depends_on=(BOTH[1],)),
        f"task select needs a trained model and does not depend on {BOTH[0]}",
    ),
    "a publication that does not wait for the choice": (
        changed(4, depends_on=BOTH),
        "task publish needs a trained model and does not depend on select",
    ),
    "a publication that does not wait": (
        {"tasks": (*before()[:-1], before()[-1].model_copy(update={"depends_on": (BOTH[1],)}))},
        f"task publish needs a trained model and does not depend on {BOTH[0]}",
    ),
    "a choice that publishes": (
        changed(3, steps=("Select", "Publish")),
        "task select needs a trained model and does not depend on select",
    ),
    "two choices": (
        changed(0, steps=("Profile", "Select")),
        "the plan selects in profile, select; it is one task at most, and none after a search",
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


def unselecting(world: World) -> World:
    """Return a world whose plan is as the version of before made it: no pod of it selects."""
    plan = world.status["plan"]
    world.workflow["status"] = {**world.status, "plan": {**plan, "tasks": [task.to_status() for task in before()]}}
    return world.settle()


def test_a_plan_that_selects_in_no_pod_publishes_the_best_score() -> None:
    world = unselecting(World().profiled())
    plan = world.status["plan"]
    assert list(world.tasks()) == ["profile", *BOTH, "publish"]
    world.train({"resnet-small": 0.9750, "vgg-small": 0.9800})
    assert world.message("Trained") == ("vgg-small: validation accuracy 0.9800 ± 0.0100, 120000 weights, the best of 2")
    assert world.publish().conditions()["Succeeded"] == "True Completed"
    assert (world.status["plan"], len(world.jobs)) == (plan, 4)


def test_a_workflow_that_an_earlier_version_has_published_is_left_alone() -> None:
    """It published the smaller one within one standard error, and the published task depends on those words."""
    world = unselecting(World(workflow=workflow(deployment=DEPLOY)).profiled())
    world.end_trainings({"resnet-small": 0.9750, "vgg-small": 0.9800})
    chosen = {
        "name": "ModelSelection", "choice": "resnet-small", "reason": "SmallerWithinError",
        "message": "no more than one standard error worse", "time": "2026-11-24T08:01:20Z",
        "alternatives": [{"choice": "vgg-small", "reason": "LargerWithinError", "message": "0.9800 ± 0.0100"}],
    }  # fmt: skip
    decisions = [entry for entry in world.status["decisions"] if entry["name"] != "ModelSelection"]
    world.workflow["status"] = {**world.status, "decisions": [*decisions, chosen]}
    world.settle().publish().serve().settle()
    assert world.conditions()["Succeeded"] == "True Completed"
    assert chosen in world.status["decisions"]
    [compress, *_, evaluate, _, _] = spec_of(world, "publish").model_dump()["steps"]
    assert compress["candidate"]["task"] == BOTH[0]
    assert evaluate["selection"]["rejected"] == (
        {"template": "vgg-small", "reason": "LargerWithinError", "figures": "0.9800 ± 0.0100"},
    )
    decision = world.wait(3600).reconcile()
    assert (decision.apply, decision.delete, decision.status) == ((), (), None)
