from typing import Any

import pytest
from idla.builders.identity import label_value
from idla_operator.controllers.cache.affected_keys import affected_keys
from idla_operator.controllers.cache.event_sink import DEBOUNCE_SECONDS, EventSink
from idla_operator.controllers.cache.store import Store
from idla_operator.ports import (
    DEPLOYMENTS,
    JOBS,
    MODEL_DEPLOYMENTS,
    NODES,
    PODS,
    SERVICES,
    TEMPLATES,
    WORKFLOWS,
    Reference,
    Resource,
)

LONG = "w" * 80


def document(resource: Resource, name: str, **parts: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"{resource.kind}-{name}", "resourceVersion": "1", "generation": 1}
    metadata |= {"namespace": "vision"} if resource.namespaced else {}
    metadata |= parts.pop("metadata", {})
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": {}, **parts}


def owned(resource: Resource, name: str, kind: str, owner: str, **labels: str) -> dict[str, Any]:
    owners = [{"kind": kind, "name": owner, "uid": f"{kind}-{owner}", "controller": True}]
    return document(resource, name, metadata={"ownerReferences": owners, "labels": labels})


KEEPER = document(WORKFLOWS, "digits", spec={"deployment": {"mode": "CreateOrUpdate", "name": "endpoint"}})
PLAIN = document(WORKFLOWS, LONG)
DONE = document(WORKFLOWS, "done", status={"observedGeneration": 1, "completionTime": "2026-11-24T12:00:00Z"})
EDITED = document(WORKFLOWS, "edited", metadata={"generation": 2}, status=DONE["status"])
FOLLOWER = document(MODEL_DEPLOYMENTS, "endpoint", spec={"model": {"workflowRef": {"name": "digits"}}})
ALONE = document(MODEL_DEPLOYMENTS, "alone", spec={"model": {"storageUri": "pvc://x/y", "digest": "sha256:00"}})
ELSEWHERE = document(WORKFLOWS, "elsewhere", metadata={"namespace": "other"})
SERVED = document(
    MODEL_DEPLOYMENTS, "served", spec=ALONE["spec"],
    status={"conditions": [{"type": "RolloutSucceeded", "status": "True"}]},
)  # fmt: skip
WORLD = (KEEPER, PLAIN, DONE, EDITED, FOLLOWER, ALONE, SERVED, ELSEWHERE)


def store() -> Store:
    found = Store()
    for entry in WORLD:
        found.put(entry)
    return found


@pytest.mark.parametrize(
    ("resource", "changed", "woken"),
    [
        pytest.param(WORKFLOWS, KEEPER, ["digits", "endpoint"], id="a workflow wakes itself and who follows it"),
        pytest.param(WORKFLOWS, PLAIN, [LONG], id="a workflow that nobody follows wakes itself"),
        pytest.param(MODEL_DEPLOYMENTS, FOLLOWER, ["endpoint", "digits"], id="a deployment wakes itself and its owner"),
        pytest.param(MODEL_DEPLOYMENTS, ALONE, ["alone"], id="a deployment by digest wakes itself"),
        pytest.param(JOBS, owned(JOBS, "j", "TrainingWorkflow", "digits"), ["digits"], id="a job wakes its workflow"),
        pytest.param(JOBS, owned(JOBS, "j", "CronJob", "nightly"), [], id="a job of somebody else wakes nobody"),
        pytest.param(JOBS, document(JOBS, "j"), [], id="a job of nobody wakes nobody"),
        pytest.param(
            PODS, owned(PODS, "p", "Job", "j", **{"idla.dev/workflow": "digits"}), ["digits"],
            id="a pod wakes the workflow of its label, also when its job is gone",
        ),
        pytest.param(
            PODS, owned(PODS, "p", "Job", "j", **{"idla.dev/workflow": label_value(LONG)}), [LONG],
            id="a pod of a workflow with a long name is found by the shortened label",
        ),
        pytest.param(
            PODS, owned(PODS, "p", "ReplicaSet", "r", **{"idla.dev/deployment": "endpoint"}), ["endpoint"],
            id="a serving pod wakes its deployment",
        ),
        pytest.param(PODS, document(PODS, "p"), [], id="a pod without a label wakes nobody"),
        pytest.param(
            DEPLOYMENTS, owned(DEPLOYMENTS, "endpoint", "ModelDeployment", "endpoint"), ["endpoint"],
            id="a serving deployment wakes its owner",
        ),
        pytest.param(SERVICES, document(SERVICES, "endpoint"), ["endpoint"], id="a service wakes who wants its name"),
        pytest.param(
            NODES, document(NODES, "n"), ["elsewhere", "digits", "edited", LONG, "alone", "endpoint"],
            id="a node wakes every workflow that has not ended, and every deployment that does not serve",
        ),
        pytest.param(
            TEMPLATES, document(TEMPLATES, "t"), ["elsewhere", "digits", "edited", LONG],
            id="a template wakes every workflow that has not ended",
        ),
    ],
)  # fmt: skip
def test_a_change_wakes(resource: Resource, changed: dict[str, Any], woken: list[str]) -> None:
    assert [key.name for key in affected_keys(store(), resource, changed)] == woken


class Keys:
    def __init__(self) -> None:
        self.now: list[str] = []
        self.later: list[tuple[str, float]] = []

    def add(self, key: Reference) -> None:
        self.now.append(key.name)

    def add_after(self, key: Reference, seconds: float) -> None:
        self.later.append((key.name, seconds))


def node(*, version: str, heartbeat: str, cpu: str = "8") -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": heartbeat}
    return document(
        NODES, "n", metadata={"resourceVersion": version}, status={"allocatable": {"cpu": cpu}, "conditions": [ready]}
    )


def test_what_is_seen_wakes_nobody_until_it_is_noticed() -> None:
    keys, known = Keys(), Store()
    event_sink = EventSink(known, keys)
    listed = {key: value for key, value in KEEPER.items() if key not in {"apiVersion", "kind"}}  # as in a list
    event_sink.upsert(WORKFLOWS, listed)
    assert (known.get(Reference(WORKFLOWS, "vision", "digits")), keys.now) == (KEEPER, [])
    event_sink.changed(WORKFLOWS, listed)
    assert keys.now == ["digits"]


def test_a_node_wakes_once_in_a_while_and_only_when_something_that_matters_changed() -> None:
    keys, known = Keys(), store()
    event_sink = EventSink(known, keys)
    event_sink.changed(NODES, node(version="1", heartbeat="12:00"))
    first, keys.later = keys.later, []
    assert {seconds for _, seconds in first} == {DEBOUNCE_SECONDS}
    event_sink.changed(NODES, node(version="2", heartbeat="12:05"))
    assert (keys.now, keys.later) == ([], [])
    event_sink.changed(NODES, node(version="3", heartbeat="12:10", cpu="4"))
    assert keys.later == first


def test_a_deletion_is_taken_in_and_wakes() -> None:
    keys, known = Keys(), store()
    EventSink(known, keys).deleted(MODEL_DEPLOYMENTS, FOLLOWER)
    assert (known.get(Reference(MODEL_DEPLOYMENTS, "vision", "endpoint")), keys.now) == (None, ["endpoint", "digits"])
