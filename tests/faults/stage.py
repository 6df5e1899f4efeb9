"""The operator behind the fault proxy, and one run of the workflow of fifteen lines there."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.final import final_state
from tests.integration.operator.scene import MODELS, ONCE, WORKFLOWS, Scene, condition
from tools.cluster import ControlPlane
from tools.fake_kubelet import FakeKubelet, Rest
from tools.fault_proxy.proxy import Proxy, Record
from tools.fault_proxy.rules import Armed, Rule
from tools.operator_processes.process import GROUPS, USER, Audit, Operator, install_with_library
from tools.waiting import PATIENCE, until

REST_SECONDS = 10.0
"""Within which an object that is done is not written to; progress is written every ten seconds."""
QUIET_SECONDS = 5.0
"""Without a request of the operator, after which the run that others are compared with is taken to be over."""
ERROR_410 = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)
"""What a watch says when the version that it was to begin from is forgotten."""
_numbers = itertools.count(1)


@dataclass
class _Rest:
    """A namespace whose workflow is done."""

    namespace: str
    kept: bool
    """Whether it is looked at again."""
    began: float = float("inf")
    """Monotonic seconds when a later workflow was done as well: what was under way for this one was not any more."""
    ended: float = float("inf")


@dataclass
class Stage:
    """Everything that runs, and what became of it."""

    plane: ControlPlane
    rest: Rest
    kubelet: FakeKubelet
    proxy: Proxy
    operator: Operator
    exits: int = 0
    """How often the operator ended by itself."""
    newest: Scene | None = None
    """The scene that was made last."""
    _rests: list[_Rest] = field(default_factory=list)
    _killing: threading.Lock = field(default_factory=threading.Lock)

    def restart(self, again: int = 0) -> None:
        """Kill the operator and start it anew; what it had open is closed.

        Args:
            again: do it once more at this request of the one that was started; 0 for not.
        """
        with self._killing:
            self._restart()
            if again:
                self.proxy.await_requests(again)
                self._restart()

    def _restart(self) -> None:
        self.exits += not self.operator.alive
        self.operator.kill()
        self.proxy.end_watches()
        self.operator.start()

    def scene(self) -> Scene:
        """Make a fresh namespace."""
        name = f"vision-{next(_numbers)}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.rest.apply("namespaces", None, namespace)
        self.newest = Scene(self.rest, self.kubelet, self.operator, Audit(self.plane), name)
        return self.newest

    def explain(self) -> dict[str, str]:
        """Return title and text of what tells why a test failed here."""
        own = {
            "exits of the operator": str(self.exits),
            "faults of the proxy": "\n".join(self.proxy.faults),
        }
        if self.newest is None:
            return own | {"operator": "\n".join(self.operator.lines()[-40:])}
        return own | self.newest.explain()

    def ready(self) -> None:
        """Wait until the operator is ready."""
        until(lambda: self.operator.probe("/readyz") == (200, "ok"), self.operator.log.read_text)

    def run(self, *rules: Rule, like: dict[str, Any] | None = None, patient: bool = False) -> Run:
        """Run the workflow in a fresh namespace under rules.

        Args:
            rules: the faults; watches begin anew where one is for them.
            like: the final state to wait for; without it, the end is enough.
            patient: whether pods wait with their ends, or with being ready, until the status has said that they run:
                so a status that is written late is still written.

        Raises:
            AssertionError: it does not come to its end.
        """
        scene = self.scene()
        try:
            armed = self._run(scene, rules, like, patient=patient)
        except BaseException:
            scene.clear()
            raise
        state = final_state(self.rest, scene.namespace)
        self._clear()
        self._rest_all()
        self._rests.append(_Rest(scene.namespace, kept=like is None))
        self.kubelet.forget(scene.namespace)
        return Run(scene, state, armed, self.proxy.of(scene.namespace))

    def _run(self, scene: Scene, rules: tuple[Rule, ...], like: dict[str, Any] | None, *, patient: bool) -> list[Armed]:
        reins = _Reins(scene) if patient else None
        with self.proxy.under(*rules) as armed:
            if any(rule.match.watch for rule in rules):
                self.proxy.end_watches()
            scene.submit()
            until(lambda: (reins is None or reins.loose()) and _ended(scene), scene.told, patience=2 * PATIENCE)
            self._settle(scene, like, armed)
        return armed

    def _settle(self, scene: Scene, like: dict[str, Any] | None, armed: list[Armed]) -> None:
        """Wait until every fault has been and the final state is as expected, or nothing is written where none is.

        It ends although it is not: the comparison that follows says more than a wait that failed.
        """
        deadline = time.monotonic() + PATIENCE / 4
        while time.monotonic() < deadline:
            if like is None:
                if self._quiet(scene.namespace):
                    return
            elif all(entry.fired for entry in armed) and final_state(self.rest, scene.namespace) == like:
                return
            time.sleep(0.1)

    def writes_at_rest(self) -> list[str]:
        """Watch everything that is done for a while; return every write to it while it was there.

        The last one rests as soon as the operator has seen all that exists and has written nothing for long.
        """
        if self._rests:
            self.ready()
            until(lambda: self._quiet(self._rests[-1].namespace), self.operator.lines)
            self._rest_all()
            time.sleep(REST_SECONDS)
        return [
            f"{record.method} {record.path} {sorted(record.news)}"
            for rest in self._rests
            for record in self.proxy.of(rest.namespace)
            if record.writes and rest.began < record.moment < rest.ended and "/events" not in record.path
        ]

    def _rest_all(self) -> None:
        """Let everything that is done rest from now on."""
        for rest in self._rests:
            rest.began = min(rest.began, time.monotonic())

    def _quiet(self, namespace: str) -> bool:
        """Return whether the operator has asked nothing about a namespace for long."""
        newest = max(record.moment for record in self.proxy.of(namespace))
        return time.monotonic() - newest > QUIET_SECONDS

    def _clear(self) -> None:
        """Delete what has rested long enough: every start of the operator takes longer by all that is there."""
        for rest in self._rests:
            now = time.monotonic()
            if not rest.kept and rest.ended == float("inf") and now > rest.began + 2 * REST_SECONDS:
                rest.ended = now
                for plural in (WORKFLOWS, MODELS):
                    self.rest.delete(plural, rest.namespace, "digits")


@dataclass(frozen=True)
class Run:
    """What one run came to."""

    scene: Scene
    state: dict[str, Any]
    armed: list[Armed]
    records: list[Record]

    def broken(self) -> list[str]:
        """Return every invariant that does not hold."""
        jobs = self.scene.jobs()
        by_task = Counter(job["metadata"]["labels"]["idla.dev/task"] for job in jobs)
        uid = (self.scene.workflow() or {})["metadata"]["uid"]
        found = [f"{count} Jobs for the task {task}" for task, count in by_task.items() if count > 1]
        for job in jobs:
            owners = [owner["uid"] for owner in job["metadata"].get("ownerReferences") or ()]
            if owners != [uid]:
                found.append(f"Job {job['metadata']['name']} has the owners {owners}")
        if self.scene.jobs_by_kind() != ONCE:
            found.append(f"Jobs with pods: {self.scene.jobs_by_kind()}")
        return found + _backwards(self.records)


class _Reins:
    """Holds the pods of a namespace until the status has said that they run."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        for kind in ONCE:
            scene.kubelet.hold(scene.namespace, kind)
        scene.kubelet.serve(scene.namespace, ready=False)

    def loose(self) -> bool:
        """Let go of what the status has told; return whether that is all."""
        scene = self._scene
        tasks = ((scene.workflow() or {}).get("status") or {}).get("tasks") or ()
        told = {task.get("jobName") for task in tasks if task["state"] != "Pending"}
        jobs = {kind: set(scene.kubelet.jobs_run(scene.namespace, kind)) for kind in ONCE}
        runs = [kind for kind, names in jobs.items() if len(names) == ONCE[kind] and names <= told]
        for kind in runs:
            scene.kubelet.release(scene.namespace, kind)
        serves = condition(scene.model(), "Ready")[1] in {"Loading", "Serving"}
        if serves:
            scene.kubelet.serve(scene.namespace, ready=True)
        return serves and len(runs) == len(ONCE)


