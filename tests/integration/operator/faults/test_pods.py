"""Pods that do not start, end badly, are thrown out, or lose their node: the work goes on and `status` says why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.operator.scene import ONCE, Scene, condition
from tools.fake_kubelet.node import NODE, Ended, Stuck
from tools.fake_kubelet.rest import path_of
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

NO_REPETITION = {"backoffLimit": 0}


OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
"""What an administrator says of a node that is off: nothing on it runs."""


def message_of(workflow: dict[str, Any], kind: str) -> str:
    return next(str(entry["message"]) for entry in workflow["status"]["conditions"] if entry["type"] == kind)


@pytest.mark.parametrize(
    ("stuck", "reason", "words"),
    [
        pytest.param(
            *(Stuck(message="0/3 nodes are available: 3 Insufficient cpu."), "Unschedulable", ["Insufficient cpu"]),
            marks=pytest.mark.gate,
        ),
        (Stuck("ErrImagePull", "not found"), "ImageUnavailable", ["idla/trainer:test", "ErrImagePull", "not found"]),
        (Stuck("ImagePullBackOff", "Back-off"), "ImageUnavailable", ["idla/trainer:test", "the operator's config"]),
        (Stuck("ErrImageNeverPull", ""), "ImageUnavailable", ["idla/trainer:test", "ErrImageNeverPull"]),
        (Stuck("InvalidImageName", ""), "ImageUnavailable", ["idla/trainer:test", "InvalidImageName"]),
        (Stuck("CreateContainerConfigError", 'secret "x" not found'), "ContainerNotStarted", ['secret "x" not found']),
        (Stuck("CreateContainerError", "no space left"), "ContainerNotStarted", ["no space left on device"[:13]]),
    ],
    ids=lambda value: (value.reason or "Unschedulable") if isinstance(value, Stuck) else "",
)
def test_why_a_pod_does_not_start_is_told_and_it_goes_on_when_it_can(
    watched: Scene, stuck: Stuck, reason: str, words: list[str]
) -> None:
    watched.kubelet.stick(watched.namespace, "Profile", stuck)
    watched.submit(approval="PlanOnly", deployment=None)
    waiting = watched.reaches("ResourcesReady", "False", reason)
    for kind in ("ResourcesReady", "Succeeded"):
        assert [word for word in words if word not in message_of(waiting, kind)] == []
    assert condition(waiting, "Succeeded") == ("Unknown", "WaitingForResources")
    watched.kubelet.stick(watched.namespace, "Profile", None)
    watched.reaches("Succeeded", "True", "PlanReady")
    assert watched.jobs_by_kind() == {"Profile": 1, "Train": 0, "Select": 0, "Compress": 0}
    assert watched.operator.warnings() == []


@pytest.mark.parametrize(
    ("ended", "reason", "words"),
    [
        (Ended(137, reason="OOMKilled"), "OOMKilled", ["at its limit of", "raise `spec.resources.limits.memory`"]),
        (Ended(12), "OutOfMemory", ["lower `spec.training.batchSize`"]),
        (Ended(139), "BackoffLimitExceeded", ["Job digits-profile-"]),
        (Ended(0), "ResultMissing", ["3 Jobs", "idla/trainer:test"]),
        (Ended(0, text='{"task": "profile", '), "ResultMissing", ["3 Jobs", "idla/trainer:test"]),
        (Ended(0, foreign=True), "ResultMissing", ["3 Jobs", "idla/trainer:test"]),
    ],
    ids=["OOM kill", "out of memory", "crash", "no result", "result cut in half", "result of another task"],
)
def test_how_a_pod_ends_badly_is_told_when_no_repetition_mends_it(
    watched: Scene, ended: Ended, reason: str, words: list[str]
) -> None:
    watched.kubelet.end(watched.namespace, "Profile", *[ended] * 3)
    watched.submit(approval="PlanOnly", deployment=None, training=NO_REPETITION)
    failed = watched.reaches("Succeeded", "False", reason)
    assert [word for word in words if word not in message_of(failed, "Succeeded")] == []
    assert watched.operator.warnings() == []


@pytest.mark.parametrize(
    "ended",
    [Ended(0), Ended(0, text='{"task": '), Ended(0, foreign=True)],
    ids=["no result", "result cut in half", "result of another task"],
)
def test_a_pod_that_ends_badly_once_is_made_good(watched: Scene, ended: Ended) -> None:
    watched.kubelet.end(watched.namespace, "Train", ended)
    watched.submit(deployment=None)
    watched.reaches("Succeeded", "True")
    assert len(watched.kubelet.jobs_run(watched.namespace, "Train")) == 3
    assert watched.operator.warnings() == []


def disrupted(reason: str) -> dict[str, str]:
    """Return the condition as it is written now: Kubernetes takes one back that is two minutes old."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": moment}


def evicted(scene: Scene, pod: dict[str, Any]) -> None:
    scene.kubelet.deafen(scene.namespace)
    metadata = {"name": pod["metadata"]["name"], "namespace": scene.namespace}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    scene.rest.request("POST", path_of("pods", scene.namespace, metadata["name"], "eviction"), eviction)
    gone(scene, pod)


def gone(scene: Scene, pod: dict[str, Any]) -> None:
    """Wait until a pod is gone: one that is released before it has seen its end might still do its work."""
    until(lambda: scene.rest.get("pods", scene.namespace, pod["metadata"]["name"]) is None, scene.told)


def preempted(scene: Scene, pod: dict[str, Any]) -> None:
    name = pod["metadata"]["name"]
    scene.kubelet.deafen(scene.namespace)
    conditions = [*pod["status"]["conditions"], disrupted("PreemptionByScheduler")]
    scene.rest.merge("pods", scene.namespace, name, {"status": {"conditions": conditions}}, sub="status")
    scene.rest.delete("pods", scene.namespace, name)
    gone(scene, pod)


