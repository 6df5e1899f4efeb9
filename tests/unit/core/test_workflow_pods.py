"""Pods in clusters as they are: what users say of them, and containers that others put beside ours."""

from typing import Any

import pytest
from idla_contract.result import FailureReason

from tests.unit.core.world import BOTH, DEPLOY, NODE, World, profile, published, workflow

TEAM = {"metadata": {"labels": {"team": "vision"}}, "spec": {"nodeSelector": {"pool": "ml"}}}
POOL = {**NODE, "metadata": {"name": "node-1", "labels": {"pool": "ml"}}}


def keep(world: World, task: str, *, name: str = "istio-proxy") -> World:
    """Let another container of a task's pod run on, as a sidecar does, so that neither pod nor Job ends."""
    job, pod = world.job(task), world.pod(task)
    pod["status"]["phase"] = "Running"
    pod["status"]["containerStatuses"].append({"name": name, "state": {"running": {}}})
    job["status"] = {"startTime": job["status"]["startTime"], "active": 1}
    return world


def pod_specs(world: World) -> dict[str, Any]:
    return {task: world.job(task)["spec"]["template"] for task in ("profile", *BOTH)}


def test_every_pod_is_as_the_user_wants_it_and_the_endpoint_too() -> None:
    world = World(workflow=workflow(podTemplate=TEAM, deployment=DEPLOY), nodes=(POOL,)).profiled()
    found = {
        task: (template["metadata"]["labels"]["team"], template["spec"]["nodeSelector"])
        for task, template in pod_specs(world).items()
    }
    assert found == dict.fromkeys(("profile", *BOTH), ("vision", {"pool": "ml"}))
    world.train().publish()
    assert world.deployments["digits"]["spec"] == {
        "model": {"workflowRef": {"name": "digits"}}, "replicas": 2, "podTemplate": TEAM,
    }  # fmt: skip


def test_another_pod_template_changes_no_plan_and_trains_nothing_again() -> None:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle()
    plan, jobs = world.status["plan"], set(world.jobs)
    world.nodes = (POOL,)
    world.edit(podTemplate=TEAM).settle()
    assert (world.status["plan"], set(world.jobs)) == (plan, jobs)
    assert world.deployments["digits"]["spec"]["podTemplate"] == TEAM


def test_of_the_jobs_those_that_wait_are_made_anew_and_those_that_run_are_let_finish() -> None:
    world = World().profiled().run(BOTH[0]).pend(BOTH[1], "0/1 nodes are available: 1 Insufficient cpu.").settle()
    before = {task: world.job(task)["metadata"]["name"] for task in BOTH}
    plan = world.status["plan"]["hash"]
    world.wait(1).edit(podTemplate=TEAM).settle()
    after = {task: world.job(task) for task in BOTH}
    assert after[BOTH[0]]["metadata"]["name"] == before[BOTH[0]]
    assert after[BOTH[1]]["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "ml"}
    assert world.status["plan"]["hash"] == plan


def test_a_task_that_has_ended_well_is_done_though_a_sidecar_runs_on() -> None:
    world = World().settle().run("profile").settle()
    keep(world.finish("profile", profile=profile()), "profile").settle()
    assert world.tasks()["profile"] == "Succeeded"
    assert [job["metadata"]["labels"]["idla.dev/task"] for job in world.jobs.values()] == list(BOTH)
    assert "TaskSucceeded" in world.told()


def test_the_job_goes_only_when_its_answer_is_in_the_status() -> None:
    world = World().settle().run("profile").settle()
    decision = keep(world.finish("profile", profile=profile()), "profile").reconcile()
    assert decision.delete == ()
    assert world.tasks()["profile"] == "Succeeded"
    assert [entry.kind for entry in world.reconcile().delete] == ["Job"]


def test_the_last_job_goes_too() -> None:
    world = World().profiled().train().run("publish").settle()
    publish = world.job("publish")["metadata"]["name"]
    keep(world.finish("publish", **published()), "publish").settle()
    assert world.conditions()["Succeeded"] == "True Completed"
    assert world.status.get("completionTime") is not None
    assert publish not in world.jobs


def test_an_edit_does_not_wait_for_a_sidecar() -> None:
    world = World().profiled().run(*BOTH).settle()
    for task in BOTH:
        keep(world.crash(task, code=1, reason="Error"), task)
    world.edit(training={"maxEpochs": 1}).settle()
    assert "GenerationQueued" not in str(world.conditions())
    assert world.status["observedGeneration"] == 2


FINAL = (FailureReason.DATA_NOT_FOUND, "there is nothing at sample://digits")


def test_a_failure_that_no_repetition_mends_is_told_though_a_sidecar_runs_on() -> None:
    world = World().settle().run("profile").settle()
    keep(world.fail("profile", *FINAL), "profile").settle()
    assert world.conditions()["DataReady"] == f"False {FINAL[0]}"
    assert world.jobs == {}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        pytest.param(0, "exit code 0", id="without an answer"),
        pytest.param(1, "exit code 1", id="a crash"),
        pytest.param(
            12,
            "exit code 12 (OutOfMemory, the task ran out of memory; raise `spec.resources.limits.memory` or lower"
            " `spec.training.batchSize`)",
            id="a failure that says why",
        ),
    ],
)
def test_what_keeps_a_pod_from_being_repeated_is_told_and_given_up_when_it_is_kept_out(code: int, why: str) -> None:
    world = World().settle().run("profile").settle()
    keep(world.crash("profile", code=code, reason="Error"), "profile").settle()
    told = (
        f"its container has ended with {why}, and istio-proxy keeps the pod running, so that Kubernetes does not repeat"
        " it; have istio-proxy end with it, as a native sidecar does or one that `spec.podTemplate.sidecarQuitUrl`"
        " names, or keep it out by the label or annotation of whoever injects it in `spec.podTemplate.metadata`: then"
        " the Job is made anew"
    )
    assert (world.conditions()["ResourcesReady"], world.message("ResourcesReady")) == (
        "False PodKeptRunning",
        f"profile: {told}",
    )
    assert (world.tasks()["profile"], world.conditions()["Succeeded"]) == ("Running", "Unknown WaitingForResources")
    first = world.job("profile")["metadata"]["name"]
    world.wait(1).edit(podTemplate={"metadata": {"annotations": {"example.com/inject": "no"}}}).settle()
    assert list(world.jobs) == [world.job("profile")["metadata"]["name"]]
    assert first not in world.jobs


