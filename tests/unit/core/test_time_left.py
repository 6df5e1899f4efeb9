"""How long a workflow still takes: by what its tasks have measured, and no word where they have not."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from idla.core.workflow.time_left import estimate_remaining

from tests.unit.core.test_workflow_decisions import state_of
from tests.unit.core.world import BOTH, World, trained, workflow

FAST: dict[str, Any] = {"preset": "Fast", "training": {"refit": False}}
TOLD: dict[str, Any] = {"remaining_seconds": 100.0, "start_seconds": 20.0, "epoch_seconds": 5.0}


def fast(**changes: Any) -> World:
    """Return a world whose data are known after 10 seconds, which are no start of a process."""
    return World(workflow=workflow(**FAST, **changes)).profiled()


def alone() -> World:
    """Return one whose only training has run for a minute."""
    pinned = {"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}]}
    return fast(model=pinned).run(BOTH[1]).settle().wait(60)


def both() -> World:
    return fast().run(*BOTH).settle().wait(60)


def one_after_the_other() -> World:
    return fast().run(BOTH[0]).settle().wait(60)


LEFT: dict[str, tuple[Callable[[], World], int | None]] = {
    "its pod tells: the rest and the publication": (lambda: alone().measure(BOTH[1], 90, **TOLD), 133),
    "that was half a minute ago": (lambda: alone().measure(BOTH[1], 90, **TOLD).wait(30), 103),
    "that was three minutes ago: never nothing": (lambda: alone().measure(BOTH[1], 90, **TOLD).wait(180), 78),
    "two at the same time: the longer one counts": (
        lambda: both().measure(BOTH[0], 9, **TOLD).measure(BOTH[1], 9, **TOLD | {"remaining_seconds": 200.0}), 239,
    ),
    "the other one waits for room and is like the first": (
        lambda: one_after_the_other().measure(BOTH[0], 90, **TOLD), 297,
    ),
    "what was trained is compared": (lambda: compared().wait(3), 28),
    "that takes longer than the look at the data": (lambda: compared().wait(40), 34),
    "publishing, and its pod does not tell yet": (lambda: ended().run("publish").settle().wait(5), 19),
    "publishing, and its pod tells": (
        lambda: ended().run("publish").settle().wait(5).measure("publish", 9, remaining_seconds=33.0), 32,
    ),
    "a search does not tell yet": (
        lambda: fast(model={"search": {"trials": 4}}).run("search").settle().wait(60), None,
    ),
    "a search tells": (
        lambda: fast(model={"search": {"trials": 4}}).run("search").settle().wait(60).measure("search", 9, **TOLD), 133,
    ),
}  # fmt: skip


def ended() -> World:
    """Return one whose only training took 100 seconds, 80 of them for 40 epochs."""
    pinned = {"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}]}
    world = fast(model=pinned).run(BOTH[1]).settle().wait(100)
    report = trained("vgg-small").model_copy(update={"epochs": 40, "epoch_seconds": 2.0})
    return world.finish(BOTH[1], train=report).settle()


def compared() -> World:
    """Return one whose trainings took 100 seconds, 80 of them for 40 epochs, and are compared."""
    world = fast().run(*BOTH).settle().wait(100)
    for task in BOTH:
        report = trained(task.removeprefix("train-")).model_copy(update={"epochs": 40, "epoch_seconds": 2.0})
        world.finish(task, train=report)
    return world.settle().run("select").settle()


@pytest.mark.parametrize("case", LEFT)
def test_what_is_left(case: str) -> None:
    world, seconds = LEFT[case]
    assert estimate_remaining(state_of(world())) == seconds


def test_an_estimate_goes_to_a_new_one_without_a_jump() -> None:
    world = alone().measure(BOTH[1], 90, **TOLD)
    world.reconcile()
    shown = [world.status["progress"]["estimatedRemainingSeconds"]]
    world.wait(10).measure(BOTH[1], 91, **TOLD | {"remaining_seconds": 1000.0})
    for _ in range(6):
        world.reconcile()
        shown.append(world.status["progress"]["estimatedRemainingSeconds"])
        world.wait(10)
    grown = [after / before for before, after in itertools.pairwise(shown)]
    assert max(grown) < 1.5, shown
    assert shown[-1] > 3 * shown[0], shown
