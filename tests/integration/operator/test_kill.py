"""`kill -9` while pods end or train changes nothing in what comes out: no second Job for a step, no lost result.

Killed before and after every single write it is in `tests/faults/test_derived.py`, after drawn ones in the laws of
`tests/unit/core/test_workflow_laws.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.integration.operator.moments import while_profiling, while_publishing, while_training
from tests.integration.operator.scene import Scene, result_of
from tools.waiting import WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes


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
    done = scene.ends_well()
    assert scene.serves()["status"]["serving"]["digest"] == done["status"]["artifact"]["digest"]
    made = [(job["metadata"]["labels"]["idla.dev/task"]) for job in scene.jobs()]
    assert sorted(made) == ["profile", "publish", "select", "train-resnet-small", "train-vgg-small"]
    return result_of(done)


def after_the_profile_job(scene: Scene) -> None:
    while_profiling(scene)
    with down(scene):
        scene.kubelet.release(scene.namespace, "Profile")
        scene.ended_jobs(1)


def during_training(scene: Scene) -> None:
    while_training(scene)
    scene.restart()
    scene.reaches("Trained", "Unknown")
    scene.restart()
    scene.kubelet.release(scene.namespace, "Train")


def before_deployment(scene: Scene) -> None:
    while_publishing(scene)
    with down(scene):
        scene.kubelet.release(scene.namespace, "Compress")
        scene.ended_jobs(5)
        assert scene.model() is None


@pytest.mark.gate
@pytest.mark.parametrize("moment", [after_the_profile_job, during_training, before_deployment])
def test_killed(scene: Scene, undisturbed: dict[str, Any], moment: Callable[[Scene], None]) -> None:
    moment(scene)
    assert ends_well(scene) == undisturbed