@pytest.mark.parametrize(
    "container",
    [
        pytest.param({"initContainerStatuses": [{"name": "proxy", "state": {"running": {}}}]}, id="a native sidecar"),
        pytest.param({}, id="alone"),
    ],
)
def test_a_pod_that_ends_by_itself_is_waited_for(container: dict[str, Any]) -> None:
    world = World().settle().run("profile").settle()
    keep(world.finish("profile", profile=profile()), "profile")
    status = world.pod("profile")["status"]
    status["containerStatuses"] = status["containerStatuses"][:1]
    status |= container
    world.settle()
    assert world.tasks()["profile"] == "Running"


@pytest.mark.parametrize(
    ("limits", "said", "told"),
    [
        pytest.param(
            {},
            {},
            "(a quota or a policy?); where a quota demands limits, set `spec.resources.limits.cpu`",
            id="no limit of processors",
        ),
        pytest.param({"cpu": "1", "memory": "2Gi"}, {}, "(a quota or a policy?)", id="every limit"),
        pytest.param(
            {"cpu": "1", "memory": "2Gi"},
            {"serviceAccountName": "trainer", "priorityClassName": "batch"},
            "(a quota, a policy, no ServiceAccount trainer or no PriorityClass batch?)",
            id="what may not exist",
        ),
    ],
)
def test_where_no_pod_is_made_what_may_be_the_cause_is_named(
    limits: dict[str, str], said: dict[str, str], told: str
) -> None:
    world = World(workflow=workflow(resources={"limits": limits}, podTemplate={"spec": said})).settle()
    job = world.job("profile")
    job["status"] = {"startTime": world.workflow["status"]["startTime"]}
    world.wait(60).settle()
    assert world.message("ResourcesReady") == (
        f"profile: Kubernetes created no pod for it {told}. What refuses it:"
        f" kubectl describe -n vision job {job['metadata']['name']}"
    )


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        pytest.param("1 node(s) had untolerated taint {team: vision}", "tolerations", id="a taint"),
        pytest.param("1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }", "", id="a node that is ill"),
        pytest.param("1 node(s) didn't match Pod's node affinity/selector", "nodeSelector", id="a selector"),
    ],
)
def test_where_a_node_is_chosen_is_told_with_the_words_of_the_scheduler(said: str, fields: str) -> None:
    message = f"0/1 nodes are available: {said}."
    world = World().settle().pend("profile", message).settle()
    see = f"{message} See `spec.podTemplate.spec.{fields}`" if fields else message
    assert world.task("profile")["message"] == see


def test_of_an_image_that_a_secret_is_there_for_the_secret_is_named() -> None:
    template = {"spec": {"imagePullSecrets": [{"name": "regcred"}]}}
    world = World(workflow=workflow(podTemplate=template)).settle().pull_fails("profile").settle()
    assert world.task("profile")["message"] == (
        "image idla/trainer:1, which the operator's configuration names, cannot be pulled; correct its name there, or,"
        " where its registry asks for a password, the Secret regcred of the namespace. The kubelet: ImagePullBackOff:"
        " not found"
    )


def test_a_device_pool_alone_holds_no_pod_without_a_device() -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    tainted, gpu = {**NODE, "spec": {"taints": [taint]}}, {"limits": {"nvidia.com/gpu": "1"}}
    world = World(workflow=workflow(resources=gpu), nodes=(tainted,)).settle()
    assert world.message("Planned").startswith("`spec.podTemplate.spec.tolerations`: every node that could hold a pod")
    world.nodes = (tainted, {**NODE, "metadata": {"name": "node-2"}})
    world.profiled()
    tolerated = {task: template["spec"].get("tolerations") for task, template in pod_specs(world).items()}
    device = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert tolerated == {"profile": None, BOTH[0]: device, BOTH[1]: device}
