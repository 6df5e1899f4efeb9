"""Two replicas and one Lease: who works, who takes over, and that the one that lost it writes nothing more."""

from __future__ import annotations

import http
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operator.moments import while_training
from tests.integration.operator.scene import Scene
from tools.cluster import ControlPlane
from tools.fake_kubelet import FakeKubelet, Rest
from tools.operator_processes.process import NAMESPACE, Audit, Operator, permit
from tools.operator_processes.replica import HeldWrite, Replica
from tools.waiting import PATIENCE, WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

FIRST, SECOND = (f"system:serviceaccount:{NAMESPACE}:{name}-replica" for name in ("first", "second"))
"""Each replica has an account of its own here, so that the audit log tells them apart."""
REFUSED = "the Role idla-operator is missing or incomplete, apply the overlay that installed the operator again: "
_numbers = itertools.count(1)


class Replicas:
    """A replica that leads and one that waits, in a namespace of their own."""

    def __init__(self, plane: ControlPlane, rest: Rest, kubelet: FakeKubelet, folder: Path) -> None:
        self.rest = rest
        self.first = Replica(plane, folder / "first.log", user=FIRST)
        self.second = Replica(plane, folder / "second.log", user=SECOND)
        name = f"replicas-{next(_numbers)}"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        rest.apply("namespaces", None, namespace)
        self.scene = Scene(rest=rest, kubelet=kubelet, operator=self.second, audit=Audit(plane), namespace=name)

    def lease(self) -> dict[str, Any]:
        return self.rest.get("leases", NAMESPACE, "idla-operator-leader") or {"metadata": {}, "spec": {}}

    @property
    def holder(self) -> str:
        return str(self.lease()["spec"].get("holderIdentity") or "")

    def begin(self) -> str:
        """Start the first, wait until it works, and start the second; return who leads."""
        self.first.start()
        until(lambda: self.holder, self.first.log.read_text)
        until(lambda: self.first.says("leads"), self.first.log.read_text)
        self.second.start()
        until(lambda: self.second.says("waits for its turn"), self.second.log.read_text)
        # It says so before it has asked for the Lease, and is ready when it has seen it.
        until(lambda: self.second.probe("/readyz") == (200, "ok"), self.second.log.read_text)
        return self.holder

    def taken_over_from(self, leader: str) -> str:
        """Wait until somebody else leads, and return who."""
        return until(lambda: self.holder if self.holder not in {"", leader} else "", self.second.log.read_text)

    def works(self, replica: Replica) -> None:
        """Wait until a replica that leads has seen all that exists."""
        until(lambda: replica.probe("/readyz") == (200, "ok"), replica.log.read_text)

    def train(self) -> None:
        """Bring a workflow to its two running trainings."""
        while_training(self.scene)

    def ends_well(self) -> None:
        self.scene.kubelet.release(self.scene.namespace, "Train")
        assert self.scene.ends_well()["status"]["artifact"]


@pytest.fixture
def replicas(
    plane: ControlPlane, rest: Rest, kubelet: FakeKubelet, operator: Operator, tmp_path: Path
) -> Iterator[Replicas]:
    operator.kill()  # the one of the other tests knows of no Lease
    for user in (FIRST, SECOND):
        permit(rest, user.rpartition(":")[2])
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "idla-operator-leader"}}
    rest.apply("leases", NAMESPACE, lease | {"spec": {"holderIdentity": ""}})
    found = Replicas(plane, rest, kubelet, tmp_path)
    try:
        yield found
    finally:
        for process in (found.first, found.second):
            process.clear()
        found.scene.clear()
    assert kubelet.take_faults() == []


@pytest.mark.gate
def test_only_one_works_and_the_other_takes_over_when_that_is_asked_to_end(replicas: Replicas) -> None:
    leader = replicas.begin()
    replicas.train()
    assert replicas.second.writes(replicas.scene.namespace) == []
    assert replicas.first.stop() == 0
    replicas.taken_over_from(leader)
    replicas.ends_well()
    assert replicas.first.says("has released the lease")
    assert replicas.first.warnings() + replicas.second.warnings() == []
    assert replicas.first.refusals() + replicas.second.refusals() == []


def test_the_other_takes_over_from_one_that_was_killed(replicas: Replicas) -> None:
    leader = replicas.begin()
    replicas.train()
    replicas.first.kill()
    replicas.taken_over_from(leader)
    replicas.ends_well()
    assert replicas.second.warnings() == []


