import asyncio
from typing import Any

import pytest
from idla_operator.controllers.cache.event_sink import EventSink
from idla_operator.controllers.cache.resync import Resync
from idla_operator.controllers.cache.store import Store
from idla_operator.controllers.health import Health, Session
from idla_operator.controllers.keyqueue import Backoff, KeyQueue
from idla_operator.ports import JOBS, WORKFLOWS, Reference, UnavailableError, Watch

from tests.unit.operator.fake_cluster import FakeClock, FakeCluster

WATCHED = (Watch(WORKFLOWS), Watch(JOBS))
OWNER = [{"kind": "TrainingWorkflow", "name": "digits", "uid": "w-1", "controller": True}]
WORKFLOW: dict[str, Any] = {
    "apiVersion": "idla.dev/v1alpha1",
    "kind": "TrainingWorkflow",
    "metadata": {"name": "digits", "namespace": "vision", "uid": "w-1", "generation": 1},
}
JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "train", "namespace": "vision", "uid": "j-1", "ownerReferences": OWNER},
}


class Scene:
    def __init__(self, watches: tuple[Watch, ...] = WATCHED) -> None:
        self.cluster, self.store, self.clock = FakeCluster(WORKFLOW, JOB), Store(), FakeClock()
        self.worked: list[Reference] = []
        self.queue: KeyQueue[Reference] = KeyQueue(self._turn, clock=self.clock, workers=1, backoff=Backoff())
        event_sink = EventSink(self.store, self.queue)
        self.resync = Resync(self.store, self.cluster, event_sink, self.queue, watches=watches)
        self.watches = watches
        self.health = Health(session=Session(queue=self.queue, resync=self.resync))

    async def _turn(self, key: Reference) -> None:
        self.worked.append(key)

    def see(self) -> None:
        for document in self.cluster.objects.values():
            self.store.put(document)

    def compare(self) -> None:
        asyncio.run(self.resync.compare(self.watches))


def test_the_operator_is_ready_when_all_that_exists_has_arrived() -> None:
    scene = Scene()
    scene.compare()
    assert scene.health.not_ready_reasons() == ("the first listing is not complete",)
    scene.see()
    scene.compare()
    assert (scene.health.not_ready_reasons(), scene.health.unhealthy_reasons()) == ((), ())


def test_between_sessions_the_process_is_alive_but_not_ready() -> None:
    health = Health()
    assert (health.unhealthy_reasons(), health.not_ready_reasons()) == ((), ("no session with the cluster",))
    not_ready_reasons = ["the lease was not reached yet"]
    health.standby = lambda: tuple(not_ready_reasons)
    assert (health.unhealthy_reasons(), health.not_ready_reasons()) == ((), ("the lease was not reached yet",))
    not_ready_reasons.clear()
    assert (health.unhealthy_reasons(), health.not_ready_reasons()) == ((), ()), (
        "a replica that waits for its turn is all right"
    )


def test_what_is_gone_without_a_watch_saying_so_is_forgotten_and_wakes_its_owner() -> None:
    scene = Scene()
    scene.see()
    scene.compare()
    del scene.cluster.objects[Reference(JOBS, "vision", "train")]
    scene.compare()
    assert scene.store.children(JOBS, "w-1") == ()
    assert scene.queue.waiting() == 1


def test_before_everything_has_arrived_nothing_is_taken_for_gone() -> None:
    scene = Scene()
    scene.store.put(scene.cluster.objects[Reference(JOBS, "vision", "train")])
    del scene.cluster.objects[Reference(JOBS, "vision", "train")]
    scene.compare()
    assert len(scene.store.children(JOBS, "w-1")) == 1


def test_a_version_that_does_not_arrive_within_a_period_proves_a_dead_watch_and_its_arrival_a_living_one() -> None:
    scene = Scene()
    scene.see()
    scene.compare()
    scene.cluster.put(JOB | {"status": {"succeeded": 1}})
    scene.compare()
    assert scene.health.unhealthy_reasons() == ()
    scene.compare()
    assert scene.health.unhealthy_reasons() == ("the watch of jobs does not bring what exists",)
    scene.see()
    scene.compare()
    assert scene.health.unhealthy_reasons() == ()


