"""The operator's wall clock is set forward and back by an hour in the middle of a training."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.integration.operator.moments import while_training
from tests.integration.operator.scene import Scene
from tools.cluster import ControlPlane
from tools.operator_processes.process import Operator
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

HOUR = 3600
SHIFTED = """
import runpy, sys
from datetime import timedelta
from pathlib import Path
from idla_operator.adapters.clock import SystemClock
right, shift = SystemClock.now, Path(sys.argv[1])
SystemClock.now = lambda self: right(self) + timedelta(seconds=int(shift.read_text()))
runpy.run_module("idla_operator", run_name="__main__")
"""


class Shifted(Operator):
    """The operator with a clock that can be set while it runs."""

    def __init__(self, plane: ControlPlane, log: Path) -> None:
        super().__init__(plane, log)
        self._shift = log.with_suffix(".shift")
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set the clock to so many seconds after the right time."""
        written = self._shift.with_suffix(".new")
        written.write_text(str(seconds))
        written.replace(self._shift)

    @property
    @override
    def command(self) -> list[str]:
        return [sys.executable, "-I", "-c", SHIFTED, str(self._shift)]


@pytest.fixture
def shifted(watched: Scene, plane: ControlPlane, tmp_path: Path) -> Iterator[Shifted]:
    """In place of the operator of the other tests."""
    other = Shifted(plane, tmp_path / "operator.log")
    watched.operator.kill()
    other.start()
    try:
        yield other
        assert other.warnings() == []
    finally:
        other.kill()
        watched.operator.start()


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_training_goes_on_when_the_clock_is_set(watched: Scene, shifted: Shifted, seconds: int) -> None:
    while_training(watched)
    shifted.set(seconds)
    lost = watched.kubelet.jobs_run(watched.namespace, "Train")[0]
    watched.rest.delete("jobs", watched.namespace, lost)
    until(lambda: len(trainings(watched)) == 3, watched.told)
    watched.kubelet.release(watched.namespace, "Train")
    watched.ends_well()


def trainings(scene: Scene) -> list[str]:
    return [job for place, job, kind in scene.kubelet.ran if (place, kind) == (scene.namespace, "Train")]


def test_a_clock_that_is_set_back_ends_nothing_early(watched: Scene, shifted: Shifted) -> None:
    watched.kubelet.hold(watched.namespace, "Train")
    watched.submit(activeDeadlineSeconds=HOUR // 2, ttlSecondsAfterFinished=HOUR // 2)
    watched.runs("Train", 2)
    shifted.set(-HOUR)
    watched.kubelet.release(watched.namespace, "Train")
    done = watched.reaches("Succeeded", "True")
    watched.serves()
    assert seen_again(watched)["metadata"]["uid"] == done["metadata"]["uid"]


def seen_again(scene: Scene) -> dict[str, Any]:
    """Return the workflow after a reconciliation that came after this moment."""
    scene.change({"spec": {"deployment": {"replicas": 2}}})
    return scene.reaches("Succeeded", "True")


def test_a_clock_that_is_set_forward_counts_as_time_that_has_passed(watched: Scene, shifted: Shifted) -> None:
    watched.kubelet.hold(watched.namespace, "Train")
    watched.submit("late", activeDeadlineSeconds=HOUR // 2)
    watched.submit("old", approval="PlanOnly", deployment=None, ttlSecondsAfterFinished=HOUR // 2)
    watched.reaches("Succeeded", "True", "PlanReady", name="old")
    watched.runs("Train", 2)
    shifted.set(HOUR)
    watched.change({"metadata": {"labels": {"seen": "again"}}}, name="old")
    watched.change({"metadata": {"labels": {"seen": "again"}}}, name="late")
    watched.reaches("Succeeded", "False", "DeadlineExceeded", name="late")
    until(lambda: watched.workflow("old") is None, lambda: watched.told("old"))
