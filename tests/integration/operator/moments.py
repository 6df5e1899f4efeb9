"""Moments in the life of a workflow at which a test steps in."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.operator.scene import Scene
from tools.waiting import until

_REPEATED = "will retry"
"""kopf says so of every request of its own that failed; its watches are asked for again as soon as they are lost."""


def while_profiling(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Profile")
    scene.submit()
    scene.runs("Profile")


def while_training(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Train")
    scene.submit()
    scene.runs("Train", 2)


def while_publishing(scene: Scene) -> None:
    scene.kubelet.hold(scene.namespace, "Compress")
    scene.submit()
    scene.runs("Compress")


def when_ended(scene: Scene) -> None:
    scene.submit()
    scene.reaches("Succeeded", "True")
    scene.serves()


@contextmanager
def noticed(scene: Scene) -> Iterator[None]:
    """Wait at the end until the operator has lost its watches and was refused to begin them anew."""
    told = len(scene.operator.lines())
    yield
    until(lambda: any(_REPEATED in line for line in scene.operator.lines()[told:]), scene.told)
