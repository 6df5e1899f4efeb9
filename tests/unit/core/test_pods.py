"""What is read out of pods about the node that they are on, and whose answer counts."""

from typing import Any

import pytest
from idla.core.kube.pods import lost_node
from idla.core.snapshot import WorkflowSnapshot
from idla.core.workflow.tasks import result_of
from idla_contract.result import TaskResult


def node(name: str, *conditions: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"conditions": list(conditions)}}


def ready(status: str, **more: str) -> dict[str, str]:
    return {"type": "Ready", "status": status, **more}


SILENT = "its node n is not ready: NodeStatusUnknown."
UNTOLD = "its node n is not ready: NotReady."
GONE = "its node n is gone; Kubernetes replaces the pod within minutes"


@pytest.mark.parametrize(
    ("phase", "nodes", "told"),
    [
        pytest.param("Running", [node("n", ready("True"))], None, id="a node that is ready"),
        pytest.param("Running", [node("n")], None, id="a node that says nothing yet"),
        pytest.param("Running", [node("n", ready("Unknown", reason="NodeStatusUnknown"))], SILENT, id="a silent node"),
        pytest.param("Running", [node("n", ready("False"))], UNTOLD, id="no reason given"),
        pytest.param("Running", [node("m", ready("True"))], GONE, id="a node that is gone"),
        pytest.param("Succeeded", [], None, id="a pod that has ended"),
        pytest.param("Running", None, None, id="nodes that may not be seen"),
    ],
)
def test_what_is_told_of_the_node_of_a_pod(phase: str, nodes: list[dict[str, Any]] | None, told: str | None) -> None:
    found = lost_node({"spec": {"nodeName": "n"}, "status": {"phase": phase}}, nodes)
    assert found == told or (found is not None and told is not None and found.startswith(told))


@pytest.mark.parametrize(("content", "counts"), [("a1b2", True), ("c3d4", False)], ids=["its own", "another one's"])
def test_only_the_answer_to_the_jobs_own_work_counts(content: str, *, counts: bool) -> None:
    job = {"metadata": {"name": "j", "annotations": {"idla.dev/content-hash": "a1b2"}}}
    said = TaskResult(task="profile", content_hash=content).to_json()
    ended = {"name": "task", "state": {"terminated": {"exitCode": 0, "message": said}}}
    pod = {
        "metadata": {"name": "p", "ownerReferences": [{"kind": "Job", "name": "j"}]},
        "status": {"phase": "Succeeded", "containerStatuses": [ended]},
    }
    assert (result_of(job, WorkflowSnapshot(pods=(pod,))) is not None) is counts
