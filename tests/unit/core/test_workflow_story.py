"""The way of a TrainingWorkflow from its data to an endpoint, and what persons do to it meanwhile."""

import json
from datetime import timedelta

import pytest
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.reconciliation import Deletion
from idla.core.settings import Settings
from idla_contract.result import FailureReason
from idla_contract.task import DataSource, TaskSpec

from tests.unit.core.world import (
    ARTIFACT_DIGEST,
    NODE,
    OTHER_DIGEST,
    SETTINGS,
    START,
    World,
    profile,
    trained,
    workflow,
)

DEPLOY = {"mode": "CreateOrUpdate", "replicas": 2}
BOTH = ("train-resnet-small", "train-vgg-small")


def spec_of(world: World, task: str) -> TaskSpec:
    annotations = world.job(task)["spec"]["template"]["metadata"]["annotations"]
    return TaskSpec.model_validate_json(annotations["idla.dev/task-spec"])


def test_the_first_turn_makes_the_claim_and_the_profile_job_and_nothing_else() -> None:
    decision = World().decide()
    assert [(child["kind"], child["metadata"]["name"]) for child in decision.apply] == [
        ("PersistentVolumeClaim", "digits-artifacts"),
        ("Job", decision.apply[1]["metadata"]["name"]),
    ]
    assert decision.apply[1]["metadata"]["labels"]["idla.dev/task"] == "profile"
    assert decision.status is not None
    assert decision.status["observedGeneration"] == 1
    assert decision.delete == ()


def test_the_whole_way_to_an_endpoint() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled()
    assert world.tasks() == {
        "profile": "Succeeded", BOTH[0]: "Pending", BOTH[1]: "Pending", "publish": "Pending",
    }  # fmt: skip
    world.train()
    assert world.message("Trained").startswith("resnet-small: validation accuracy 0.9861")
    world.publish()
    assert world.conditions()["Succeeded"] == "Unknown Deploying"
    deployment = world.deployments["digits"]
    assert deployment["spec"] == {"model": {"workflowRef": {"name": "digits"}}, "replicas": 2}
    assert "ownerReferences" not in deployment["metadata"]
    world.serve().settle()
    assert world.conditions() == {
        "Succeeded": "True Completed", "Accepted": "True Valid", "Planned": "True PlanReady",
        "ResourcesReady": "True NotNeeded", "DataReady": "True Profiled", "Trained": "True ModelSelected",
        "Compressed": "True GatePassed", "Evaluated": "True TargetMet", "Deployed": "True Serving",
    }  # fmt: skip
    assert world.told() == [
        "TaskStarted", "TaskSucceeded", "Planned", "TaskStarted", "TaskStarted", "TaskSucceeded", "TaskSucceeded",
        "ModelSelected", "TaskStarted", "TaskSucceeded", "ArtifactPublished", "Completed",
    ]  # fmt: skip


