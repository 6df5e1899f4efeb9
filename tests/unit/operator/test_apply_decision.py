import asyncio
from typing import Any

import pytest
from idla.core.reconciliation import Deletion, Event, EventType, Reconciliation
from idla_operator.controllers.cache.store import Store
from idla_operator.controllers.reconcile.apply_decision import DecisionApplier, RefusedError, TakenError, first_lost
from idla_operator.ports import (
    CLAIMS,
    JOBS,
    WORKFLOWS,
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Reference,
    UnavailableError,
)

from tests.unit.operator.fake_cluster import FakeClock, FakeCluster

OWNER = {"kind": "TrainingWorkflow", "name": "digits", "uid": "w-1", "controller": True}
STARTED = Event(type=EventType.NORMAL, reason="Started", message="task profile was started")


def workflow(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "idla.dev/v1alpha1",
        "kind": "TrainingWorkflow",
        "metadata": {"name": "digits", "namespace": "vision", "uid": "w-1", "generation": 1},
        "spec": {},
        "status": {"observedGeneration": -1} | status,
    }


def job(name: str = "profile", *, image: str = "trainer:1", owner: dict[str, Any] | None = OWNER) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "vision"}
    if owner is not None:
        metadata["ownerReferences"] = [owner]
    template = {"spec": {"containers": [{"name": "task", "image": image}]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}


CLAIM = {
    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
    "metadata": {"name": "digits-artifacts", "namespace": "vision"}, "spec": {"accessModes": ["ReadWriteOnce"]},
}  # fmt: skip


NEXT = {"observedGeneration": 1}
OLD = Deletion(api_version="batch/v1", kind="Job", name="old", uid="u-1")


class Scene:
    """A workflow in a cluster, and what carries out decisions about it."""

    def __init__(self, *others: dict[str, Any]) -> None:
        self.cluster = FakeCluster(workflow(), *others)
        self.store = Store()
        self.clock = FakeClock()
        self.apply_decision = DecisionApplier(self.store, self.cluster, self.clock)
        self.observe()

    def observe(self) -> None:
        """Let the store see everything, as watches do."""
        for document in self.cluster.objects.values():
            self.store.put(document)

    @property
    def workflow(self) -> dict[str, Any]:
        return self.store.within(WORKFLOWS, "vision")[0]

    def do(self, decision: Reconciliation, known: dict[Reference, Any] | None = None) -> list[tuple[str, str]]:
        """Carry out a decision on what the store shows; return the writes that it took."""
        before = len(self.cluster.writes)
        asyncio.run(self.apply_decision(self.workflow, decision, known or {}))
        return self.cluster.writes[before:]


def test_children_status_and_events_are_written_in_this_order() -> None:
    scene = Scene(job("old"))
    old = Deletion(
        api_version="batch/v1", kind="Job", name="old", uid=scene.cluster.objects[ref("old")]["metadata"]["uid"]
    )
    decision = Reconciliation(apply=(CLAIM, job()), delete=(old,), status={"observedGeneration": 1}, events=(STARTED,))
    assert scene.do(decision) == [
        ("apply", "PersistentVolumeClaim vision/digits-artifacts"),
        ("apply", "Job vision/profile"),
        ("delete", "Job vision/old"),
        ("status", "TrainingWorkflow vision/digits"),
        ("event", "Started"),
    ]


def ref(name: str) -> Reference:
    return Reference(JOBS, "vision", name)


def test_the_same_decision_again_writes_nothing() -> None:
    scene = Scene()
    decision = Reconciliation(apply=(CLAIM, job()), status={"observedGeneration": 1})
    claim = Reference(CLAIMS, "vision", "digits-artifacts")
    scene.do(decision)
    assert scene.do(decision, {claim: scene.cluster.objects[claim]}) == []
    scene.observe()
    assert scene.do(decision, {claim: scene.cluster.objects[claim]}) == []


def test_a_view_that_lags_behind_makes_no_second_write() -> None:
    scene = Scene()
    decision = Reconciliation(apply=(job(),), status={"observedGeneration": 1})
    scene.do(decision)
    stale = Scene()
    stale.cluster, stale.store = scene.cluster, Store()
    stale.store.put(workflow() | {"metadata": scene.workflow["metadata"]})
    stale.apply_decision = DecisionApplier(stale.store, stale.cluster, stale.clock)
    assert stale.do(Reconciliation(apply=(job(),))) == []


def test_an_old_view_of_the_workflow_is_refused_and_no_event_is_told() -> None:
    scene = Scene()
    scene.cluster.put(workflow(observedGeneration=7))
    with pytest.raises(ConflictError):
        scene.do(Reconciliation(status={"observedGeneration": 1}, events=(STARTED,)))
    assert scene.cluster.events == []


def test_a_status_that_the_crd_prunes_is_written_once() -> None:
    scene = Scene()
    scene.cluster.pruned = lambda status: {key: value for key, value in status.items() if key != "unknown"}  # type: ignore[method-assign]  # a CRD without this field
    decision = Reconciliation(status={"observedGeneration": 1, "unknown": "field"})
    assert scene.do(decision) == [("status", "TrainingWorkflow vision/digits"), ("event", "StatusPruned")]
    [(_, event)] = scene.cluster.events
    assert event.message == (
        "the API server drops status.unknown: its CRDs are of another version than the operator; apply those of"
        " the operator's version"
    )
    assert scene.do(decision) == []
    again = scene.do(Reconciliation(status={"observedGeneration": 2, "unknown": "field"}))
    assert again == [("status", "TrainingWorkflow vision/digits")]


@pytest.mark.parametrize(
    ("kept", "lost"),
    [
        pytest.param({"a": {"b": 1}, "c": [{"d": 1}]}, None, id="whole"),
        pytest.param({"a": {}, "c": [{"d": 1}]}, "status.a.b", id="a field within"),
        pytest.param({"a": {"b": 1}, "c": [{}]}, "status.c[0].d", id="a field in a list"),
        pytest.param({"a": {"b": 2}, "c": [{"d": 1}]}, "status.a.b", id="another value"),
        pytest.param({"a": {"b": 1}, "c": []}, "status.c", id="a list cut short"),
        pytest.param({"a": 1, "c": 2}, "status.a", id="other types"),
    ],
)
def test_what_a_crd_drops_is_found(kept: dict[str, Any], lost: str | None) -> None:
    assert first_lost({"a": {"b": 1}, "c": [{"d": 1}]}, kept) == lost


def test_a_field_that_is_no_longer_wanted_is_given_up_once() -> None:
    scene = Scene()
    whole, less = job(), job()
    whole["spec"]["suspend"] = False
    scene.do(Reconciliation(apply=(whole,)))
    assert scene.do(Reconciliation(apply=(less,))) == [("apply", "Job vision/profile")]
    assert scene.do(Reconciliation(apply=(less,))) == []


def test_no_status_leaves_it_alone() -> None:
    assert Scene().do(Reconciliation()) == []


@pytest.mark.parametrize("uid", ["another", None])
def test_a_deletion_of_what_is_gone_or_replaced_is_no_failure_and_deletes_nothing(uid: str | None) -> None:
    scene = Scene(job("old"))
    if uid is None:
        del scene.cluster.objects[ref("old")]
    decision = Reconciliation(delete=(Deletion(api_version="batch/v1", kind="Job", name="old", uid=uid or "u"),))
    assert scene.do(decision) == []


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param(
            {"kind": "TrainingWorkflow", "name": "digits", "uid": "w-0", "controller": True}, id="a predecessor"
        ),
        pytest.param(None, id="nobody"),
    ],
)
def test_an_object_of_the_childs_name_that_is_not_ours_is_left_alone(owner: dict[str, Any] | None) -> None:
    scene = Scene(job(owner=owner))
    scene.store.remove(ref("profile"), scene.cluster.objects[ref("profile")]["metadata"]["uid"])  # it has no label
    with pytest.raises(TakenError, match="Job vision/profile exists and belongs to somebody else"):
        scene.do(Reconciliation(apply=(job(image="trainer:2"),)))
    assert scene.cluster.writes == []