def test_one_that_is_woken_after_a_pause_ends_and_writes_nothing(replicas: Replicas) -> None:
    scene = replicas.scene
    leader = replicas.begin()
    replicas.train()
    pid = replicas.first.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    # What it would have to write about, were it awake: it finds both in its watches when it wakes up.
    scene.submit("second", suspend=True, deployment=None)
    scene.kubelet.release(scene.namespace, "Train")
    replicas.taken_over_from(leader)
    before = replicas.first.writes()  # not sooner: what it had sent when it was paused may still have been done
    replicas.ends_well()
    scene.reaches("Suspended", "True", name="second")
    # And something that nobody else has written about, or would.
    replicas.second.kill()
    scene.submit("third", suspend=True, deployment=None)
    os.kill(pid, signal.SIGCONT)
    assert replicas.first.wait() == 1
    assert (scene.workflow("third") or {})["status"] == {"observedGeneration": -1}, "the default of the CRD"
    replicas.second.start()
    scene.reaches("Suspended", "True", name="third")
    assert replicas.first.writes() == before
    assert replicas.first.says("the process ends: the lease")
    assert replicas.second.warnings() == []


def test_a_lease_that_is_deleted_by_hand_stays_with_its_holder(replicas: Replicas) -> None:
    leader = replicas.begin()
    replicas.train()
    uid, before = replicas.lease()["metadata"]["uid"], replicas.second.writes()
    replicas.rest.delete("leases", NAMESPACE, "idla-operator-leader")
    until(lambda: replicas.lease()["metadata"].get("uid") not in {None, uid}, replicas.lease)
    assert replicas.holder == leader
    replicas.ends_well()
    assert (replicas.holder, replicas.first.alive) == (leader, True)
    assert replicas.second.writes() == before


def test_a_rolling_replacement_leaves_a_running_training_alone(replicas: Replicas) -> None:
    scene = replicas.scene
    leader = replicas.begin()
    replicas.train()

    def untouched() -> list[tuple[str, int]]:
        pods = [(pod["metadata"]["uid"], 0) for pod in scene.task_pods()]
        return sorted([*pods, *((job["metadata"]["uid"], job["metadata"]["generation"]) for job in scene.jobs())])

    before = untouched()
    for days, (leaving, staying) in enumerate(itertools.permutations((replicas.first, replicas.second)), start=1):
        assert leaving.stop() == 0
        leader = replicas.taken_over_from(leader)
        replicas.works(staying)
        # An edit that changes no work, by whose answer the new leader is seen to have reconciled.
        scene.change({"spec": {"ttlSecondsAfterFinished": 86400 * days}})
        scene.reaches("Trained", "Unknown")
        assert untouched() == before
        leaving.start()
    replicas.ends_well()
    assert replicas.first.warnings() + replicas.second.warnings() == []


def test_a_replica_that_is_refused_the_lease_says_so_and_is_not_ready_until_it_has_its_role(
    replicas: Replicas,
) -> None:
    rest, second = replicas.rest, replicas.second
    account = SECOND.rpartition(":")[2]
    rest.delete("rolebindings", NAMESPACE, account)
    replicas.first.start()
    until(lambda: replicas.first.says("leads"), replicas.first.log.read_text)
    second.start()
    until(lambda: second.says(REFUSED), second.log.read_text)
    status, text = second.probe("/readyz")
    assert (status, text.startswith(REFUSED), "leases" in text) == (503, True, True)
    assert second.probe("/healthz") == (200, "ok")
    [complaint] = second.warnings()
    assert REFUSED in complaint
    pid, leader = second.pid, replicas.holder
    permit(rest, account)
    until(lambda: second.probe("/readyz") == (200, "ok"), lambda: second.probe("/readyz"))
    assert second.says("the lease is no longer refused")
    assert replicas.first.stop() == 0
    replicas.taken_over_from(leader)
    replicas.works(second)
    assert second.pid == pid
    assert second.warnings() == [complaint]


@pytest.mark.parametrize("done", [True, False], ids=["its answer is held", "the write itself is held"])
def test_one_that_is_asked_to_end_while_it_takes_the_lease_leaves_it_free(
    plane: ControlPlane, replicas: Replicas, tmp_path: Path, *, done: bool
) -> None:
    with HeldWrite(plane, SECOND, done=done) as proxy:
        ending = Replica(plane, tmp_path / "ending.log", kubeconfig=proxy.kubeconfig(tmp_path / "kubeconfig"))
        try:
            ending.start()
            assert proxy.held.wait(PATIENCE)
            assert bool(replicas.holder) is done
            assert ending.stop() == 0
            assert replicas.holder == ""
            assert ending.says("has released the lease")
        finally:
            proxy.let_go.set()
            ending.clear()
        assert proxy.status.get(timeout=PATIENCE) == (http.HTTPStatus.OK if done else http.HTTPStatus.CONFLICT)
    assert replicas.holder == ""
    assert ending.warnings() == []
    replicas.first.start()
    until(lambda: replicas.first.says("leads"), replicas.first.log.read_text)