def test_a_busy_object_that_is_always_a_little_behind_proves_nothing() -> None:
    scene = Scene()
    scene.see()
    scene.compare()
    for step in range(4):
        scene.see()
        scene.cluster.put(JOB | {"status": {"step": step}})
        scene.compare()
    assert scene.health.unhealthy_reasons() == ()


CONFINED = tuple(Watch(entry, namespace) for namespace in ("vision", "hearing") for entry in (WORKFLOWS, JOBS))


def test_in_single_namespaces_each_is_compared_with_its_own_listing() -> None:
    scene = Scene(CONFINED)
    scene.cluster.put({**JOB, "metadata": {"name": "train", "namespace": "hearing", "uid": "j-2"}})
    scene.see()
    scene.compare()
    assert scene.health.not_ready_reasons() == ()
    assert scene.cluster.listed == [(watch.resource, watch.namespace) for watch in CONFINED]
    del scene.cluster.objects[Reference(JOBS, "vision", "train")]
    scene.cluster.put({**JOB, "metadata": {"name": "train", "namespace": "hearing", "uid": "j-2"}, "status": {}})
    scene.compare()
    assert [document["metadata"]["uid"] for document in scene.store.all(JOBS)] == ["j-2"]
    scene.compare()
    assert scene.health.unhealthy_reasons() == ("the watch of jobs of namespace hearing does not bring what exists",)


def test_a_right_that_was_taken_away_is_told_until_it_is_back_and_nothing_is_forgotten_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(CONFINED)
    scene.see()
    scene.compare()
    del scene.cluster.objects[Reference(JOBS, "vision", "train")]
    scene.cluster.forbid((WORKFLOWS, "hearing"), (JOBS, "vision"))
    scene.compare()
    assert scene.health.not_ready_reasons() == (
        "jobs of namespace vision may not be listed any more",
        "trainingworkflows of namespace hearing may not be listed any more",
    )
    assert (len(scene.store.children(JOBS, "w-1")), scene.health.unhealthy_reasons()) == (1, ())
    told = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[0] for line in told] == [
        "jobs of namespace vision could not be listed", "trainingworkflows of namespace hearing could not be listed",
    ]  # fmt: skip
    assert all("kubectl apply -n" in line for line in told)
    scene.cluster.forbid()
    scene.compare()
    assert (len(scene.store.children(JOBS, "w-1")), scene.health.not_ready_reasons()) == (0, ())


def test_a_namespace_that_cannot_be_worked_in_keeps_the_operator_from_being_ready() -> None:
    scene = Scene()
    scene.see()
    scene.compare()
    unavailable = ("namespace hearing has no role of ours",)
    health = Health(session=Session(queue=scene.queue, resync=scene.resync, unavailable=unavailable))
    assert (health.not_ready_reasons(), health.unhealthy_reasons()) == (unavailable, ())


def test_a_list_that_fails_proves_nothing() -> None:
    scene = Scene()
    scene.see()
    scene.compare()
    scene.cluster.fail["identities"] = [UnavailableError("no answer")] * 2
    scene.compare()
    assert scene.health.unhealthy_reasons() == ()


def test_a_turn_that_hangs_is_an_ailment() -> None:
    scene = Scene()
    hangs = asyncio.Event()

    async def main() -> tuple[str, ...]:
        async def turn(_: Reference) -> None:
            hangs.set()
            await asyncio.Event().wait()

        queue: KeyQueue[Reference] = KeyQueue(turn, clock=scene.clock, workers=1, backoff=Backoff())
        queue.add(Reference(JOBS, "vision", "train"))
        task = asyncio.create_task(queue.run())
        await hangs.wait()
        scene.clock.seconds = 601.0
        found = Health(session=Session(queue=queue, resync=scene.resync)).unhealthy_reasons()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    assert asyncio.run(main()) == ("a reconciliation has been running for 601 seconds",)
