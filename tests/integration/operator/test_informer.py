"""What the whole design rests on: kopf notices nothing before everything that exists was seen, and writes nothing."""

import asyncio
import gc
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import kopf
import pytest
from idla_operator.handlers.registry import build_registry
from idla_operator.handlers.settings import build_settings
from idla_operator.ports import JOBS, SERVICES, TEMPLATES, WORKFLOWS, Resource

from tools.cluster import ControlPlane
from tools.fake_kubelet import Rest
from tools.waiting import PATIENCE, WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes
WATCHED = (WORKFLOWS, TEMPLATES, JOBS, SERVICES)
COUNT = 25
USER = "informer-test"


class Recorder:
    """An event sink that keeps the order of what it is handed."""

    def __init__(self, enough: asyncio.Event, namespace: str) -> None:
        self.order: list[tuple[str, str, str]] = []
        self._enough = enough
        self._namespace = namespace

    def upsert(self, resource: Resource, document: Mapping[str, Any]) -> None:
        self._note("upsert", resource, document)

    def changed(self, resource: Resource, document: Mapping[str, Any]) -> None:
        self._note("changed", resource, document)
        # Somebody may write to one of them meanwhile, and it is noticed again.
        if len(set(self.named("changed"))) == 3 * COUNT:
            self._enough.set()

    def deleted(self, resource: Resource, document: Mapping[str, Any]) -> None:
        self._note("deleted", resource, document)

    def named(self, what: str) -> list[tuple[str, str, str]]:
        return [entry for entry in self.order if entry[0] == what]

    def _note(self, what: str, resource: Resource, document: Mapping[str, Any]) -> None:
        if document["metadata"].get("namespace") == self._namespace:
            self.order.append((what, resource.kind, document["metadata"]["name"]))


@pytest.fixture
def namespace(rest: Rest) -> Iterator[str]:
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
    yield name
    for number in range(COUNT):
        rest.delete("trainingworkflows", name, f"n-{number}")
    rest.delete("namespaces", None, name)


def open_connections() -> int:
    """Return how many sockets the running loop listens to, besides that by which it wakes itself."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    return len(loop._selector.get_map()) - 1  # type: ignore[attr-defined]


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
        async with asyncio.timeout(PATIENCE):
            await kopf.operator(registry=registry, settings=build_settings(WATCHED), clusterwide=True, stop_flag=enough)
            # kopf does not wait until its TLS connections are closed, and of that no event tells.
            while open_connections():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return recorder

    recorder = asyncio.run(main())
    gc.collect()  # what is left open shows here and not in another test
    everything = {(kind, f"n-{number}") for kind in ("TrainingWorkflow", "Job", "Service") for number in range(COUNT)}
    first = next(number for number, entry in enumerate(recorder.order) if entry[0] == "changed")
    assert {entry[1:] for entry in recorder.order[:first]} == everything
    assert {entry[1:] for entry in recorder.named("changed")} == everything
    whole = plane.audit_log.read_text().rpartition("\n")[0]
    lines = [line for line in whole.splitlines() if f'"username":"{USER}"' in line]
    assert lines
    assert {json.loads(line)["verb"] for line in lines} <= {"get", "list", "watch"}
