"""An edit of a TrainingWorkflow, or of the configuration under it: what is used again, and what begins anew."""

import dataclasses
import json

import pytest
from idla.builders.egress import Egress
from idla.core.settings import Settings

from tests.unit.core.world import BOTH, DEPLOY, OTHER_DIGEST, SETTINGS, World, profile, spec_of, trained, workflow


def test_an_edit_waits_for_running_tasks_that_it_does_not_need() -> None:
    world = World().profiled().run(*BOTH).settle()
    old_jobs = set(world.jobs)
    world.edit(training={"maxEpochs": 5}).settle()
    assert set(world.jobs) == old_jobs
    assert world.status["observedGeneration"] == 1
    assert world.conditions()["Reconciling"] == "True GenerationQueued"
    for task, template in zip(BOTH, ("resnet-small", "vgg-small"), strict=True):
        world.crash(
            task, code=1, reason="Error", job_reason="BackoffLimitExceeded"
        ) if template == "vgg-small" else None
    world.settle()
    assert world.status["observedGeneration"] == 1
    assert "train-resnet-small" in world.message("Reconciling")
    assert "train-vgg-small" not in world.message("Reconciling")
    world.crash(BOTH[0], code=1, reason="Error", job_reason="BackoffLimitExceeded").settle()
    assert world.status["observedGeneration"] == 2
    assert json.loads(world.status["plan"]["candidates"][0]["training"])["maxEpochs"] == 5
    assert world.task("profile") | {"cached": True, "attempts": 0} == world.task("profile")
    assert world.tasks()[BOTH[0]] == "Pending"
    assert world.told().count("GenerationQueued") == 1
    assert world.told().count("GenerationStarted") == 1


def test_an_edit_reuses_what_it_shares_and_what_runs() -> None:
    world = World().profiled().run(*BOTH).settle()
    jobs = set(world.jobs)
    world.edit(objectives=[{"metric": "accuracy", "target": "0.9"}]).settle()
    assert world.status["observedGeneration"] == 2
    assert set(world.jobs) == jobs
    assert world.tasks() == {
        "profile": "Succeeded", BOTH[0]: "Running", BOTH[1]: "Running", "select": "Pending", "publish": "Pending",
    }  # fmt: skip


def test_a_job_that_ended_before_the_first_status_was_written_is_none_of_an_earlier_generation() -> None:
    world = World().settle()
    world.finish("profile", profile=profile()).wait(10)
    del world.workflow["status"]
    world.settle()
    assert world.task("profile") | {"cached": False, "attempts": 1, "message": ""} == world.task("profile")


def test_a_job_that_ended_before_its_generation_had_a_status_is_none_of_an_earlier_generation() -> None:
    world = World().profiled().train().publish()
    before = world.status
    world.wait(600).edit(training={"maxEpochs": 5}).settle()
    world.run(*BOTH).wait(60)
    for name in ("resnet-small", "vgg-small"):
        world.finish(f"train-{name}", train=trained(name))
    world.workflow["status"] = before  # as it is where the operator was killed between the Jobs and the status
    world.wait(10).settle()
    kept = ("state", "cached", "attempts", "message")
    assert {task: tuple(world.task(task)[key] for key in kept) for task in ("profile", *BOTH)} == {
        "profile": ("Succeeded", True, 0, "the result of an earlier generation is used"),
        BOTH[0]: ("Succeeded", False, 1, ""),
        BOTH[1]: ("Succeeded", False, 1, ""),
    }


@pytest.mark.parametrize("generation", [1, 2])
def test_a_job_that_failed_before_its_generation_had_a_status_is_not_made_again(generation: int) -> None:
    world = World().settle()
    for number in range(1, generation):
        world.edit(data={"storageUri": f"https://data.example/{number}.npz"}).settle()
    jobs = set(world.jobs)
    del world.workflow["status"]
    world.wait(10).crash("profile", code=1, reason="Error", job_reason="BackoffLimitExceeded").wait(10).settle()
    assert (world.tasks()["profile"], set(world.jobs)) == ("Failed", jobs)


def test_a_lower_minimum_publishes_what_was_trained() -> None:
    world = World().profiled().train({"resnet-small": 0.91, "vgg-small": 0.88})
    assert world.conditions()["Succeeded"] == "False MinimumMissed"
    trainings = set(world.jobs)
    world.wait(600).edit(objectives=[{"metric": "accuracy", "target": "0.97", "minimum": "0.9"}]).settle()
    assert set(world.jobs) - trainings == {world.job("select")["metadata"]["name"]}
    assert [entry["cached"] for entry in world.status["tasks"]] == [True, True, True, False, False]
    assert world.compare().tasks()["select"] == "Succeeded"
    assert world.publish().conditions()["Succeeded"] == "True TargetMissed"


