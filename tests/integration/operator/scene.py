"""One namespace with the operator and the simulated node at work in it, and what tests do and see there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests import red_reports
from tools.cluster import ControlPlane
from tools.fake_kubelet import FakeKubelet, Rest
from tools.operator_processes.process import Audit, Operator
from tools.waiting import until

WORKFLOWS, MODELS = "trainingworkflows", "modeldeployments"
QUIET_SECONDS = 3.0
"""Since the operator's last write to a namespace, after which what was under way there is taken to be done."""
ONCE = {"Profile": 1, "Train": 2, "Select": 1, "Compress": 1}
"""Jobs with pods, by the kind of their first step, of a workflow that nothing is done twice for."""
_MADE = (WORKFLOWS, MODELS, "jobs", "deployments", "pods")
"""Kinds that work or may make work; those who asked for it first."""
_SHOWN_WRITES = 30
_SHOWN_LINES = 40


def condition(document: dict[str, Any] | None, kind: str) -> tuple[str, str]:
    """Return status and reason of a condition, empty where it is missing."""
    for entry in ((document or {}).get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            return entry["status"], entry["reason"]
    return "", ""


@dataclass(frozen=True)
class Scene:
    """What a test has."""

    rest: Rest
    kubelet: FakeKubelet
    operator: Operator
    audit: Audit
    namespace: str

    def submit(self, name: str = "digits", **spec: Any) -> None:
        """Apply a TrainingWorkflow of fifteen lines, or one that differs from it."""
        whole: dict[str, Any] = {
            "task": {"type": "ImageClassification"},
            "data": {"storageUri": "sample://digits"},
            "objectives": [{"metric": "accuracy", "target": "0.97"}],
            "deployment": {"mode": "CreateOrUpdate"},
        }
        whole = {key: value for key, value in (whole | spec).items() if value is not None}
        document = {
            "apiVersion": "idla.dev/v1alpha1",
            "kind": "TrainingWorkflow",
            "metadata": {"name": name},
            "spec": whole,
        }
        self.rest.apply(WORKFLOWS, self.namespace, document)

    def change(self, patch: dict[str, Any], name: str = "digits") -> None:
        """Merge a patch into a TrainingWorkflow, as an edit does."""
        self.rest.merge(WORKFLOWS, self.namespace, name, patch)

    def workflow(self, name: str = "digits") -> dict[str, Any] | None:
        """Return a TrainingWorkflow."""
        return self.rest.get(WORKFLOWS, self.namespace, name)

    def model(self, name: str = "digits") -> dict[str, Any] | None:
        """Return a ModelDeployment."""
        return self.rest.get(MODELS, self.namespace, name)

    def jobs(self) -> list[dict[str, Any]]:
        """Return the Jobs of the namespace."""
        return self.rest.items("jobs", self.namespace)

    def jobs_by_kind(self) -> dict[str, int]:
        """Return how many Jobs had pods, by the kind of their first step."""
        return {kind: len(self.kubelet.jobs_run(self.namespace, kind)) for kind in ONCE}

    def task_pods(self) -> list[dict[str, Any]]:
        """Return the pods of Jobs."""
        return [pod for pod in self.rest.items("pods", self.namespace) if "idla.dev/task" in pod["metadata"]["labels"]]

    def reaches(self, kind: str, status: str, reason: str | None = None, name: str = "digits") -> dict[str, Any]:
        """Wait until a condition of the workflow's newest generation has this status (and reason)."""

        def check() -> dict[str, Any] | None:
            found = self.workflow(name)
            if found is None or found["status"]["observedGeneration"] != found["metadata"]["generation"]:
                return None
            is_status, is_reason = condition(found, kind)
            return found if is_status == status and reason in {None, is_reason} else None

        return until(check, lambda: self.told(name))

    def queues(self, generation: int) -> None:
        """Wait until the operator has seen a generation that is worked on after the tasks of the one before."""

        def check() -> bool:
            status = (self.workflow() or {}).get("status") or {}
            said = {entry["type"]: entry["message"] for entry in status.get("conditions") or ()}
            return str(said.get("Reconciling", "")).startswith(f"generation {generation} waits for the running tasks")

        until(check, self.told)

    def serves(self, name: str = "digits") -> dict[str, Any]:
        """Wait until the ModelDeployment is ready."""

        def check() -> dict[str, Any] | None:
            found = self.model(name)
            return found if found and condition(found, "Ready")[0] == "True" else None

        return until(check, lambda: (self.told(name), self.model(name)))

    def ends_well(self) -> dict[str, Any]:
        """Wait until the workflow has succeeded and its model serves; each task had one Job. Return the workflow."""
        done = self.reaches("Succeeded", "True")
        self.serves()
        assert self.jobs_by_kind() == ONCE
        return done

    def runs(self, kind: str, count: int = 1) -> None:
        """Wait until exactly `count` Jobs of tasks whose first step is of this kind have had pods that run."""
        until(lambda: len(self.kubelet.jobs_run(self.namespace, kind)) == count, self.told)

    def ended_jobs(self, count: int) -> None:
        """Wait until exactly `count` Jobs have ended, whether the operator runs or not."""

        def check() -> bool:
            return sum(bool(_ends(job)) for job in self.jobs()) == count

        until(check, lambda: [job["status"] for job in self.jobs()])

    def rests(self, quiet: float = QUIET_SECONDS) -> None:
        """Wait until the operator has written nothing to this namespace for some seconds: all is said that was to be.

        What is reached has to be waited for before: a machine that is busy elsewhere is quiet as well.
        """
        until(lambda: self.audit.rested(self.namespace) > quiet, lambda: self.audit.writes(self.namespace)[-10:])

    def writes_within(self, seconds: float) -> list[tuple[str, str, str]]:
        """Watch for some seconds in which nothing may happen; return what the operator wrote to this namespace."""
        before = len(self.audit.writes(self.namespace))
        time.sleep(seconds)
        return self.audit.writes(self.namespace)[before:]

    def works(self) -> None:
        """Wait until the operator has seen all that exists."""
        until(lambda: self.operator.probe("/readyz") == (200, "ok"), lambda: self.operator.probe("/readyz"))

    def restart(self) -> None:
        """Kill the operator if it runs and start it anew."""
        if self.operator.alive:
            self.operator.kill()
        self.operator.start()

    def clear(self) -> None:
        """Let go of what is held, take away all that works or makes work, and wait until nothing of it is left.

        Not only who asked for it: what a test cut loose from its owner is collected by nobody.
        """
        self.kubelet.forget(self.namespace)

        def left() -> list[str]:
            found = []
            for plural in _MADE:
                now = {"gracePeriodSeconds": 0} if plural == "pods" else {}
                for entry in self.rest.items(plural, self.namespace):
                    found.append(f"{plural} {entry['metadata']['name']}")
                    self.rest.delete(plural, self.namespace, entry["metadata"]["name"], **now)
            return found

        until(lambda: not left(), left)

    def told(self, name: str = "digits") -> object:
        """Return what a failed wait shows."""
        document = self.workflow(name) or {}
        status = document.get("status", {})
        return {
            "conditions": status.get("conditions"),
            "tasks": status.get("tasks"),
            "operator": self.operator.lines()[-5:],
            "faults": self.kubelet.faults,
        }

    def explain(self) -> dict[str, str]:
        """Return title and text of all that tells why a test failed here; what cannot be had says why."""
        place = self.namespace
        parts: dict[str, Callable[[], str]] = {
            "operator": lambda: "\n".join(self.operator.lines()[-_SHOWN_LINES:]),
            "warnings": lambda: "\n".join(self.operator.warnings()),
            "faults of the simulated node": lambda: "\n".join(self.kubelet.faults),
            "last writes": lambda: "\n".join(self.audit.shown(place, _SHOWN_WRITES)),
            "events": lambda: "\n".join(_event(entry) for entry in self.rest.items("events", place)),
            **{plural: partial(self._objects, plural) for plural in _MADE},
        }
        return {f"{place}: {title}": red_reports.part(ask) for title, ask in parts.items()}

    def _objects(self, plural: str) -> str:
        return "\n".join(map(_object, self.rest.items(plural, self.namespace)))


@contextmanager
def opened(scene: Scene, plane: ControlPlane) -> Iterator[Scene]:
    """Make the namespace of a scene with the operator at work; clear it at the end, and hold the operator to it.

    Raises:
        AssertionError: the operator complained, or the simulated node failed.
    """
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scene.namespace, "labels": labels}}
    scene.operator.begin()
    scene.rest.apply("namespaces", None, namespace)
    scene.operator.start()
    try:
        yield scene
    finally:
        plane.start()  # where a test killed a part of it and failed
        scene.clear()
    assert scene.operator.warnings() == []
    assert scene.kubelet.take_faults() == []


def _event(event: dict[str, Any]) -> str:
    about = event["involvedObject"]
    return f"{event['type']} {about['kind']} {about['name']}: {event['reason']}: {event['message']}"


def _object(document: dict[str, Any]) -> str:
    metadata = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    whole = {"spec": document["spec"]} if document.get("kind") in {"TrainingWorkflow", "ModelDeployment"} else {}
    return json.dumps({"metadata": metadata, **whole, "status": document.get("status")})


def _ends(job: dict[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions") or ()
    return any(entry["type"] in {"Complete", "Failed"} and entry["status"] == "True" for entry in conditions)


def result_of(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return what a run came to, without moments in time and names that hold the object's uid."""
    status = workflow["status"]
    return {
        "conditions": [(entry["type"], entry["status"], entry["reason"]) for entry in status["conditions"]],
        "plan": status["plan"],
        "decisions": [(entry["name"], entry["choice"], entry["reason"]) for entry in status["decisions"]],
        "tasks": [(entry["name"], entry["state"], entry["contentHash"]) for entry in status["tasks"]],
        "data": status["data"],
        "results": status["results"],
        "artifact": status["artifact"],
        "deployment": status["deploymentRef"],
    }
