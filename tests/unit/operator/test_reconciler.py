import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from idla.core.reconciliation import Manifest, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import DeploymentSnapshot, TaskProgress, Template, WorkflowSnapshot
from idla.library import built_in_library
from idla_operator.controllers.cache.store import Store
from idla_operator.controllers.reconcile.apply_decision import DecisionApplier, RefusedError
from idla_operator.controllers.reconcile.gather import Gatherer
from idla_operator.controllers.reconcile.reconciler import (
    CONFLICT_SECONDS,
    TAKEN_SECONDS,
    UNWATCHED_SECONDS,
    Decisions,
    Reconciler,
)
from idla_operator.ports import (
    MODEL_DEPLOYMENTS,
    PODS,
    WORKFLOWS,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Measured,
    NotFoundError,
    Outcome,
    Reading,
    Reference,
    UnavailableError,
    Unmeasured,
)

from tests.unit.operator.fake_cluster import START, FakeClock, FakeCluster

SETTINGS = Settings(trainer_image="trainer:1", server_image="server:1")
KEY = Reference(WORKFLOWS, "vision", "digits")
MODEL_KEY = Reference(MODEL_DEPLOYMENTS, "vision", "digits")
PROGRESS = TaskProgress(step=1, total_steps=2, updated=START)
OURS = {"idla.dev/managed": "true"}


def owner(kind: str, uid: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": "digits", "uid": uid, "controller": True}]


def make(api_version: str, kind: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "vision", **metadata}}


WORKFLOW = make("idla.dev/v1alpha1", "TrainingWorkflow", "digits", uid="w-1", generation=1) | {
    "spec": {"data": {"storageUri": "pvc://faces/all.npz"}, "deployment": {"mode": "CreateOrUpdate"}}
}
MODEL = make("idla.dev/v1alpha1", "ModelDeployment", "digits", uid="m-1", generation=1) | {
    "spec": {"model": {"workflowRef": {"name": "digits"}}}
}
JOB = make("batch/v1", "Job", "train-1", uid="j-1", labels=OURS, ownerReferences=owner("TrainingWorkflow", "w-1"))
OTHERS_JOB = make("batch/v1", "Job", "train-0", uid="j-0", ownerReferences=owner("TrainingWorkflow", "w-0"))
POD_LABELS = OURS | {"idla.dev/workflow": "digits"}
POD = make("v1", "Pod", "train-1-x", labels=POD_LABELS, ownerReferences=owner("Job", "j-1")) | {
    "status": {"phase": "Running", "podIP": "10.0.0.1"}
}
LEFT_OVER = make("v1", "Pod", "train-9-x", labels=POD_LABELS, ownerReferences=owner("Job", "j-9"))
SERVER = make("v1", "Pod", "serve-x", labels=OURS | {"idla.dev/deployment": "digits"})
TEMPLATE = {
    "apiVersion": "idla.dev/v1alpha1", "kind": "ModelTemplate", "metadata": {"name": "vgg"},
    "spec": {
        "description": "small", "tasks": ["ImageClassification"], "builder": "small-vgg", "profile": {"parameters": 9},
        "training": {"maxEpochs": 2, "batchSize": 8, "learningRate": "0.01"},
    },
}  # fmt: skip
BROKEN_TEMPLATE = TEMPLATE | {"metadata": {"name": "broken"}, "spec": {"builder": 7}}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
FACES = make("v1", "PersistentVolumeClaim", "faces")
ARTIFACTS = make("v1", "PersistentVolumeClaim", "digits-artifacts")