def test_an_edit_replaces_a_job_that_never_got_a_node() -> None:
    world = (
        World().profiled().pend(BOTH[0], "0/1 nodes are available").pend(BOTH[1], "0/1 nodes are available").settle()
    )
    old = {world.job(task)["metadata"]["name"] for task in BOTH}
    assert world.conditions()["Succeeded"] == "Unknown WaitingForResources"
    world.edit(resources={"requests": {"cpu": "250m"}}).settle()
    assert world.status["observedGeneration"] == 2
    assert not old & set(world.jobs)
    assert world.job(BOTH[0])["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "250m"


def test_an_edit_of_the_size_lets_running_work_finish_and_uses_it() -> None:
    world = World().profiled().run(*BOTH).settle()
    jobs = set(world.jobs)
    world.edit(resources={"requests": {"cpu": "250m"}}).settle()
    assert set(world.jobs) == jobs
    world.train()
    assert world.tasks()["publish"] == "Pending"
    assert world.publish().conditions()["Succeeded"] == "True Completed"


def test_jobs_that_no_generation_uses_are_cleared_away_at_the_end() -> None:
    world = World().profiled().train().publish()
    first = {world.job(task)["metadata"]["name"] for task in (*BOTH, "select", "publish")}
    world.edit(training={"maxEpochs": 5}).settle()
    world.train().publish()
    assert not first & set(world.jobs)
    assert len(world.jobs) == 5


def test_what_was_reached_stays_when_a_later_generation_fails() -> None:
    world = World().profiled().train().publish()
    artifact, results = world.status["artifact"], world.status["results"]
    world.edit(training={"maxEpochs": 5}).settle().train({"resnet-small": 0.5, "vgg-small": 0.4})
    assert world.conditions()["Succeeded"] == "False MinimumMissed"
    assert (world.status["artifact"], world.status["results"]) == (artifact, results)


def test_a_later_generation_replaces_the_artifact() -> None:
    world = World().profiled().train().publish()
    world.edit(training={"maxEpochs": 5}).settle().train().publish(digest=OTHER_DIGEST)
    assert (world.status["artifact"]["digest"], world.status["artifact"]["generation"]) == (OTHER_DIGEST, 2)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"ttlSecondsAfterFinished": 9000}, id="its expiry"),
        pytest.param({"activeDeadlineSeconds": 9000}, id="its deadline"),
        pytest.param({"suspend": True}, id="its suspension"),
        pytest.param({"approval": "Manual"}, id="its approval"),
    ],
)
def test_an_edit_of_its_life_does_no_finished_work_again(change: dict[str, object]) -> None:
    world = World().profiled().train().publish()
    before = world.status
    jobs = set(world.jobs)
    world.wait(60).edit(**change).settle()
    assert set(world.jobs) == jobs
    assert world.conditions()["Succeeded"] == "True Completed"
    assert {key: world.status[key] for key in ("startTime", "completionTime", "artifact", "plan", "tasks")} == {
        key: before[key] for key in ("startTime", "completionTime", "artifact", "plan", "tasks")
    }
    assert world.status["observedGeneration"] == 2


def test_a_deployment_asked_for_later_is_made_at_once() -> None:
    world = World().profiled().train().publish()
    jobs = set(world.jobs)
    world.edit(deployment=DEPLOY).settle()
    assert world.conditions()["Succeeded"] == "Unknown Deploying"
    assert set(world.jobs) == jobs
    assert world.serve().settle().conditions()["Succeeded"] == "True Completed"


def test_a_frozen_plan_is_disturbed_neither_by_the_library_nor_by_an_upgrade() -> None:
    world = World().profiled().run(*BOTH).settle()
    plan, jobs = world.status["plan"], set(world.jobs)
    world.templates = ()
    world.settings = type(world.settings)(trainer_image="idla/trainer:2", server_image="idla/server:2")
    world.settle()
    assert (world.status["plan"], set(world.jobs)) == (plan, jobs)
    world.train().publish()
    assert world.conditions()["Succeeded"] == "True Completed"
    assert spec_of(world, "publish").steps[0].model_dump()["candidate"]["model"]["builder"] == "resnet"
    image = world.job("publish")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "idla/trainer:1"


def test_an_upgrade_while_the_data_are_profiled_makes_no_second_job() -> None:
    world = World().settle().run("profile").settle()
    world.settings = type(world.settings)(trainer_image="idla/trainer:2", server_image="idla/server:2")
    world.settle()
    assert len(world.jobs) == 1


def test_a_number_of_replicas_that_is_asked_for_no_longer_is_taken_away_and_that_of_a_scaler_is_left() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    world.edit(deployment={"mode": "CreateOrUpdate"}).settle()
    assert world.deployments["digits"]["spec"] == {"model": {"workflowRef": {"name": "digits"}}}
    world.deployments["digits"]["spec"]["replicas"] = 5
    assert world.edit(ttlSecondsAfterFinished=1000).reconcile().apply == ()


def test_an_edit_to_impossible_resources_is_found_out_with_the_data_known() -> None:
    world = World().profiled().train().publish().edit(resources={"limits": {"nvidia.com/gpu": "64"}}).settle()
    assert world.conditions()["Planned"] == "False NoFeasibleResources"
    assert world.status["artifact"]["generation"] == 1


def test_an_image_that_is_mended_in_the_configuration_is_taken_by_what_has_not_begun() -> None:
    world = World(settings=Settings(trainer_image="idla/trainer:none", server_image="idla/server:1")).settle()
    world.pull_fails("profile").settle()
    world.settings = SETTINGS
    world.settle()
    (job,) = world.jobs.values()
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "idla/trainer:1"
    assert world.profiled().train().publish().conditions()["Succeeded"] == "True Completed"


def test_another_way_out_is_for_what_has_not_begun_and_repeats_nothing() -> None:
    world = World().profiled().run(*BOTH).settle()
    old_jobs = dict(world.jobs)
    world.settings = dataclasses.replace(SETTINGS, egress=Egress(proxy="http://proxy.example:3128"))
    assert world.settle().jobs == old_jobs
    world.end_trainings()
    (job,) = (job for name, job in world.jobs.items() if name not in old_jobs)
    given = [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}]
    assert job["spec"]["template"]["spec"]["containers"][0]["env"] == given


def test_what_has_begun_keeps_its_image() -> None:
    world = World().settle().run("profile").settle()
    world.settings = Settings(trainer_image="idla/trainer:2", server_image="idla/server:2")
    assert world.settle().status["basis"]["image"] == "idla/trainer:1"
    world.finish("profile", profile=profile()).settle()
    assert {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in world.jobs.values()} == {
        "idla/trainer:1"
    }
