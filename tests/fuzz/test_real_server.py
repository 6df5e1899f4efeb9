"""Drawn objects through a real API server to the real operator: who lets what in, and what comes of it."""

import http.client
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from idla.api.meta import API_VERSION
from idla.builders.identity import address_name
from idla.core.deployment.reconcile import reconcile_deployment
from idla.core.reconciliation import Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import DeploymentSnapshot

from tests.fuzz.constraints import valid
from tests.fuzz.counts import LARGE, OBJECTS, seen
from tests.fuzz.generators import Spec, specs
from tests.fuzz.mutations import NAMES, bent
from tests.fuzz.schema import KINDS
from tests.integration.api.custom_resources import NAMESPACED, Api
from tests.integration.operator.scene import condition
from tools.cluster import ControlPlane
from tools.fake_kubelet import Rest
from tools.operator_processes.process import Operator, install_with_library, library
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE), LARGE]
TWF, MDEP, MTPL = "TrainingWorkflow", "ModelDeployment", "ModelTemplate"
PLACE = "default"
SHARES = {TWF: 0.5, MDEP: 0.3, MTPL: 0.2}
SAMPLE = min(400, OBJECTS // 4)
"""Objects that are sent, half of them bent."""
BATCH = 40
CONFIGURED = Settings(trainer_image="idla/trainer:test", server_image="idla/server:test")
"""As `Operator` configures the process."""
ROOM = {"cpu": "1000000", "memory": "1000Pi", "ephemeral-storage": "1000Pi", "nvidia.com/gpu": "1000", "pods": "1000"}


@dataclass(frozen=True)
class Sent:
    """An object and what the API server said."""

    kind: str
    name: str
    spec: Spec
    code: int
    answer: Any

    @property
    def accepted(self) -> bool:
        return self.code == http.client.CREATED


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane(f"fuzz-test-{os.getpid()}", without=("kube-scheduler",)) as running:
        yield running


@pytest.fixture(scope="module")
def rest(plane: ControlPlane) -> Iterator[Rest]:
    """Return a client of a cluster that holds every claim that is drawn often, and a node on which all fits."""
    with Rest(plane) as client:
        install_with_library(client)
        client.create("nodes", None, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "large"}})
        client.merge("nodes", None, "large", {"status": {"capacity": ROOM, "allocatable": ROOM}}, sub="status")
        for name in ("faces", "models"):
            amount = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": amount}
            client.create("persistentvolumeclaims", PLACE, claim)
        yield client


