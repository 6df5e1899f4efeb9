"""etcd and the control plane's processes fail in the middle of a training: the same operator ends it all the same."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.integration.operator.faults import etcd
from tests.integration.operator.moments import noticed, while_training
from tests.integration.operator.scene import Scene
from tools.cluster import ControlPlane
from tools.cluster.control_plane import api_status
from tools.operator_processes.process import Operator
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

REST_SECONDS = 5.0
"""A reconciliation that is repeated is so within two seconds at first, and what is at odds with the cluster at once."""
REPEATED = "a reconciliation is repeated: "
"""What the operator says when it could not do what is to be done."""
WATCHED = {
    "trainingworkflows",
    "modeldeployments",
    "modeltemplates",
    "jobs",
    "pods",
    "deployments",
    "services",
    "nodes",
}


@contextmanager
def paused(operator: Operator) -> Iterator[None]:
    """Stop the operator's clock; its connections stay open."""
    assert operator.pid is not None
    os.kill(operator.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(operator.pid, signal.SIGCONT)


def seen_by_the_api_server(scene: Scene, plane: ControlPlane) -> None:
    """Wait until the API server says that it is not ready, as it does when etcd does not answer."""
    until(lambda: api_status(plane.setting, "/readyz") != http.client.OK, scene.told)


def etcd_is_killed(scene: Scene, plane: ControlPlane) -> None:
    """The operator is held up, so that something is left to do for it when etcd is away."""
    told = len(scene.operator.lines())
    with paused(scene.operator):
        scene.kubelet.release(scene.namespace, "Train")
        scene.ended_jobs(3)
        plane.kill_component("etcd")
    until(lambda: any(REPEATED in line for line in scene.operator.lines()[told:]), scene.told)
    plane.start_component("etcd")
    plane.wait_ready()


def etcd_does_not_answer(scene: Scene, plane: ControlPlane) -> None:
    plane.freeze_component("etcd")
    try:
        seen_by_the_api_server(scene, plane)
    finally:
        plane.thaw_component("etcd")
    plane.wait_ready()


def the_api_server_is_killed(scene: Scene, plane: ControlPlane) -> None:
    with noticed(scene):
        plane.kill_component("kube-apiserver")
    plane.start_component("kube-apiserver")


def everything_is_killed(scene: Scene, plane: ControlPlane) -> None:
    with noticed(scene):
        for name in reversed(plane.components):
            plane.kill_component(name)
    plane.start()


def the_controllers_are_killed(scene: Scene, plane: ControlPlane) -> None:
    plane.kill_component("kube-controller-manager")
    scene.kubelet.release(scene.namespace, "Train")
    until(lambda: all(pod["status"]["phase"] == "Succeeded" for pod in scene.task_pods()), scene.told)
    plane.start_component("kube-controller-manager")


def etcd_is_full(scene: Scene, plane: ControlPlane) -> None:
    """The operator is held up, so that all that is left to do is its own write."""
    told = scene.operator.log.stat().st_size
    with ExitStack() as filled:
        with paused(scene.operator):
            scene.kubelet.release(scene.namespace, "Train")
            scene.ended_jobs(3)
            filled.enter_context(etcd.full(plane))
        until(lambda: b"database space exceeded" in scene.operator.log.read_bytes()[told:], scene.told)


def what_the_watches_know_is_compacted(scene: Scene, plane: ControlPlane) -> None:
    """A new API server keeps no old versions in memory either, so watches cannot go on where they were."""
    with paused(scene.operator):
        scene.kubelet.release(scene.namespace, "Train")
        scene.ended_jobs(3)
        plane.kill_component("kube-apiserver")
        etcd.compact(plane)
        plane.start_component("kube-apiserver")
        seen = len(scene.audit.events())

    def listed() -> bool:
        events = scene.audit.events()[seen:]
        return {entry["objectRef"]["resource"] for entry in events if entry["verb"] == "list"} >= WATCHED

    until(listed, scene.told)


@pytest.mark.parametrize(
    "fault",
    [
        etcd_is_killed,
        etcd_does_not_answer,
        pytest.param(the_api_server_is_killed, marks=pytest.mark.gate),
        everything_is_killed,
        pytest.param(the_controllers_are_killed, marks=pytest.mark.gate),
        etcd_is_full,
        what_the_watches_know_is_compacted,
    ],
)
def test_a_training_ends_as_if_nothing_had_been(
    watched: Scene, plane: ControlPlane, fault: Callable[[Scene, ControlPlane], None]
) -> None:
    while_training(watched)
    before = watched.operator.pid
    watched.operator.excuse("")  # it says what it sees
    fault(watched, plane)
    watched.kubelet.release(watched.namespace, "Train")
    assert len(watched.ends_well()["status"]["tasks"]) == len(watched.jobs()) == 5
    assert watched.operator.pid == before
    assert watched.operator.probe("/healthz") == (200, "ok")


def test_at_rest_nothing_is_written_after_all_that(watched: Scene, plane: ControlPlane) -> None:
    watched.operator.excuse("")
    everything_is_killed(watched, plane)
    watched.submit()
    watched.reaches("Succeeded", "True")
    watched.serves()
    watched.rests()
    assert watched.writes_within(REST_SECONDS) == []
