"""A TrainingWorkflow that is disturbed: by hands, pods that do not start, nodes, clocks, names that are taken."""

from datetime import timedelta

from idla.core.conditions import timestamp
from idla_contract.result import FailureReason

from tests.unit.core.world import ARTIFACT_DIGEST, BOTH, DEPLOY, NODE, World, spec_of, workflow


def test_a_deployment_that_somebody_deleted_is_made_again() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    del world.deployments["digits"]
    decision = world.reconcile()
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
    world = World().profiled().end_trainings()
    world.pods.clear()
    world.settle().compare().pods.clear()
    assert world.settle().publish().conditions()["Succeeded"] == "True Completed"
    assert len(world.jobs) == 5


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
    decision = world.reconcile()
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
        "image idla/trainer:1, which the operator's configuration names, cannot be pulled; correct its name there, or,"
        " where its registry asks for a password, name a Secret of the namespace in"
        " `spec.podTemplate.spec.imagePullSecrets`. The kubelet: ImagePullBackOff: not found"
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


def test_a_job_that_gets_no_pod_is_told() -> None:
    world = World().settle()
    world.job("profile")["status"] = {"startTime": timestamp(world.now)}
    assert world.wait(29).settle().tasks() == {"profile": "Pending"}
    assert world.reconcile().requeue_after == 10.0
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
    assert world.reconcile().requeue_after == 10.0
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