def _backwards(records: list[Record]) -> list[str]:
    newest: dict[str, int] = {}
    found = []
    for record in records:
        if record.observed and record.writes:
            if record.observed < newest.get(record.path, 0):
                found.append(f"observedGeneration of {record.path} went back to {record.observed}")
            newest[record.path] = record.observed
    return found


def _ended(scene: Scene) -> bool:
    workflow = scene.workflow()
    return (
        condition(workflow, "Succeeded")[0] == "True"
        and condition(workflow, "Deployed")[0] == "True"
        and condition(scene.model(), "Ready")[0] == "True"
    )


@contextmanager
def halfway(stage: Stage) -> Iterator[Scene]:
    """Bring a workflow to its trainings; afterwards both end, and the operator is to finish it in the same process."""
    stage.ready()
    scene = stage.scene()
    try:
        stage.kubelet.hold(scene.namespace, "Train")
        scene.submit()
        scene.runs("Train", 2)
        before = stage.operator.pid
        yield scene
        stage.kubelet.release(scene.namespace, "Train")
        scene.ends_well()
        assert stage.operator.pid == before
        assert stage.operator.probe("/healthz") == (200, "ok")
    finally:
        stage.proxy.listen()
        scene.clear()


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Bring everything up: a control plane of its own, the simulated node, proxy and operator."""
    with ExitStack() as held:
        plane = held.enter_context(ControlPlane(f"faults-test-{os.getpid()}", without=("kube-scheduler",)))
        rest = held.enter_context(Rest(plane))
        install_with_library(rest)
        kubelet = held.enter_context(FakeKubelet(rest))
        proxy = held.enter_context(Proxy(plane, USER, GROUPS))
        kubeconfig = proxy.kubeconfig(folder / "proxy.kubeconfig")
        operator = Operator(plane, folder / "operator.log", kubeconfig=kubeconfig)
        stage = Stage(plane, rest, kubelet, proxy, operator)
        proxy.kill = stage.restart
        operator.start()
        held.callback(operator.kill)
        stage.ready()
        yield stage
