"""What holds whatever happens, in whatever order: to a workflow, to its pods and to its operator."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from idla.core.kube import jobs
from idla_contract.result import FailureReason

from tests.unit.core.world import World, profile, published, trained, workflow

BOTH = ("train-resnet-small", "train-vgg-small")
DEPLOY = {"mode": "CreateOrUpdate"}
TASKS = ("profile", *BOTH, "select", "publish")
REPORTS: dict[str, dict[str, Any]] = {
    "profile": {"profile": profile()},
    BOTH[0]: {"train": trained("resnet-small", 0.98)},
    BOTH[1]: {"train": trained("vgg-small", 0.96, parameters=120_000)},
    "publish": published(),
}


def reports_of(world: World, task: str) -> dict[str, Any]:
    """Return what a task at work comes to."""
    return {"select": world.comparison()} if task == "select" else REPORTS[task]


def at_work(world: World, task: str) -> bool:
    mine = [job for job in world.jobs.values() if job["metadata"]["labels"]["idla.dev/task"] == task]
    if not mine:
        return False
    job = world.job(task)
    return not jobs.is_finished(job) and not job["spec"]["suspend"]


def on_task(task: str, act: Callable[[World, str], Any]) -> Callable[[World], None]:
    def action(world: World) -> None:
        if at_work(world, task):
            act(world, task)

    return action


def held(world: World) -> None:
    for job in world.jobs.values():
        if job["spec"]["suspend"] and not jobs.is_finished(job):
            world.pods.pop(job["metadata"]["name"], None)
            job["status"] = {}


def delete_job(world: World, task: str) -> None:
    job = world.job(task)
    world.delete("Job", job["metadata"]["name"], job["metadata"]["uid"])


ACTIONS: dict[str, Callable[[World], Any]] = {
    "time passes": lambda world: world.wait(30),
    "suspend": lambda world: world.edit(suspend=True),
    "resume": lambda world: world.edit(suspend=False),
    "fewer epochs": lambda world: world.edit(training={"maxEpochs": 5}),
    "more epochs": lambda world: world.edit(training={"maxEpochs": 40}),
    "smaller pods": lambda world: world.edit(resources={"requests": {"cpu": "250m"}}),
    "other target": lambda world: world.edit(objectives=[{"metric": "accuracy", "target": "0.99", "minimum": "0.9"}]),
    "deployment wanted": lambda world: world.edit(deployment=DEPLOY),
    "an invalid edit": lambda world: world.edit(data={"storageUri": "ftp://x"}),
    "a valid edit": lambda world: world.edit(data={"storageUri": "sample://digits"}),
    "manual approval": lambda world: world.edit(approval="Manual"),
    "automatic approval": lambda world: world.edit(approval="Auto"),
    "pods are lost": lambda world: world.pods.clear(),
    "the library is emptied": lambda world: setattr(world, "templates", ()),
    "an upgrade": lambda world: setattr(
        world, "settings", type(world.settings)(trainer_image="idla/trainer:2", server_image="idla/server:2")
    ),
    "suspended pods end": held,
}
for name in TASKS:
    ACTIONS |= {
        f"{name} runs": on_task(name, lambda world, task: world.run(task)),
        f"{name} waits": on_task(name, lambda world, task: world.pend(task, "0/1 nodes are available")),
        f"{name} advances": on_task(name, lambda world, task: world.measure(task, 100 + len(world.events))),
        f"{name} succeeds": on_task(name, lambda world, task: world.finish(task, **reports_of(world, task))),
        f"{name} fails": on_task(name, lambda world, task: world.fail(task, FailureReason.INTERNAL, "x", code=1)),
        f"{name} is deleted": on_task(name, delete_job),
    }


def all_succeed(world: World) -> None:
    for task in TASKS:
        if at_work(world, task):
            world.finish(task, **reports_of(world, task))


def serve(world: World) -> None:
    artifact = (world.workflow.get("status") or {}).get("artifact")
    if artifact and world.deployments:
        world.serve(artifact["digest"])


ACTIONS |= {"all at work succeed": all_succeed, "the artifact serves": serve}
STARTS: dict[str, Callable[[], World]] = {
    "new": lambda: World().settle(),
    "training": lambda: World().profiled().run(*BOTH).settle(),
    "comparing": lambda: World().profiled().end_trainings(),
    "publishing": lambda: World().profiled().train().run("publish").settle(),
    "deploying": lambda: World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish(),
    "done": lambda: World().profiled().train().publish(),
    "waiting for approval": lambda: World(workflow=workflow(approval="Manual")).profiled(),
}
# Successes are drawn more often, so that most ways get far.
FORWARD = ["all at work succeed"] * 10
STARTED = st.sampled_from(sorted(STARTS))
WAYS = st.lists(st.sampled_from([*ACTIONS, *FORWARD]), min_size=5, max_size=20)
thorough = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(world: World, before: dict[str, Any]) -> None:
    counts = Counter(world.active_hashes())
    assert all(count == 1 for count in counts.values()), "two active Jobs do the same work"
    status = world.workflow.get("status") or {}
    if "artifact" in before:
        assert "artifact" in status, "a published artifact is lost"
    same = before.get("basis") == status.get("basis") and before.get("startTime")
    if same and "progress" in before:
        assert status["progress"]["percent"] >= before["progress"]["percent"], "progress fell"
    known = {entry["type"]: entry["status"] for entry in status.get("conditions", [])}
    if known:
        marks = {kind for kind in ("Reconciling", "Stalled") if kind in known}
        queued = any(entry["reason"] == "GenerationQueued" for entry in status["conditions"])
        if not queued:
            assert marks == {"True": set(), "Unknown": {"Reconciling"}, "False": {"Stalled"}}[known["Succeeded"]]


@thorough
@given(STARTED, WAYS)
def test_whatever_happens_no_work_is_done_twice_and_nothing_reached_is_lost(start: str, way: list[str]) -> None:
    world = STARTS[start]()
    for action in way:
        before = world.workflow.get("status") or {}
        ACTIONS[action](world)
        world.wait(1).settle()
        check(world, before)
        again = world.decide()
        assert (again.apply, again.delete, again.status, again.events) == ((), (), None, ()), "it is not at rest"


@thorough
@given(STARTED, WAYS, st.lists(st.integers(0, 3), min_size=1, max_size=10))
def test_an_operator_killed_at_any_moment_ends_in_the_same_world(start: str, way: list[str], kills: list[int]) -> None:
    """Kill it before the status is written, with some of its other writes done; then let another one begin."""
    calm, harsh = STARTS[start](), STARTS[start]()
    for action in way:
        for world in (calm, harsh):
            ACTIONS[action](world)
            world.wait(1)
        calm.settle()
        interrupt(harsh, kills)
        assert harsh.jobs == calm.jobs
        assert harsh.workflow == calm.workflow
        assert (harsh.claims, harsh.deployments) == (calm.claims, calm.deployments)


def interrupt(world: World, kills: list[int]) -> None:
    for carried in kills:
        decision = world.decide()
        for manifest in decision.apply[:carried]:
            world.apply(dict(manifest))
    world.settle()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 720), min_size=1, max_size=20))
def test_progress_never_falls_and_is_written_seldom(steps: list[int]) -> None:
    world = World().profiled().run(*BOTH).settle()
    shown, last = world.status["progress"]["percent"], world.status["progress"]["lastUpdatedTime"]
    for number, step in enumerate(steps):
        written = world.statuses
        world.wait(3).measure(BOTH[0], step, validation_score=number / 100)
        world.reconcile()
        percent = world.status["progress"]["percent"]
        assert percent >= shown
        if world.statuses != written:
            assert world.status["progress"]["lastUpdatedTime"] > last
        shown, last = percent, world.status["progress"]["lastUpdatedTime"]
    assert world.statuses <= 10 + len(steps) * 3 // 10 + 1


def test_progress_alone_is_written_after_the_period_and_asked_for_then() -> None:
    world = World().profiled().run(*BOTH).settle()
    decision = world.wait(4).measure(BOTH[0], 100).reconcile()
    assert (decision.status, decision.requeue_after) == (None, 6.0)
    decision = world.wait(6).reconcile()
    assert decision.status is not None
    assert world.status["progress"] | {"metrics": []} == {
        "percent": 9, "currentTask": "train-resnet-small, train-vgg-small", "metrics": [],
        "estimatedRemainingSeconds": 31,
        "lastUpdatedTime": "2026-11-24T08:00:30Z",
    }  # fmt: skip
    assert decision.events == ()


def test_progress_of_results_that_are_all_reused_is_told_where_they_are_not_good_enough() -> None:
    world = World().profiled().train({"resnet-small": 0.91, "vgg-small": 0.88})
    reached = world.status["progress"]["percent"]
    world.edit(model={"maxCandidates": 3}).settle()
    assert world.conditions()["Succeeded"] == "False MinimumMissed"
    assert world.status["progress"]["percent"] == reached


def test_progress_tells_the_rest_and_the_figures() -> None:
    world = World(workflow=workflow(model={"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}]})).profiled()
    world.run(BOTH[1]).settle().wait(60)
    world.measure(BOTH[1], 360, train_loss=0.25, validation_score=0.914, examples_per_second=850.0).reconcile()
    assert world.status["progress"] == {
        "percent": 45, "currentTask": "train-vgg-small", "estimatedRemainingSeconds": 80,
        "lastUpdatedTime": "2026-11-24T08:01:20Z",
        "metrics": [
            {"name": "train-vgg-small/trainLoss", "value": "0.25"},
            {"name": "train-vgg-small/validationScore", "value": "0.914"},
            {"name": "train-vgg-small/examplesPerSecond", "value": "850"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_of_the_laws_does_something(action: str) -> None:
    """An action that never acts would make the laws hollow."""
    worlds = [
        World().settle(),
        World().profiled(),
        World().profiled().run(*BOTH).settle(),
        World().profiled().run(*BOTH).settle().edit(suspend=True).settle(),
        World().profiled().end_trainings(),
        World().profiled().train(),
        World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish(),
    ]
    changed = []
    for world in worlds:
        before = repr(world)
        ACTIONS[action](world)
        changed.append(repr(world) != before)
    assert any(changed)