def ended_by_its_node(scene: Scene, _: dict[str, Any]) -> None:
    told: dict[str, Any] = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    told["conditions"] = [disrupted("TerminationByKubelet")]
    scene.kubelet.end(scene.namespace, "Train", Ended(137, pod=told))


def test_a_task_whose_pod_a_sidecar_keeps_running_is_done(watched: Scene) -> None:
    watched.kubelet.end(watched.namespace, "Train", Ended(0, sidecar="istio-proxy"))
    watched.kubelet.end(watched.namespace, "Compress", Ended(0, sidecar="istio-proxy"))
    watched.submit(deployment=None)
    watched.reaches("Succeeded", "True")
    assert watched.jobs_by_kind() == ONCE

    def left() -> list[str]:
        return [pod["metadata"]["name"] for pod in watched.task_pods() if pod["status"]["phase"] == "Running"]

    until(lambda: not left(), left)
    assert watched.operator.warnings() == []


def test_what_a_sidecar_keeps_from_being_repeated_is_told_and_made_anew_when_it_is_kept_out(watched: Scene) -> None:
    watched.kubelet.end(watched.namespace, "Profile", Ended(1, sidecar="istio-proxy"))
    watched.submit(deployment=None)
    told = watched.reaches("ResourcesReady", "False", "PodKeptRunning")
    assert "istio-proxy keeps the pod running" in message_of(told, "Succeeded")
    watched.change({"spec": {"podTemplate": {"metadata": {"annotations": {"example.com/inject": "false"}}}}})
    watched.reaches("Succeeded", "True")
    assert watched.jobs_by_kind() == {**ONCE, "Profile": 2}
    assert watched.operator.warnings() == []


def test_a_taint_that_keeps_pods_away_is_told_before_anything_is_made_and_tolerated_on_demand(watched: Scene) -> None:
    node, device = f"gpu-{watched.namespace}", "example.com/gpu"
    watched.kubelet.join(watched.namespace, node, **{device: "1"})
    taints = [{"key": key, "value": "yes", "effect": "NoSchedule"} for key in (device, "team")]
    watched.rest.merge("nodes", None, node, {"spec": {"taints": taints}})
    watched.submit(deployment=None, resources={"limits": {device: "1"}})
    told = watched.reaches("Planned", "False", "NoFeasibleResources")
    assert f"it does not tolerate: {node} (team=yes:NoSchedule)" in message_of(told, "Planned")
    assert watched.jobs() == []
    tolerations = [{"key": "team", "operator": "Exists"}]
    watched.change({"spec": {"podTemplate": {"spec": {"tolerations": tolerations}}}})
    watched.reaches("Succeeded", "True")
    assert watched.jobs_by_kind() == ONCE
    assert watched.operator.warnings() == []


def runs_for(pod: dict[str, Any], name: str) -> bool:
    return bool(pod["metadata"]["labels"]["idla.dev/workflow"] == name and pod["status"].get("phase") == "Running")


@pytest.mark.gate
def test_pods_that_are_thrown_out_are_no_failures(watched: Scene) -> None:
    disruptions = {"evicted": evicted, "preempted": preempted, "ended": ended_by_its_node}
    watched.kubelet.hold(watched.namespace, "Train")
    for name in disruptions:
        watched.submit(name, training=NO_REPETITION, deployment=None)
    watched.runs("Train", 6)
    pods = watched.task_pods()
    for name, disrupt in disruptions.items():
        disrupt(watched, next(pod for pod in pods if runs_for(pod, name)))
    watched.kubelet.release(watched.namespace, "Train")
    done = [watched.reaches("Succeeded", "True", name=name) for name in disruptions]
    assert [[task["state"] for task in one["status"]["tasks"]] for one in done] == [["Succeeded"] * 5] * 3
    assert watched.jobs_by_kind() == {"Profile": 3, "Train": 6, "Select": 3, "Compress": 3}
    trained = [job for place, job, kind in watched.kubelet.ran if (place, kind) == (watched.namespace, "Train")]
    assert len(trained) == 6 + 3
    assert watched.operator.warnings() == []


def test_nodes_that_are_lost_with_their_pods_are_told_and_the_pods_replaced(watched: Scene) -> None:
    off, removed = f"off-{watched.namespace}", f"removed-{watched.namespace}"
    watched.kubelet.hold(watched.namespace, "Train")
    watched.kubelet.place(watched.namespace, off, removed)
    watched.submit(training=NO_REPETITION, deployment=None)
    watched.runs("Train", 2)
    for node in (off, removed):
        watched.kubelet.lose(node)
    watched.kubelet.place(watched.namespace, NODE)
    dead = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting"}
    moment = {"lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    watched.rest.merge("nodes", None, off, {"status": {"conditions": [dead | moment]}}, sub="status")
    tells(watched, f"its node {off} is not ready: NodeStatusUnknown")
    watched.rest.merge("nodes", None, off, {"spec": {"taints": [OUT_OF_SERVICE]}})
    watched.rest.delete("nodes", None, removed)
    tells(watched, f"its node {removed} is gone")
    watched.kubelet.release(watched.namespace, "Train")
    done = watched.reaches("Succeeded", "True")
    assert [task["message"] for task in done["status"]["tasks"]] == [""] * 5
    assert watched.jobs_by_kind() == ONCE
    assert watched.operator.warnings() == []


def tells(scene: Scene, words: str) -> None:
    """Wait until the summary and the condition of the resources have these words."""

    def check() -> bool:
        found = scene.workflow() or {}
        return all(words in message_of(found, kind) for kind in ("Succeeded", "ResourcesReady"))

    until(check, scene.told)