def test_a_job_that_lost_its_owner_reference_is_adopted_again() -> None:
    work = {"annotations": {"idla.dev/content-hash": "a1b2", "idla.dev/attempt": "1"}}
    lost, wanted = job(owner=None), job()
    lost["metadata"] |= work
    wanted["metadata"] |= work
    scene = Scene(lost)
    scene.do(Reconciliation(apply=(wanted,)))
    assert scene.cluster.objects[ref("profile")]["metadata"]["ownerReferences"] == [OWNER]


def test_a_child_that_is_being_deleted_is_waited_for() -> None:
    dying = job()
    dying["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    scene = Scene(dying)
    with pytest.raises(TakenError, match="is being deleted"):
        scene.do(Reconciliation(apply=(job(),)))


@pytest.mark.parametrize("ends", ["gone", "recreated", "being deleted"])
def test_nothing_is_created_for_a_workflow_that_has_gone_meanwhile(ends: str) -> None:
    scene = Scene()
    reference = Reference(WORKFLOWS, "vision", "digits")
    live = scene.cluster.objects.pop(reference)
    if ends == "recreated":
        scene.cluster.put(live | {"metadata": live["metadata"] | {"uid": "w-2"}})
    if ends == "being deleted":
        scene.cluster.put(live | {"metadata": live["metadata"] | {"deletionTimestamp": "2026-11-24T12:00:00Z"}})
    with pytest.raises(ConflictError):
        scene.do(Reconciliation(apply=(CLAIM,)))
    assert scene.cluster.writes == []


@pytest.mark.parametrize("error", [ForbiddenError("403: quota", said="quota"), InvalidError("immutable")])
def test_a_refusal_names_the_child(error: Any) -> None:
    scene = Scene()
    scene.cluster.fail["apply"] = [error]
    with pytest.raises(RefusedError) as refusal:
        scene.do(Reconciliation(apply=(job(),), status={"observedGeneration": 1}))
    assert str(refusal.value) == str(error)
    assert (
        refusal.value.said == f"the API server refuses Job {job()['metadata']['name']}: {error.said}. It is tried again"
    )
    assert scene.cluster.writes == []


@pytest.mark.parametrize(
    ("before", "decision", "made_progress"),
    [
        ((), Reconciliation(apply=(job(),), status=NEXT), True),
        ((job(),), Reconciliation(apply=(job(),), status=NEXT), False),
        ((job(),), Reconciliation(apply=(job(image="trainer:2"),), status=NEXT), False),
        ((job("old"),), Reconciliation(delete=(OLD,), status=NEXT), False),
        ((), Reconciliation(status=NEXT), False),
    ],
    ids=["a new child", "the same again", "what is refused itself", "a deletion", "nothing but the status"],
)
def test_a_failure_tells_whether_a_child_was_given_a_new_content_before(
    before: tuple[dict[str, Any], ...], decision: Reconciliation, *, made_progress: bool
) -> None:
    scene = Scene()
    scene.do(Reconciliation(apply=before))
    scene.cluster.fail["replace_status"] = [UnavailableError("no answer")]
    with pytest.raises(ClusterError) as failure:
        scene.do(decision)
    assert failure.value.made_progress is made_progress


def test_a_child_that_somebody_keeps_changing_back_is_no_progress() -> None:
    scene = Scene()
    scene.do(Reconciliation(apply=(job(),)))
    changed = scene.cluster.objects[ref(job()["metadata"]["name"])] | {"metadata": {**job()["metadata"], "labels": {}}}
    scene.store.put(scene.cluster.put(changed))
    scene.cluster.fail["replace_status"] = [UnavailableError("no answer")]
    with pytest.raises(UnavailableError) as failure:
        scene.do(Reconciliation(apply=(job(),), status=NEXT))
    assert scene.cluster.writes[-1] == ("apply", str(ref(job()["metadata"]["name"])))
    assert failure.value.made_progress is False


def test_an_event_that_comes_with_a_status_is_told_every_time() -> None:
    scene = Scene()
    for generation in (1, 2):
        scene.do(Reconciliation(status={"observedGeneration": generation}, events=(STARTED,)))
    assert len(scene.cluster.events) == 2
    scene.do(Reconciliation(events=(STARTED,)))
    assert len(scene.cluster.events) == 2


def test_an_event_that_cannot_be_told_fails_nothing() -> None:
    scene = Scene()
    scene.cluster.fail["create_event"] = [UnavailableError("no answer")]
    assert scene.do(Reconciliation(status={"observedGeneration": 1}, events=(STARTED,))) == [
        ("status", "TrainingWorkflow vision/digits")
    ]


def test_a_namespace_that_is_gone_is_said() -> None:
    scene = Scene()
    scene.cluster.fail["apply"] = [NotFoundError("namespace")]
    with pytest.raises(NotFoundError):
        scene.do(Reconciliation(apply=(job(),)))