def test_the_status_of_a_success_as_a_whole() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    status = {key: value for key, value in world.status.items() if key not in {"conditions", "plan", "tasks", "basis"}}
    assert status == {
        "observedGeneration": 1,
        "startTime": "2026-11-24T08:00:00Z",
        "completionTime": "2026-11-24T08:01:50Z",
        "deploymentRef": {"name": "digits"},
        "data": {
            "digest": "sha256:" + "d1" * 32, "examples": 1797, "classes": 10, "shape": "8x8x1", "trainExamples": 1150,
            "validationExamples": 144, "gateExamples": 143, "testExamples": 360, "baselineAccuracy": "0.1018",
            "warnings": [],
        },
        "artifact": {
            "uri": "pvc://digits-artifacts/models/sha256-" + "a1" * 32, "digest": ARTIFACT_DIGEST, "sizeBytes": 420000,
            "generation": 1, "template": "resnet-small", "variant": "Int8", "servedAccuracy": "0.9833",
        },
        "results": {
            "template": "resnet-small", "variant": "Int8", "validationAccuracy": "0.9861", "testExamples": 360,
            "floatAccuracy": "0.9861", "servedAccuracy": "0.9833", "servedAccuracyInterval": "[0.9640, 0.9923]",
            "servedCorrect": 354, "baselineAccuracy": "0.1000", "sizeRatio": "3.56", "latencyRatio": "2.00",
            "variants": [
                {
                    "name": name, "sizeBytes": size, "gateAccuracy": "0.9860", "gateDrop": "0.0000",
                    "gateDropInterval": "[-0.0070, 0.0070]", "latencyP50Milliseconds": p50,
                    "latencyP95Milliseconds": p95, "passed": True, "message": "within the gate",
                }
                for name, size, p50, p95 in (
                    ("Float32", 320000, "0.2000", "0.4000"), ("Int8", 90000, "0.1000", "0.2000"),
                )
            ],
        },
        "progress": {
            "percent": 100, "currentTask": "", "lastUpdatedTime": "2026-11-24T08:01:50Z", "metrics": [],
        },
        "decisions": [
            {
                "name": "Candidates", "choice": "resnet-small, vgg-small", "reason": "Feasible",
                "message": "2 of 2 templates are trained: resnet-small (80000 weights), vgg-small (120000 weights)",
                "time": "2026-11-24T08:00:20Z", "alternatives": [],
            },
            {
                "name": "ModelSelection", "choice": "resnet-small", "reason": "BestAccuracy",
                "message": "validation accuracy 0.9861 ± 0.0100, 80000 weights, the best of 2",
                "time": "2026-11-24T08:01:20Z",
                "alternatives": [
                    {
                        "choice": "vgg-small", "reason": "BelowMinimum",
                        "message": "validation accuracy 0.9583 ± 0.0100, 120000 weights",
                    }
                ],
            },
            {
                "name": "Compression", "choice": "Int8", "reason": "GatePassed",
                "message": "90000 bytes, p50 0.100 ms, loses 0.0000 [-0.0070, 0.0070] on the gate split; 3.56 times"
                " smaller and 2.00 times as fast as Float32",
                "time": "2026-11-24T08:01:50Z",
                "alternatives": [{"choice": "Float32", "reason": "NotBetter", "message": "within the gate"}],
            },
        ],
    }  # fmt: skip


def test_the_publishing_task_gets_the_chosen_candidate_the_gate_and_the_constraints() -> None:
    world = World(
        workflow=workflow(
            compression={"gate": {"maximumDrop": "0.02", "verdict": "NonInferiority"}, "methods": ["Int8"]},
            constraints=[
                {"metric": "modelSizeMebibytes", "maximum": "0.5"},
                {"metric": "latencyP95Milliseconds", "maximum": "20"},
            ],
        )
    )
    world.profiled().train()
    compress = spec_of(world, "publish").steps[0].model_dump()
    assert compress["candidate"]["task"] == "train-resnet-small"
    assert compress["candidate"]["content_hash"] == spec_of(world, "train-resnet-small").content_hash
    assert {key: compress[key] for key in ("methods", "gate", "on_gate_failure", "maximum_size_bytes")} == {
        "methods": ("Int8",), "gate": {"maximum_drop": 0.02, "strict": True}, "on_gate_failure": "KeepUncompressed",
        "maximum_size_bytes": 524288,
    }  # fmt: skip
    assert compress["maximum_latency_p95_milliseconds"] == 20.0
    assert [step.kind for step in spec_of(world, "publish").steps] == ["Compress", "Evaluate", "Verify", "Publish"]


def test_trainings_are_given_the_very_data_that_were_profiled() -> None:
    world = World().profiled().train()
    digest = profile().digest
    assert spec_of(world, "profile").data.digest is None
    for task in ("train-resnet-small", "train-vgg-small", "publish"):
        assert spec_of(world, task).data == DataSource(uri="sample://digits", digest=digest)
    other = World().profiled(digest="sha256:" + "77" * 32)
    assert other.status["plan"]["hash"] != world.status["plan"]["hash"]


def test_a_failed_candidate_is_a_rejected_alternative() -> None:
    world = World().profiled().run(*BOTH).settle()
    world.fail(BOTH[1], FailureReason.DIVERGED, "the loss became NaN in epoch 3", code=11).settle()
    assert world.conditions()["Succeeded"] == "Unknown Training"
    world.train({"resnet-small": 0.9861})
    decision = next(entry for entry in world.status["decisions"] if entry["name"] == "ModelSelection")
    assert decision["choice"] == "resnet-small"
    assert decision["alternatives"] == [
        {"choice": "vgg-small", "reason": "Diverged", "message": "the loss became NaN in epoch 3"}
    ]
    assert world.publish().conditions()["Succeeded"] == "True Completed"


