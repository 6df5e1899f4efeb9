"""`kill -9` of the operator changes nothing in what comes out: no second Job for a step, no lost result."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.integration.operator.scene import Scene, condition, result_of
from tools.waiting import PATIENCE, WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

QUIET_SECONDS = 3.0
"""Without a write of the operator before a look whether all is done: a look costs time in which it writes on."""
LEAST_KILLS = 5
"""Fewer are no test."""
ONCE = {"Profile": 1, "Train": 2, "Compress": 1}


@pytest.fixture(scope="module")
def undisturbed(new_scene: Callable[[], AbstractContextManager[Scene]]) -> dict[str, Any]:
    """What a run comes to that nobody disturbs."""
    with new_scene() as scene:
        scene.submit()
        return ends_well(scene)


@contextmanager
def down(scene: Scene) -> Iterator[None]:
    """Kill the operator, do something, and start it anew."""
    scene.operator.kill()
    try:
        yield
    finally:
        scene.operator.start()


def ends_well(scene: Scene) -> dict[str, Any]:
    done = scene.reaches("Succeeded", "True")
    served = scene.serves()
    assert served["status"]["serving"]["digest"] == done["status"]["artifact"]["digest"]
    assert scene.jobs_by_kind() == ONCE
    made = [(job["metadata"]["labels"]["idla.dev/task"]) for job in scene.jobs()]
    assert sorted(made) == ["profile", "publish", "train-resnet-small", "train-vgg-small"]
    return result_of(done)


def test_a_run_that_nobody_disturbs_comes_to_the_same_again(scene: Scene, undisturbed: dict[str, Any]) -> None:
    scene.submit()
    assert ends_well(scene) == undisturbed


def before_the_profile_job(scene: Scene) -> None:
    with down(scene):
        scene.submit()


def after_the_profile_job(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Profile")
    scene.submit()
    scene.runs("Profile")
    with down(scene):
        scene.kubelet.release(scene.namespace, "Profile")
        scene.ended_jobs(1)


def during_training(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Train")
    scene.submit()
    scene.runs("Train", 2)
    scene.restart()
    scene.reaches("Trained", "Unknown")
    scene.restart()
    scene.kubelet.release(scene.namespace, "Train")


def before_publishing(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Train")
    scene.submit()
    scene.runs("Train", 2)
    with down(scene):
        scene.kubelet.release(scene.namespace, "Train")
        scene.ended_jobs(3)


def before_deployment(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Compress")
    scene.submit()
    scene.runs("Compress")
    with down(scene):
        scene.kubelet.release(scene.namespace, "Compress")
        scene.ended_jobs(4)
        assert scene.model() is None


@pytest.mark.parametrize(
    "moment",
    [
        before_the_profile_job,
        pytest.param(after_the_profile_job, marks=pytest.mark.gate),
        pytest.param(during_training, marks=pytest.mark.gate),
        before_publishing,
        pytest.param(before_deployment, marks=pytest.mark.gate),
    ],
)
def test_killed(scene: Scene, undisturbed: dict[str, Any], moment: Callable[[Scene], None]) -> None:
    moment(scene)
    assert ends_well(scene) == undisturbed


def test_killed_after_every_single_write(scene: Scene, undisturbed: dict[str, Any]) -> None:
    kills, quiet, deadline = 0, 0.0, time.monotonic() + 4 * PATIENCE
    with scene.audit.followed() as written:
        scene.submit()
        while time.monotonic() < deadline:
            if written(scene.namespace):
                scene.restart()
                kills, quiet = kills + 1, time.monotonic()
            elif time.monotonic() - quiet > QUIET_SECONDS and ended(scene):
                break
            time.sleep(0.001)
    assert kills >= LEAST_KILLS
    assert ends_well(scene) == undisturbed


def ended(scene: Scene) -> bool:
    return condition(scene.workflow(), "Succeeded")[0] == "True" and condition(scene.model(), "Ready")[0] == "True"