class Meter:
    """Progress that a test decides on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Reading = Measured(progress=PROGRESS)

    async def read(self, pod: Manifest) -> Reading:
        self.asked.append(pod["metadata"]["name"])
        return self.answer


class Scene:
    """Turns on a fake cluster that the store has seen, with decisions that a test makes."""

    def __init__(
        self, *documents: dict[str, Any], sees_nodes: bool = True, library: tuple[Template, ...] | None = None
    ) -> None:
        self.cluster, self.store, self.clock, self.meter = FakeCluster(*documents), Store(), FakeClock(), Meter()
        for document in self.cluster.objects.values():
            if document["kind"] != "PersistentVolumeClaim" and document["metadata"].get("labels") != {"foreign": "1"}:
                self.store.put(document)
        self.seen: list[Any] = []
        self.decide: Callable[[Manifest], Reconciliation] = lambda _: Reconciliation()
        gatherer = Gatherer(self.store, self.cluster, self.meter, sees_nodes=sees_nodes, library=library)
        effects = DecisionApplier(self.store, self.cluster, self.clock)
        decisions = Decisions(workflow=self._workflow, deployment=self._deployment, settings=SETTINGS)
        self.reconciler = Reconciler(
            self.store, self.cluster, self.clock, gatherer=gatherer, decisions=decisions, effects=effects
        )

    def _workflow(
        self, workflow: Manifest, snapshot: WorkflowSnapshot, *, now: datetime, settings: Settings
    ) -> Reconciliation:
        assert (now, settings) == (START, SETTINGS)
        self.seen.append(snapshot)
        return self.decide(workflow)

    def _deployment(
        self, deployment: Manifest, snapshot: DeploymentSnapshot, *, now: datetime, settings: Settings
    ) -> Reconciliation:
        assert (now, settings) == (START, SETTINGS)
        self.seen.append(snapshot)
        return self.decide(deployment)

    def turn(self, key: Reference = KEY) -> float | None:
        return asyncio.run(self._turn(key))

    async def _turn(self, key: Reference) -> float | None:
        return await self.reconciler(key)


def names(documents: Any) -> list[str]:
    return [document["metadata"]["name"] for document in documents]


def test_a_workflows_world_is_gathered() -> None:
    scene = Scene(
        WORKFLOW, MODEL, JOB, OTHERS_JOB, POD, LEFT_OVER, SERVER, TEMPLATE, BROKEN_TEMPLATE, NODE, FACES
    )  # fmt: skip
    scene.turn()
    (snapshot,) = scene.seen
    assert names(snapshot.jobs) == ["train-1"]
    assert names(snapshot.pods) == ["train-1-x", "train-9-x"]
    assert {name: claim and claim["metadata"]["name"] for name, claim in snapshot.claims.items()} == {
        "digits-artifacts": None,
        "faces": "faces",
    }
    assert snapshot.deployment["metadata"]["name"] == "digits"
    assert [template.name for template in snapshot.templates] == ["vgg"]
    assert names(snapshot.nodes) == ["n"]
    assert snapshot.progress == {"train-1": PROGRESS}
    assert scene.meter.asked == ["train-1-x"]


def ended(kind: str) -> dict[str, Any]:
    return JOB | {"status": {"conditions": [{"type": kind, "status": "True"}]}}


def pod(phase: str) -> dict[str, Any]:
    of_job = [{"kind": "Job", "name": "train-1", "uid": "j-1", "controller": True}]
    return POD | {"metadata": POD["metadata"] | {"ownerReferences": of_job}, "status": {"phase": phase}}


TOLD = {"tasks": [{"name": "train", "jobName": "train-1", "state": "Succeeded"}]}
UNTOLD = {"tasks": [{"name": "train", "jobName": "train-1", "state": "Running"}]}


@pytest.mark.parametrize(
    ("seen", "looks"),
    [
        pytest.param((WORKFLOW, JOB, pod("Running")), 0, id="it runs"),
        pytest.param((WORKFLOW, ended("Complete"), pod("Succeeded")), 0, id="a pod says how it ended"),
        pytest.param((WORKFLOW, ended("Failed"), pod("Failed")), 0, id="or failed"),
        pytest.param((WORKFLOW | {"status": TOLD}, ended("Complete")), 0, id="the status says how"),
        pytest.param((WORKFLOW | {"status": UNTOLD}, ended("Complete")), 1, id="its pod is gone"),
        pytest.param((WORKFLOW, ended("Complete"), pod("Failed")), 1, id="only a pod that failed is left"),
        pytest.param((WORKFLOW, ended("Failed")), 1, id="it failed and its pod is gone"),
    ],
)
def test_where_nothing_says_how_a_job_ended_it_is_asked_whether_there_is_a_pod(
    seen: tuple[dict[str, Any], ...], looks: int
) -> None:
    scene = Scene(*seen)
    scene.turn()
    assert (len(scene.seen), scene.cluster.selectors) == (1, ["batch.kubernetes.io/job-name in (train-1)"] * looks)
    assert scene.cluster.listed == [(PODS, "vision")] * looks


@pytest.mark.parametrize("before", [(), (pod("Running"),)], ids=["it was never seen", "it was seen to run"])
def test_a_pod_whose_end_is_not_seen_yet_is_waited_for(before: tuple[dict[str, Any], ...]) -> None:
    scene = Scene(WORKFLOW, ended("Complete"), *before)
    newest = scene.cluster.put(pod("Succeeded"))
    with pytest.raises(UnavailableError, match="pods of train-1 have changed and no watch has said so yet"):
        scene.turn()
    assert scene.seen == []
    scene.store.put(newest)
    scene.turn()
    assert [names(snapshot.pods) for snapshot in scene.seen] == [["train-1-x"]]


def test_without_permission_nodes_are_unknown_and_not_none_at_all() -> None:
    scene = Scene(WORKFLOW, sees_nodes=False)
    scene.turn()
    assert scene.seen[0].nodes is None


def test_a_library_of_the_operators_own_stands_for_the_model_templates() -> None:
    own = built_in_library()
    scene = Scene(WORKFLOW, TEMPLATE, library=own)
    scene.turn()
    assert scene.seen[0].templates == own


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_measured_progress_is_progress(outcome: Outcome) -> None:
    scene = Scene(WORKFLOW, JOB, POD)
    scene.meter.answer = Unmeasured(outcome=outcome, message="")
    scene.turn()
    assert scene.seen[0].progress == {}


def test_a_deployments_world_is_gathered_with_objects_of_others_that_have_its_name() -> None:
    foreign = make("v1", "Service", "digits", labels={"foreign": "1"})
    scene = Scene(WORKFLOW, MODEL, SERVER, POD, foreign)
    assert scene.turn(MODEL_KEY) == UNWATCHED_SECONDS
    (snapshot,) = scene.seen
    assert snapshot.workflow["metadata"]["name"] == "digits"
    assert snapshot.deployment is None
    assert snapshot.service["metadata"]["labels"] == {"foreign": "1"}
    assert names(snapshot.pods) == ["serve-x"]


def test_what_is_gone_or_being_deleted_is_not_decided_on() -> None:
    dying = WORKFLOW | {"metadata": WORKFLOW["metadata"] | {"deletionTimestamp": "2026-11-24T12:00:00Z"}}
    for scene in (Scene(), Scene(dying)):
        assert (scene.turn(), scene.seen, scene.cluster.writes) == (None, [], [])


@pytest.mark.parametrize(
    ("wanted", "status", "claims", "after"),
    [
        pytest.param(None, {}, (), UNWATCHED_SECONDS, id="a missing claim is looked for"),
        pytest.param(5.0, {}, (), 5.0, id="the decision's own wish may be earlier"),
        pytest.param(60.0, {}, (), UNWATCHED_SECONDS, id="or later"),
        pytest.param(None, {"completionTime": "t"}, (), None, id="an ended workflow looks for nothing"),
        pytest.param(None, {}, (FACES, ARTIFACTS), None, id="none is missing"),
    ],
)  # fmt: skip
def test_claims_are_looked_for_while_they_are_missing(
    wanted: float | None, status: dict[str, Any], claims: tuple[dict[str, Any], ...], after: float | None
) -> None:
    scene = Scene(WORKFLOW | {"status": status}, *claims)
    scene.decide = lambda _: Reconciliation(requeue_after=wanted)
    assert scene.turn() == after


def test_a_status_that_somebody_wrote_meanwhile_is_read_and_decided_on_at_once() -> None:
    scene = Scene(WORKFLOW)
    scene.cluster.put(WORKFLOW | {"status": {"observedGeneration": 5}})
    scene.decide = lambda workflow: Reconciliation(
        status={"observedGeneration": workflow.get("status", {}).get("observedGeneration", 0) + 1}
    )
    assert scene.turn() == 0.0
    scene.turn()
    assert scene.cluster.objects[KEY]["status"] == {"observedGeneration": 6}


def test_a_child_that_is_another_one_is_waited_for_and_not_asked_for_all_the_time() -> None:
    scene = Scene(WORKFLOW)
    scene.decide = lambda _: Reconciliation(apply=(JOB | {"spec": {"template": {}}},))
    scene.cluster.fail["apply"] = [ConflictError("another uid")]
    assert scene.turn() == CONFLICT_SECONDS


@pytest.mark.parametrize(
    "decision",
    [Reconciliation(status={"observedGeneration": 1}), Reconciliation(apply=(JOB | {"spec": {"template": {}}},))],
    ids=["its status is not found", "it is not found before a creation"],
)
def test_only_a_watch_or_a_list_says_that_a_workflow_is_gone(decision: Reconciliation) -> None:
    scene = Scene(WORKFLOW)
    lost = scene.cluster.objects.pop(KEY)
    scene.decide = lambda _: decision
    assert scene.turn() == CONFLICT_SECONDS
    scene.cluster.put(lost)  # an API server that does not know its CRDs yet answers 404 for everything
    scene.store.put(scene.cluster.objects[KEY])
    scene.turn()
    assert len(scene.cluster.writes) == 1


def test_a_child_that_cannot_be_put_where_its_workflow_is_found_is_a_failure() -> None:
    scene = Scene(WORKFLOW)
    scene.decide = lambda _: Reconciliation(apply=(JOB | {"spec": {"template": {}}},))
    scene.cluster.fail["apply"] = [NotFoundError("namespace")]
    with pytest.raises(NotFoundError):
        scene.turn()


def test_a_taken_name_is_told_and_looked_at_again() -> None:
    scene = Scene(WORKFLOW, OTHERS_JOB)
    mine = OTHERS_JOB | {"metadata": JOB["metadata"] | {"name": "train-0"}, "spec": {"template": {}}}
    scene.decide = lambda _: Reconciliation(apply=(mine,))
    assert scene.turn() == TAKEN_SECONDS
    assert [event.reason for _, event in scene.cluster.events] == ["NameTaken"]


def test_a_refused_child_is_shown_in_the_status_until_it_is_let_in() -> None:
    scene = Scene(WORKFLOW)
    children = [JOB | {"spec": {"template": {}}}]
    scene.decide = lambda _: Reconciliation(apply=tuple(children), status={"refusal": scene.seen[-1].refusal})
    words = ["exceeded quota", "exceeded quota, asked at another time"]
    scene.cluster.fail["apply"] = [ForbiddenError(f"403 Forbidden: {said}", said=said) for said in words]
    shown = "the API server refuses Job train-1: exceeded quota. It is tried again"
    for _ in words:
        with pytest.raises(RefusedError):
            scene.turn()
        assert scene.cluster.objects[KEY]["status"] == {"refusal": shown}
    assert [write for write in scene.cluster.writes if write[0] != "apply"] == [
        ("status", str(KEY)), ("event", "ApplyRefused"),
    ], "words that change are no reason to write again"  # fmt: skip
    scene.turn()
    assert scene.cluster.objects[KEY]["status"] == {"refusal": None}
    children[0] = JOB | {"spec": {"template": {"other": 1}}}
    scene.cluster.fail["apply"] = [InvalidError("422", said="immutable")]
    with pytest.raises(RefusedError):
        scene.turn()
    assert "immutable" in scene.cluster.objects[KEY]["status"]["refusal"]


def test_a_refusal_that_cannot_be_shown_is_raised_all_the_same() -> None:
    scene = Scene(WORKFLOW)
    scene.decide = lambda _: Reconciliation(apply=(JOB | {"spec": {"template": {}}},), status={"x": 1})
    scene.cluster.fail = {"apply": [ForbiddenError("quota")], "replace_status": [ForbiddenError("RBAC")]}
    with pytest.raises(RefusedError, match="quota"):
        scene.turn()


def test_a_fault_of_ours_is_told_at_the_object_and_raised() -> None:
    scene = Scene(WORKFLOW)

    def fault(_: Manifest) -> Reconciliation:
        raise KeyError("secret value")

    scene.decide = fault
    for _ in range(2):
        with pytest.raises(KeyError):
            scene.turn()
    ((_, event),) = scene.cluster.events
    assert event.reason == "OperatorFault"
    assert "KeyError" in event.message
    assert "secret" not in event.message


def test_an_api_server_that_does_not_answer_is_no_fault_of_the_object() -> None:
    scene = Scene(WORKFLOW)
    scene.cluster.fail["get"] = [UnavailableError("no answer")] * 2
    with pytest.raises(UnavailableError):
        scene.turn()
    assert scene.cluster.events == []