# --- persons ----------------------------------------------------------------------------------------------------------
def test_a_plan_waits_for_its_own_approval() -> None:
    world = World(workflow=workflow(approval="Manual")).profiled()
    plan = world.status["plan"]["hash"]
    assert list(world.jobs) == [world.job("profile")["metadata"]["name"]]
    assert f"kubectl annotate -n vision twf/digits idla.dev/approved-plan={plan} --overwrite" in world.message(
        "Approved"
    )
    world.workflow["metadata"]["annotations"] = {"idla.dev/approved-plan": "another"}
    assert world.settle().conditions()["Approved"] == "Unknown Stale"
    world.workflow["metadata"]["annotations"] = {"idla.dev/approved-plan": plan}
    assert world.settle().conditions()["Approved"] == "True Approved"
    assert len(world.jobs) == 3
    del world.workflow["metadata"]["annotations"]
    assert world.train().publish().conditions()["Succeeded"] == "True Completed"


def test_a_plan_that_was_only_shown_can_be_carried_out_later() -> None:
    world = World(workflow=workflow(approval="PlanOnly")).profiled()
    plan = world.status["plan"]
    assert world.conditions()["Succeeded"] == "True PlanReady"
    world.edit(approval="Auto").settle()
    assert world.conditions()["Succeeded"] == "Unknown Training"
    assert "completionTime" not in world.status
    assert world.status["plan"] == plan
    assert world.train().publish().conditions()["Succeeded"] == "True Completed"


def test_suspension_holds_running_jobs_back_and_starts_no_other() -> None:
    world = World().settle().run("profile").settle().edit(suspend=True).settle()
    assert world.job("profile")["spec"]["suspend"] is True
    assert world.tasks() == {"profile": "Suspended"}
    assert world.conditions()["Suspended"] == "True SuspendedBySpec"
    world.hold("profile").settle().edit(suspend=False).settle()
    assert world.job("profile")["spec"]["suspend"] is False
    assert "Suspended" not in world.conditions()
    assert len(world.jobs) == 1
    assert [reason for reason in world.told() if reason in {"Suspended", "Resumed"}] == ["Suspended", "Resumed"]


def test_a_job_is_held_back_with_the_template_that_it_has() -> None:
    world = World().settle().run("profile").settle()
    world.job("profile")["spec"]["template"]["spec"]["containers"][0]["args"] = ["an older operator's"]
    decision = world.edit(suspend=True).decide()
    assert [child["spec"]["template"]["spec"]["containers"][0]["args"] for child in decision.apply] == [
        ["an older operator's"]
    ]
    assert decision.apply[0]["metadata"]["uid"] == world.job("profile")["metadata"]["uid"]


def test_a_workflow_that_begins_suspended_makes_no_job() -> None:
    world = World(workflow=workflow(suspend=True)).settle()
    assert world.jobs == {}
    assert world.conditions()["Succeeded"] == "Unknown Suspended"
    world.edit(suspend=False).settle()
    assert len(world.jobs) == 1


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
    assert world.tasks() == {"profile": "Succeeded", BOTH[0]: "Running", BOTH[1]: "Running", "publish": "Pending"}


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
    assert set(world.jobs) - trainings == {world.job("publish")["metadata"]["name"]}
    assert [entry["cached"] for entry in world.status["tasks"]] == [True, True, True, False]
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
    first = {world.job(task)["metadata"]["name"] for task in (*BOTH, "publish")}
    world.edit(training={"maxEpochs": 5}).settle()
    world.train().publish()
    assert not first & set(world.jobs)
    assert len(world.jobs) == 4


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


# --- the world around it ----------------------------------------------------------------------------------------------
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


def test_a_workflow_at_rest_decides_nothing() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    world.templates, world.nodes = (), ()
    world.pods.clear()
    for _ in range(3):
        decision = world.wait(3600).turn()
        assert (decision.apply, decision.delete, decision.status, decision.requeue_after) == ((), (), None, None)