@pytest.fixture(scope="module")
def operator(plane: ControlPlane, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    assert rest is not None  # the CRDs come first
    process = Operator(plane, tmp_path_factory.mktemp("operator") / "operator.log")
    process.start()
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture(autouse=True)
def cleared(rest: Rest, operator: Operator) -> Iterator[None]:
    """Take away after each test what it was about, also where it failed, and what the operator complained of."""
    operator.begin()
    yield
    for kind in (TWF, MDEP):
        for entry in rest.items(KINDS[kind].plural, PLACE):
            rest.delete(KINDS[kind].plural, PLACE, entry["metadata"]["name"])
    shipped = {template["metadata"]["name"] for template in library()}
    for name in {entry["metadata"]["name"] for entry in rest.items(KINDS[MTPL].plural)} - shipped:
        rest.delete(KINDS[MTPL].plural, None, name)


def sample(kind: str) -> list[tuple[str, Spec]]:
    """Return drawn objects of a kind with names, half of them valid."""
    found: list[tuple[str, Spec]] = []
    half = max(1, round(SAMPLE * SHARES[kind] / 2))
    for strategy in (specs(kind), bent(kind)):

        @settings(
            max_examples=half,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(NAMES, strategy))
        def draw(one: tuple[str, Spec]) -> None:
            ending = f"-{len(found)}"
            found.append((one[0][: 253 - len(ending)].rstrip("-.") + ending, one[1]))

        draw()
    return found


def send(api: Api, kind: str, name: str, spec: Spec) -> Sent:
    metadata = {"name": name} | ({"namespace": PLACE} if kind in NAMESPACED else {})
    document = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
    return Sent(kind, name, spec, *api.send("POST", kind, "", document))


def judged(sent: Sent) -> None:
    """Check that an object was let in, or refused by a field, and that the types agree."""
    if not sent.accepted:
        assert sent.code in {http.client.BAD_REQUEST, http.client.UNPROCESSABLE_ENTITY}, sent
        assert "spec" in sent.answer["message"], sent
    agreed = sent.accepted == valid(sent.kind, sent.spec)
    assert agreed or (sent.accepted and reviewed(sent.spec)), sent
    seen[f"{sent.kind}, {'accepted' if sent.accepted else 'refused'} by the API server"] += 1


def reviewed(value: Any) -> bool:
    """Return whether the server may take what the types refuse: it stores neither `null` nor 1.0, but nothing and 1."""
    if isinstance(value, dict | list):
        return any(map(reviewed, value.values() if isinstance(value, dict) else value))
    return value is None or (isinstance(value, float) and value.is_integer())


def observed(rest: Rest, kind: str, names: set[str]) -> list[dict[str, Any]]:
    """Wait until the operator has said of every one of the objects what it thinks of its newest generation."""

    def late() -> list[str]:
        return [
            entry["metadata"]["name"]
            for entry in rest.items(KINDS[kind].plural, PLACE)
            if entry["metadata"]["name"] in names
            and entry["status"]["observedGeneration"] != entry["metadata"]["generation"]
        ]

    until(lambda: not late(), late)
    return [entry for entry in rest.items(KINDS[kind].plural, PLACE) if entry["metadata"]["name"] in names]


def asked_again(rest: Rest, document: dict[str, Any]) -> Reconciliation:
    """Return what the core decides about a ModelDeployment on what the API server has."""
    name = address_name(document["metadata"]["name"])
    snapshot = DeploymentSnapshot(
        deployment=rest.get("deployments", PLACE, name), service=rest.get("services", PLACE, name)
    )
    return reconcile_deployment(document, snapshot, now=datetime.now(UTC), settings=CONFIGURED)


def test_workflows(plane: ControlPlane, rest: Rest, operator: Operator) -> None:
    api = Api(plane)
    refused: dict[str, Any] = {}
    for batch in batches(sample(TWF)):
        sent = [send(api, TWF, name, spec) for name, spec in batch]
        for one in sent:
            judged(one)
        for document in observed(rest, TWF, {one.name for one in sent if one.accepted}):
            assert condition(document, "Accepted")[0] in {"True", "False"}, document
            for entry in document["status"]["conditions"]:
                if entry["reason"] == "ApplyRefused":
                    refused[entry["message"]] = document["spec"]
        for one in sent:
            rest.delete(KINDS[TWF].plural, PLACE, one.name)
    assert refused == {}
    assert operator.warnings() == []


def test_deployments(plane: ControlPlane, rest: Rest, operator: Operator) -> None:
    api = Api(plane)
    restless: dict[str, Any] = {}
    for batch in batches(sample(MDEP)):
        sent = [send(api, MDEP, name, spec) for name, spec in batch]
        for one in sent:
            judged(one)
        for document in observed(rest, MDEP, {one.name for one in sent if one.accepted}):
            assert condition(document, "Ready")[0] == "False", document
            again = asked_again(rest, document)
            if again.apply:
                restless[document["metadata"]["name"]] = (document["spec"], again.apply)
        for one in sent:
            rest.delete(KINDS[MDEP].plural, PLACE, one.name)
    assert restless == {}
    assert operator.warnings() == []


def test_templates(plane: ControlPlane, rest: Rest, operator: Operator) -> None:
    api = Api(plane)
    sent = [send(api, MTPL, name, spec) for name, spec in sample(MTPL)]
    for one in sent:
        judged(one)
    chosen = send(api, TWF, "chooser", {"task": {"type": "ImageClassification"}, "data": {"storageUri": "sample://x"}})
    assert chosen.accepted
    observed(rest, TWF, {"chooser"})
    assert operator.warnings() == []


def batches(objects: list[tuple[str, Spec]]) -> Iterator[list[tuple[str, Spec]]]:
    rest = iter(objects)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch
