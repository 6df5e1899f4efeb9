"""One namespace with the operator and the simulated node at work in it, and what tests do and see there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.integration.operator.process import Audit, Operator
from tests.puppet import Puppet, Rest
from tests.waiting import until

WORKFLOWS, MODELS = "trainingworkflows", "modeldeployments"


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
    puppet: Puppet
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
        return {kind: len(self.puppet.jobs_run(self.namespace, kind)) for kind in ("Profile", "Train", "Compress")}

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

    def serves(self, name: str = "digits") -> dict[str, Any]:
        """Wait until the ModelDeployment is ready."""

        def check() -> dict[str, Any] | None:
            found = self.model(name)
            return found if found and condition(found, "Ready")[0] == "True" else None

        return until(check, lambda: (self.told(name), self.model(name)))

    def runs(self, kind: str, count: int = 1) -> None:
        """Wait until tasks whose first step is of this kind have had `count` Jobs with pods."""
        until(lambda: len(self.puppet.jobs_run(self.namespace, kind)) >= count, self.told)

    def ended_jobs(self, count: int) -> None:
        """Wait until `count` Jobs have ended, whether the operator runs or not."""

        def check() -> bool:
            return sum(bool(_ends(job)) for job in self.jobs()) >= count

        until(check, lambda: [job["status"] for job in self.jobs()])

    def restart(self) -> None:
        """Kill the operator if it runs and start it anew."""
        if self.operator.alive:
            self.operator.kill()
        self.operator.start()

    def told(self, name: str = "digits") -> object:
        """Return what a failed wait shows."""
        document = self.workflow(name) or {}
        status = document.get("status", {})
        return {
            "conditions": status.get("conditions"),
            "tasks": status.get("tasks"),
            "operator": self.operator.log.read_text().splitlines()[-5:],
            "faults": self.puppet.faults,
        }


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