def test_a_number_of_replicas_that_is_asked_for_no_longer_is_taken_away_and_that_of_a_scaler_is_left() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    world.edit(deployment={"mode": "CreateOrUpdate"}).settle()
    assert world.deployments["digits"]["spec"] == {"model": {"workflowRef": {"name": "digits"}}}
    world.deployments["digits"]["spec"]["replicas"] = 5
    assert world.edit(ttlSecondsAfterFinished=1000).turn().apply == ()


def test_a_deployment_that_somebody_deleted_is_made_again() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    del world.deployments["digits"]
    decision = world.turn()
    assert [child["kind"] for child in decision.apply] == ["ModelDeployment"]
    assert decision.status is None


def test_a_job_deleted_by_hand_is_made_again() -> None:
    world = World().profiled().run(*BOTH).settle()
    name = world.job(BOTH[0])["metadata"]["name"]
    pod = world.pods[name]
    del world.jobs[name]
    world.settle()
    assert "of a deleted Job to end" in world.task(BOTH[0])["message"]
    assert name not in world.jobs
    pod["metadata"]["deletionTimestamp"] = timestamp(world.now + timedelta(seconds=30))
    world.settle()
    assert name not in world.jobs
    world.pods = {key: value for key, value in world.pods.items() if value is not pod}
    assert name in world.settle().jobs


def test_a_lost_result_is_fetched_by_the_next_attempt() -> None:
    world = World().settle().run("profile").settle().finish("profile")
    first = world.job("profile")["metadata"]["name"]
    world.pods.clear()
    world.wait(1).settle()
    second = world.job("profile")
    assert second["metadata"]["name"] != first
    assert second["metadata"]["annotations"]["idla.dev/attempt"] == "2"
    assert world.tasks()["profile"] == "Pending"


def test_results_in_the_status_need_no_pods() -> None:
    world = World().profiled().train()
    world.pods.clear()
    assert world.settle().publish().conditions()["Succeeded"] == "True Completed"
    assert len(world.jobs) == 4


def test_a_broken_image_that_leaves_no_result_ends_the_work() -> None:
    world = World().settle()
    for _ in range(3):
        world.wait(1).finish("profile")
        world.pods.clear()
        world.settle()
    assert world.conditions()["Succeeded"] == "False ResultMissing"
    assert world.job("profile")["metadata"]["annotations"]["idla.dev/attempt"] == "3"


def test_a_result_found_in_the_store_is_marked() -> None:
    world = World().settle().run("profile").settle()
    world.finish("profile", cached=True, profile=None).settle()
    assert world.task("profile")["cached"] is True


def test_a_job_that_is_being_deleted_is_waited_for() -> None:
    world = World().settle()
    world.job("profile")["metadata"]["deletionTimestamp"] = timestamp(world.now)
    decision = world.turn()
    assert decision.apply == ()
    assert "to be gone" in world.task("profile")["message"]


def test_missing_claims_and_nodes_mend_themselves() -> None:
    world = World(workflow=workflow(data={"storageUri": "pvc://faces/all.npz"})).settle()
    assert (world.conditions()["DataReady"], world.jobs, world.claims) == ("False ClaimNotFound", {}, {})
    assert world.conditions()["Stalled"] == "True ClaimNotFound"
    world.claims["faces"] = {"kind": "PersistentVolumeClaim"}
    world.settle()
    assert world.conditions()["Reconciling"] == "True Profiling"
    assert "Recovered" in world.told()
    mounts = world.job("profile")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "faces"}} in mounts


def test_a_named_claim_for_artifacts_is_used_and_never_made() -> None:
    world = World(workflow=workflow(outputs={"storageUri": "pvc://shared"})).settle()
    assert world.conditions()["DataReady"] == "False ClaimNotFound"
    world.claims["shared"] = {"kind": "PersistentVolumeClaim"}
    world.settle()
    assert list(world.claims) == ["shared"]
    assert spec_of(world, "profile").artifact_uri == "pvc://shared"


def test_impossible_resources_are_said_before_anything_is_made() -> None:
    gpus = {"limits": {"nvidia.com/gpu": "64"}}
    world = World(workflow=workflow(resources=gpus)).settle()
    assert world.message("Planned") == (
        "`spec.resources`: no node has 64 nvidia.com/gpu; the largest has 2. Lower it or add such a node"
    )
    assert (world.jobs, world.claims) == ({}, {})
    large = {
        "metadata": {"name": "large"},
        "status": {"allocatable": {"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": "64"}},
    }
    world.nodes = (*(world.nodes or ()), large)
    assert world.settle().conditions()["Succeeded"] == "Unknown Profiling"


