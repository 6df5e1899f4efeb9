"""The way of a TrainingWorkflow from its data to an endpoint: approval, suspension, deadline and expiry."""

from datetime import timedelta
from typing import Any

import pytest
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.reconciliation import Deletion
from idla_contract.choice import FinishedTraining, SelectStep
from idla_contract.result import FailureReason, RefitReport, UnusableVariant
from idla_contract.task import DataSource

from tests.unit.core.world import (
    ARTIFACT_DIGEST,
    BOTH,
    DEPLOY,
    START,
    World,
    profile,
    published,
    selected,
    spec_of,
    workflow,
)


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
        "profile": "Succeeded", BOTH[0]: "Pending", BOTH[1]: "Pending", "select": "Pending", "publish": "Pending",
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
        "TaskStarted", "TaskSucceeded", "ModelSelected", "TaskStarted", "TaskSucceeded", "ArtifactPublished",
        "Completed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param({}, "1797 examples of 10 classes", id="nothing to say"),
        pytest.param({"classes": (), "class_counts": (), "facts": {"classes": 77}}, "1797 examples of 77 classes",
                     id="too many names for a pod's answer"),
        pytest.param({"classes": (), "class_counts": ()}, "1797 examples", id="no classes"),
        pytest.param({"warnings": ("7 copies",)}, "1797 examples of 10 classes; noticed: 7 copies", id="a finding"),
        pytest.param({"warnings": ("7 copies", "a", "b")},
                     "1797 examples of 10 classes; noticed: 7 copies; 2 more in `status.data.warnings`", id="several"),
    ],
)  # fmt: skip
def test_what_the_profile_found_stands_in_the_condition(found: dict[str, object], told: str) -> None:
    assert World().profiled(**found).message("DataReady") == told


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
            "validationExamples": 144, "gateExamples": 143, "testExamples": 360, "baselineScore": "0.1018",
            "warnings": [],
        },
        "artifact": {
            "uri": "pvc://digits-artifacts/models/sha256-" + "a1" * 32, "digest": ARTIFACT_DIGEST, "sizeBytes": 420000,
            "generation": 1, "template": "resnet-small", "variant": "Int8", "servedScore": "0.9833",
        },
        "results": {
            "template": "resnet-small", "variant": "Int8", "metric": "accuracy", "validationScore": "0.9861",
            "testExamples": 360,
            "floatScore": "0.9861", "servedScore": "0.9833", "servedScoreInterval": "[0.9640, 0.9923]",
            "servedCorrect": 354, "baselineScore": "0.1000", "sizeRatio": "3.56", "latencyRatio": "2.00",
            "variants": [
                {
                    "name": name, "sizeBytes": size, "gateScore": "0.9860", "gateDrop": "0.0000",
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
                "message": "validation accuracy 0.9861, 80000 weights, the best of 2",
                "time": "2026-11-24T08:01:20Z",
                "alternatives": [
                    {
                        "choice": "vgg-small", "reason": "BelowMinimum",
                        "message": "validation accuracy 0.9583, 120000 weights; 2.78 points lower (95 % interval 1.78"
                        " to 3.78)",
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


@pytest.mark.parametrize(
    ("refit", "end"),
    [
        pytest.param(None, "as fast as Float32", id="not asked for"),
        pytest.param(
            (True, "made again from 9 examples, 6 before"), "; made again from 9 examples, 6 before", id="made"
        ),
        pytest.param((False, "the time was over"), "; not refitted: the time was over", id="failed"),
    ],
)
def test_the_decision_says_what_became_of_making_the_model_again(refit: tuple[bool, str] | None, end: str) -> None:
    report = None if refit is None else RefitReport(shipped=refit[0], examples=9, message=refit[1])
    world = World().profiled().train().run("publish").settle().finish("publish", **published(), refit=report).settle()
    assert world.status["decisions"][-1]["message"].endswith(end)
    assert world.message("Compressed").endswith(end)


def test_the_decision_tells_of_a_variant_that_no_server_can_load() -> None:
    reports = published()
    unusable = (UnusableVariant(name="DynamicRange", message="LiteRT cannot load it"),)
    reports["compress"] = reports["compress"].model_copy(update={"unusable": unusable})
    world = World().profiled().train().run("publish").settle().finish("publish", **reports).settle()
    assert world.status["decisions"][-1]["alternatives"] == [
        {"choice": "Float32", "reason": "NotBetter", "message": "within the gate"},
        {"choice": "DynamicRange", "reason": "NotPassed", "message": "LiteRT cannot load it"},
    ]


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
    assert [step.kind for step in spec_of(world, "publish").steps] == [
        "Compress", "Refit", "Evaluate", "Verify", "Publish",
    ]  # fmt: skip


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


def test_what_was_trained_is_compared_before_anything_is_published() -> None:
    world = World(workflow=workflow(model={"tolerance": "0.02"})).profiled().end_trainings()
    assert world.conditions()["Trained"] == "Unknown InProgress"
    assert world.conditions()["Succeeded"] == "Unknown Training"
    assert (world.task("publish")["state"], world.task("publish")["message"]) == ("Pending", "waits for select")
    task = spec_of(world, "select")
    assert task.steps == (
        SelectStep(
            candidates=tuple(
                FinishedTraining(task=name, content_hash=spec_of(world, name).content_hash) for name in BOTH
            ),
            tolerance=0.02,
            minimum=0.97,
        ),
    )
    assert task.data == DataSource(uri="sample://digits", digest=profile().digest)
    report = selected(0.9861, 0.9583, winner=1)
    world.run("select").settle().finish("select", select=report).settle()
    assert world.status["decisions"][1]["choice"] == "vgg-small"
    assert world.conditions()["Succeeded"] == "False MinimumMissed"


def test_a_smaller_model_within_the_tolerance_is_published() -> None:
    world = World().profiled().end_trainings({"resnet-small": 0.985, "vgg-small": 0.987})
    report = selected(0.985, 0.987, winner=0, spread=0.002)
    world.run("select").settle().finish("select", select=report).settle()
    assert world.message("Trained") == (
        "resnet-small: validation accuracy 0.9850, 80000 weights; 0.20 points lower (95 % interval 0.00 to 0.40) than"
        " vgg-small with 120000 weights, within the 0.5 points that a smaller model may lose"
    )
    assert spec_of(world, "publish").steps[0].model_dump()["candidate"]["task"] == BOTH[0]
    assert world.publish().conditions()["Succeeded"] == "True Completed"


def test_a_comparison_that_fails_ends_the_work_and_an_edit_tries_it_again() -> None:
    world = World().profiled().end_trainings().run("select").settle()
    world.fail("select", FailureReason.ARTIFACT_NOT_FOUND, "train it again").settle()
    conditions = world.conditions()
    assert (conditions["Succeeded"], conditions["Trained"]) == ("False ArtifactNotFound", "False ArtifactNotFound")
    assert world.message("Trained") == "the trained candidates could not be compared: train it again"
    assert world.task("publish")["message"] == "it will not run: nothing can be published"
    world.wait(60).edit(compression={"mode": "Off"}).settle()
    assert world.job("select")["metadata"]["annotations"]["idla.dev/attempt"] == "2"
    assert world.compare().publish(reason="Off").conditions()["Succeeded"] == "True Completed"


@pytest.mark.parametrize(
    "reports",
    [
        pytest.param({}, id="no comparison"),
        pytest.param({"select": selected(0.98)}, id="of fewer candidates"),
        pytest.param({"select": selected(0.98, 0.97, winner=2)}, id="another winner"),
    ],
)
def test_a_comparison_that_says_nothing_of_the_candidates_ends_the_work(reports: dict[str, Any]) -> None:
    world = World().profiled().end_trainings().run("select").settle().finish("select", **reports).settle()
    assert world.conditions()["Trained"] == "False ResultMissing"
    assert world.message("Trained") == (
        "task select succeeded without a comparison of what was trained; is its image the trainer's?"
    )


def test_where_every_training_fails_nothing_that_follows_will_run() -> None:
    world = World().profiled().run(*BOTH).settle()
    for task in BOTH:
        world.fail(task, FailureReason.DIVERGED, "in epoch 3", code=11)
    assert world.settle().conditions()["Trained"] == "False Diverged"
    assert {world.task(name)["message"] for name in ("select", "publish")} == {
        "it will not run: nothing can be published"
    }


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


def test_a_workflow_at_rest_decides_nothing() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    world.templates, world.nodes = (), ()
    world.pods.clear()
    for _ in range(3):
        decision = world.wait(3600).reconcile()
        assert (decision.apply, decision.delete, decision.status, decision.requeue_after) == ((), (), None, None)


def test_the_deadline_stops_running_jobs_and_a_longer_one_goes_on() -> None:
    world = World(workflow=workflow(activeDeadlineSeconds=60)).profiled().run(*BOTH).settle()
    assert world.reconcile().requeue_after == 10.0
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
    assert world.wait(40).reconcile().requeue_after == 60.0
    decision = world.wait(60).reconcile()
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
