"""The search for secrets in a namespace finds each of them, wherever it stands."""

import copy
from typing import Any

import pytest
from idla.cli.kubectl import KubectlError

from tests.e2e.secret_leaks import SECRET, SETTING, SIGNATURE, SIGNED, revealed

ADDRESS = f"https://data.example/x.npz?{SIGNED}"
ANNOTATIONS = {"idla.dev/task-spec": ADDRESS}


def clean() -> dict[str, list[dict[str, Any]]]:
    """Return objects that have the signature only where the address stands as it was written."""
    job_template = {"metadata": {"annotations": ANNOTATIONS}, "spec": {"containers": [{"name": "task"}]}}
    fetch = {"name": "fetch", "args": ["fetch", "--uri", ADDRESS]}
    found: dict[str, list[dict[str, Any]]] = {
        "events": [{"kind": "Event", "message": "https://data.example/x.npz?***"}],
        "objects": [
            {
                "kind": "TrainingWorkflow", "apiVersion": "idla.dev/v1alpha1", "metadata": {"name": "w"},
                "spec": {"data": {"storageUri": ADDRESS}}, "status": {"conditions": []},
            },
            {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "j"}, "spec": {"template": job_template}},
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "annotations": ANNOTATIONS}, "spec": {}},
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "s"}, "spec": {"initContainers": [fetch]}},
        ],
    }  # fmt: skip
    return copy.deepcopy(found)


class Namespace:
    """kubectl in a namespace with these objects, whose pods log the same."""

    def __init__(self, found: dict[str, list[dict[str, Any]]], log: str = "a log") -> None:
        self.found, self.log = found, log

    def list(self, kinds: str) -> list[dict[str, Any]]:
        return self.found["events" if kinds == "events" else "objects"]

    def __call__(self, *words: str) -> str:
        assert words[0] == "logs"
        if words[1] == "s":
            raise KubectlError('container "server" in pod "s" is waiting to start: PodInitializing')
        return self.log


def search(found: dict[str, list[dict[str, Any]]], *, log: str = "a log", operator: str = "a line") -> list[str]:
    here: Any = Namespace(found, log)
    return revealed(here, [operator])


def test_an_address_where_it_was_written_reveals_nothing() -> None:
    assert search(clean()) == []


@pytest.mark.parametrize("canary", [SECRET, SETTING, SIGNATURE])
def test_logs_are_searched(canary: str) -> None:
    assert search(clean(), operator=f"it is {canary}") == [f"the operator's log: {canary}"]
    assert search(clean(), log=f"it is {canary}") == [f"the log of Pod p: {canary}"]


@pytest.mark.parametrize("canary", [SECRET, SETTING, SIGNATURE])
def test_events_statuses_and_pods_are_searched(canary: str) -> None:
    found = clean()
    found["events"][0]["message"] += canary
    workflow, job, pod, serving = found["objects"]
    workflow["status"]["conditions"] = [{"message": canary}]
    job["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "KEY", "value": canary}]
    pod["metadata"]["annotations"]["other"] = canary
    serving["spec"]["initContainers"][0]["args"].append(canary)
    names = ("Job j", "Pod p", "Pod s", "TrainingWorkflow w", "an event")
    assert search(found) == [f"{name}: {canary}" for name in names]