def test_an_edit_to_impossible_resources_is_found_out_with_the_data_known() -> None:
    world = World().profiled().train().publish().edit(resources={"limits": {"nvidia.com/gpu": "64"}}).settle()
    assert world.conditions()["Planned"] == "False NoFeasibleResources"
    assert world.status["artifact"]["generation"] == 1


def test_a_plan_says_where_nobody_looked_whether_a_node_can_hold_its_pods() -> None:
    impossible = {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}}
    plan = "then publish the best"
    assert World().profiled().message("Planned").endswith(plan)
    world = World(workflow=workflow(resources=impossible, approval="PlanOnly"), nodes=None).profiled()
    told = f"{plan}; whether a node can hold the pods was not checked: the operator may not list nodes"
    assert (world.conditions()["Planned"], world.conditions()["Succeeded"]) == ("True PlanReady", "True PlanReady")
    assert (world.message("Planned")[-len(told) :], world.message("Succeeded")[-len(told) :]) == (told, told)


def test_devices_are_for_trainings_only() -> None:
    world = World(workflow=workflow(resources={"limits": {"nvidia.com/gpu": "1"}})).profiled()
    limits = {
        task: world.job(task)["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        for task in ("profile", BOTH[0])
    }
    assert limits == {"profile": {"memory": "4Gi"}, BOTH[0]: {"memory": "4Gi", "nvidia.com/gpu": "1"}}


def test_why_pods_wait_is_told() -> None:
    world = World().settle().pend("profile", "0/1 nodes are available: 1 Insufficient cpu.").settle()
    assert world.task("profile")["message"] == "0/1 nodes are available: 1 Insufficient cpu."
    assert world.conditions()["ResourcesReady"] == "False Unschedulable"
    world.pull_fails("profile").settle()
    assert world.task("profile")["message"] == (
        "image idla/trainer:1, which the operator's configuration names, is not to be had: ImagePullBackOff: not found"
    )
    assert world.conditions()["ResourcesReady"] == "False ImageUnavailable"
    world.pend("profile", '0/1 nodes are available: persistentvolumeclaim "faces" not found. not found').settle()
    assert world.task("profile")["reason"] == "ClaimNotFound"
    assert world.task("profile")["message"] == (
        "there is no PersistentVolumeClaim faces in the namespace; create it or name another"
    )
    going = '0/1 nodes are available: persistentvolumeclaim "faces" is being deleted. not found'
    world.pend("profile", going).settle()
    assert world.task("profile")["reason"] == "ClaimNotFound"
    assert world.task("profile")["message"] == (
        "PersistentVolumeClaim faces is being deleted; it goes when the pods that use it, also ended ones, are deleted"
    )
    words = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    world.pend("profile", words).settle()
    assert world.task("profile")["reason"] == "Unschedulable"
    assert world.task("profile")["message"] == (
        f"a PersistentVolumeClaim that it mounts is not bound; kubectl describe pvc says why. The scheduler: {words}"
    )


def test_an_image_that_is_mended_in_the_configuration_is_taken_by_what_has_not_begun() -> None:
    world = World(settings=Settings(trainer_image="idla/trainer:none", server_image="idla/server:1")).settle()
    world.pull_fails("profile").settle()
    world.settings = SETTINGS
    world.settle()
    (job,) = world.jobs.values()
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "idla/trainer:1"
    assert world.profiled().train().publish().conditions()["Succeeded"] == "True Completed"


def test_what_has_begun_keeps_its_image() -> None:
    world = World().settle().run("profile").settle()
    world.settings = Settings(trainer_image="idla/trainer:2", server_image="idla/server:2")
    assert world.settle().status["basis"]["image"] == "idla/trainer:1"
    world.finish("profile", profile=profile()).settle()
    assert {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in world.jobs.values()} == {
        "idla/trainer:1"
    }


def test_a_job_that_gets_no_pod_is_told() -> None:
    world = World().settle()
    world.job("profile")["status"] = {"startTime": timestamp(world.now)}
    assert world.wait(29).settle().tasks() == {"profile": "Pending"}
    assert world.turn().requeue_after == 10.0
    assert world.wait(1).settle().conditions()["ResourcesReady"] == "False PodNotCreated"
    assert "kubectl describe -n vision job digits-profile-" in world.task("profile")["message"]
    assert world.run("profile").settle().conditions()["ResourcesReady"] == "True Scheduled"


def test_a_task_runs_until_its_job_says_that_it_ended() -> None:
    world = World().settle().run("profile").settle()
    world.pod("profile")["status"]["phase"] = "Succeeded"
    assert world.settle().tasks() == {"profile": "Running"}


def test_a_pod_on_a_dead_node_is_waited_for_no_longer_than_it_was_given() -> None:
    world = World().profiled().run(*BOTH).settle()
    name = world.job(BOTH[0])["metadata"]["name"]
    world.pods[name]["metadata"]["deletionTimestamp"] = timestamp(world.now + timedelta(seconds=30))
    world.pods[name]["spec"]["nodeName"] = "dead"
    del world.jobs[name]
    assert world.turn().requeue_after == 10.0
    assert name in world.wait(31).settle().jobs


def test_a_clock_that_is_set_forward_starts_no_second_pod_beside_one_that_is_being_ended() -> None:
    world = World().profiled().run(*BOTH).settle()
    name = world.job(BOTH[0])["metadata"]["name"]
    world.pods[name]["metadata"]["deletionTimestamp"] = timestamp(world.now + timedelta(seconds=30))
    world.pods[name]["spec"]["nodeName"] = NODE["metadata"]["name"]
    del world.jobs[name]
    world.wait(3600).settle()
    assert name not in world.jobs
    del world.pods[name]
    assert name in world.settle().jobs


def test_a_clock_that_is_set_back_holds_no_progress_back() -> None:
    world = World().profiled().run(*BOTH).measure(BOTH[0], 72, train_loss=0.5).settle().wait(-3600)
    before = world.status["progress"]
    world.measure(BOTH[0], 360, train_loss=0.2).settle()
    assert world.status["progress"]["percent"] > before["percent"]


def test_a_reason_that_only_another_version_knows_stops_nothing() -> None:
    world = World().settle().run("profile").settle()
    world.fail("profile", FailureReason.DATA_EMPTY, "no example").settle()
    world.task("profile")
    world.status["tasks"][0]["reason"] = "OfTheFuture"
    world.edit(ttlSecondsAfterFinished=9000).settle()
    assert world.conditions()["DataReady"] == "False TaskFailed"


# --- its end ----------------------------------------------------------------------------------------------------------
def test_the_deadline_stops_running_jobs_and_a_longer_one_goes_on() -> None:
    world = World(workflow=workflow(activeDeadlineSeconds=60)).profiled().run(*BOTH).settle()
    assert world.turn().requeue_after == 10.0
    world.wait(41).settle()
    assert world.conditions()["Succeeded"] == "False DeadlineExceeded"
    assert list(world.jobs) == [world.job("profile")["metadata"]["name"]]
    world.wait(900).edit(ttlSecondsAfterFinished=9999).settle()
    assert world.conditions()["Succeeded"] == "False DeadlineExceeded"
    world.edit(activeDeadlineSeconds=600).settle()
    assert world.conditions()["Succeeded"] == "Unknown Training"
    assert world.train().publish().conditions()["Succeeded"] == "True Completed"


@pytest.mark.parametrize("waits", ["suspended", "approval", "claim"])
def test_waiting_costs_no_deadline(waits: str) -> None:
    if waits == "claim":
        world = World(workflow=workflow(activeDeadlineSeconds=60, data={"storageUri": "pvc://faces/all.npz"})).settle()
        world.wait(3600).settle().claims["faces"] = {}
        world.settle()
    elif waits == "approval":
        world = World(workflow=workflow(activeDeadlineSeconds=60, approval="Manual")).profiled().wait(3600).settle()
        world.workflow["metadata"]["annotations"] = {"idla.dev/approved-plan": world.status["plan"]["hash"]}
        world.settle()
    else:
        world = World(workflow=workflow(activeDeadlineSeconds=60)).settle().run("profile").settle()
        world.edit(suspend=True).settle().hold("profile").wait(3600).settle().edit(suspend=False).settle()
    assert world.conditions()["Succeeded"].startswith("Unknown ")
    assert parse_timestamp(world.status["startTime"]) == START + timedelta(seconds=3600)


def test_an_expired_workflow_deletes_itself_and_leaves_the_rest() -> None:
    world = World(workflow=workflow(deployment=DEPLOY, ttlSecondsAfterFinished=100)).profiled().train().publish()
    world.serve().settle()
    assert world.wait(40).turn().requeue_after == 60.0
    decision = world.wait(60).turn()
    assert decision.delete == (
        Deletion(api_version="idla.dev/v1alpha1", kind="TrainingWorkflow", name="digits", uid="u-1"),
    )
    assert world.gone
    assert list(world.deployments) == ["digits"]


def test_a_failed_workflow_expires_too() -> None:
    world = World(workflow=workflow(ttlSecondsAfterFinished=0)).settle().run("profile").settle()
    world.fail("profile", FailureReason.DATA_EMPTY, "no example").settle()
    assert world.gone


def test_a_workflow_that_is_being_deleted_is_left_alone() -> None:
    world = World().settle()
    world.workflow["metadata"]["deletionTimestamp"] = timestamp(world.now)
    decision = world.decide()
    assert (decision.apply, decision.delete, decision.status) == ((), (), None)


def test_a_name_that_is_taken_is_left_alone_until_it_is_free() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train()
    foreign = {"metadata": {"name": "digits", "generation": 1}, "spec": {"model": {}}}
    world.deployments["digits"] = foreign
    world.publish()
    assert world.conditions()["Deployed"] == "False NameTaken"
    assert world.deployments["digits"] is foreign
    assert world.status["artifact"]["digest"] == ARTIFACT_DIGEST
    del world.deployments["digits"]
    assert world.settle().conditions()["Deployed"] == "Unknown InProgress"


def test_a_child_that_is_refused_is_told_and_what_is_known_stays() -> None:
    world = World().profiled()
    plan = world.status["plan"]
    world.refusal = "the API server refuses Job digits-train: exceeded quota. It is tried again"
    world.settle()
    found = {kind: world.conditions()[kind] for kind in ("Succeeded", "ResourcesReady", "DataReady", "Stalled")}
    assert found == {
        "Succeeded": "False ApplyRefused", "ResourcesReady": "False ApplyRefused", "DataReady": "True Profiled",
        "Stalled": "True ApplyRefused",
    }  # fmt: skip
    assert world.message("Stalled") == world.refusal
    assert (world.told()[-1], world.status["plan"]) == ("ApplyRefused", plan)
    world.refusal = None
    assert world.settle().conditions()["Succeeded"] == "Unknown Training"
    assert world.told()[-1] == "Recovered"


def test_a_name_that_is_taken_is_told_before_anything_is_trained() -> None:
    world = World(workflow=workflow(deployment=DEPLOY))
    world.deployments["digits"] = {"metadata": {"name": "digits", "generation": 1}, "spec": {"model": {}}}
    world.settle()
    assert (world.conditions()["Deployed"], world.jobs, world.claims) == ("False NameTaken", {}, {})
    world.edit(deployment={"mode": "CreateOrUpdate", "name": "other"}).settle()
    assert world.conditions()["Succeeded"] == "Unknown Profiling"


def test_a_mended_deployment_completes_the_workflow() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().stall_deployment().settle()
    assert world.conditions()["Deployed"] == "False DeploymentStalled"
    assert world.serve().settle().conditions()["Succeeded"] == "True Completed"


def test_an_invalid_spec_is_named_and_its_correction_goes_on() -> None:
    world = World().profiled().train().publish()
    artifact = world.status["artifact"]
    world.edit(data={"storageUri": "ftp://x"}).settle()
    assert world.conditions() == {
        "Succeeded": "False InvalidSpec", "Accepted": "False InvalidSpec", "Stalled": "True InvalidSpec",
    }  # fmt: skip
    assert world.message("Accepted").startswith("`spec.data.storageUri`: ")
    assert world.status["artifact"] == artifact
    jobs = set(world.jobs)
    world.edit(data={"storageUri": "sample://digits"}).settle()
    assert world.conditions()["Succeeded"] == "True Completed"
    assert set(world.jobs) == jobs
