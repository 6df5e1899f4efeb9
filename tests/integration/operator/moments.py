"""Moments in the life of a workflow at which a test steps in."""

from tests.integration.operator.scene import Scene


def while_profiling(scene: Scene) -> None:
    scene.puppet.hold(scene.namespace, "Profile")
    scene.submit()
    scene.runs("Profile")


def while_training(scene: Scene) -> None:
    scene.puppet.hold(scene.namespace, "Train")
    scene.submit()
    scene.runs("Train", 2)


def while_publishing(scene: Scene) -> None:
    scene.puppet.hold(scene.namespace, "Compress")
    scene.submit()
    scene.runs("Compress")


def when_ended(scene: Scene) -> None:
    scene.submit()
    scene.reaches("Succeeded", "True")
    scene.serves()
