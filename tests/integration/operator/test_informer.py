"""What the whole design rests on: kopf notices nothing before everything that exists was seen, and writes nothing."""

import asyncio
import gc
import json
import os
from collections.abc import Mapping
from typing import Any

import kopf
import pytest
from idla_operator.handlers.registry import build_registry
from idla_operator.handlers.settings import build_settings
from idla_operator.ports import JOBS, SERVICES, TEMPLATES, WORKFLOWS, Resource

from tests.cluster import ControlPlane
from tests.puppet import Rest

pytestmark = [pytest.mark.api, pytest.mark.timeout(1200)]  # the first use on a machine builds Kubernetes
WATCHED = (WORKFLOWS, TEMPLATES, JOBS, SERVICES)
COUNT = 25
USER = "informer-test"


class Recorder:
    """An inbox that keeps the order of what it is handed."""

    def __init__(self, enough: asyncio.Event, namespace: str) -> None:
        self.order: list[tuple[str, str, str]] = []
        self._enough = enough
        self._namespace = namespace

    def saw(self, resource: Resource, document: Mapping[str, Any]) -> None:
        self._note("saw", resource, document)

    def changed(self, resource: Resource, document: Mapping[str, Any]) -> None:
        self._note("changed", resource, document)
        if len(self.named("changed")) == 3 * COUNT:
            self._enough.set()

    def deleted(self, resource: Resource, document: Mapping[str, Any]) -> None:
        self._note("deleted", resource, document)

    def named(self, what: str) -> list[tuple[str, str, str]]:
        return [entry for entry in self.order if entry[0] == what]

    def _note(self, what: str, resource: Resource, document: Mapping[str, Any]) -> None:
        if document["metadata"].get("namespace") == self._namespace:
            self.order.append((what, resource.kind, document["metadata"]["name"]))


@pytest.fixture
def namespace(rest: Rest) -> str:
    name = f"informer-{os.getpid()}"
    labels = {"idla.dev/managed": "true"}
    rest.apply("namespaces", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    pod = {"restartPolicy": "Never", "containers": [{"name": "task", "image": "none"}]}
    for number in range(COUNT):
        own = {"name": f"n-{number}", "labels": labels}
        spec = {"task": {"type": "ImageClassification"}, "data": {"storageUri": "sample://digits"}, "suspend": True}
        kinds: dict[str, dict[str, Any]] = {
            "trainingworkflows": {"apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "spec": spec},
            "jobs": {"apiVersion": "batch/v1", "kind": "Job", "spec": {"suspend": True, "template": {"spec": pod}}},
            "services": {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}},
        }
        for plural, document in kinds.items():
            rest.create(plural, name, document | {"metadata": own})
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "foreign"},
        "spec": {"ports": [{"port": 80}]},
    }
    rest.create("services", name, foreign)
    return name


def test_everything_is_seen_before_anything_is_noticed_and_nothing_is_written(
    plane: ControlPlane, namespace: str
) -> None:
    certificate, key = plane.setting.authority.client(USER, ("system:masters",))

    async def main() -> Recorder:
        enough = asyncio.Event()
        recorder = Recorder(enough, namespace)

        async def login() -> kopf.ConnectionInfo:
            return kopf.ConnectionInfo(
                server=plane.url,
                ca_path=str(plane.setting.authority.certificate),
                certificate_path=str(certificate),
                private_key_path=str(key),
            )

        registry = build_registry(WATCHED, recorder, login)
        async with asyncio.timeout(120):
            await kopf.operator(registry=registry, settings=build_settings(WATCHED), clusterwide=True, stop_flag=enough)
        await asyncio.sleep(0.5)  # kopf does not wait until its TLS connections are closed
        return recorder

    recorder = asyncio.run(main())
    gc.collect()  # what is left open shows here and not in another test
    everything = {(kind, f"n-{number}") for kind in ("TrainingWorkflow", "Job", "Service") for number in range(COUNT)}
    first = next(number for number, entry in enumerate(recorder.order) if entry[0] == "changed")
    assert {entry[1:] for entry in recorder.order[:first]} == everything
    assert {entry[1:] for entry in recorder.named("changed")} == everything
    lines = [line for line in plane.audit_log.read_text().splitlines() if USER in line]
    assert lines
    assert {json.loads(line)["verb"] for line in lines} <= {"get", "list", "watch"}
