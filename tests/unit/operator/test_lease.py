"""The Lease as the API server gets it, and the writes that are not sent without it."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from typing import Any

import pytest
from idla_operator.adapters.kube import KubeCluster
from idla_operator.adapters.lease import KubeLease, place_of
from idla_operator.adapters.watchdog import watched
from idla_operator.ports import LeaseRecord, UnavailableError
from kubernetes.aio.client import ApiClient, Configuration

from tests.unit.operator.bad_server import hang, say, server
from tests.unit.operator.fake_cluster import FakeClock
from tools.waiting import PATIENCE

PATH = "/apis/coordination.k8s.io/v1/namespaces/idla-system/leases"
NOON = "2026-11-24T12:00:00.000000Z"
EARLIER = "2026-11-24T11:00:00.000000Z"
JOB: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train", "namespace": "vision"}}


class Keeper:
    """Answers with the document that was sent, as the next version."""

    def __init__(self, document: dict[str, Any] | None) -> None:
        self.document = document
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, request: http.server.BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        self.asked.append((request.command, request.path.partition("?")[0], body))
        if body is not None:
            self.document = {**body, "metadata": {**body["metadata"], "resourceVersion": "8"}}
        if self.document is None:
            say(json.dumps({"reason": "NotFound", "message": "no lease"}), 404)(request)
        else:
            say(json.dumps(self.document))(request)


def document(version: str | None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "idla-operator-leader", "namespace": "idla-system"}
        | ({} if version is None else {"resourceVersion": version, "labels": {"mine": "yes"}}),
        "spec": spec,
    }


HELD = {
    "holderIdentity": "a", "leaseDurationSeconds": 15, "acquireTime": EARLIER, "renewTime": EARLIER,
    "leaseTransitions": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "holder", "spec"),
    [
        pytest.param(
            None, "b",
            {
                "holderIdentity": "b", "leaseDurationSeconds": 15, "acquireTime": NOON, "renewTime": NOON,
                "leaseTransitions": 1,
            },
            id="created",
        ),
        pytest.param(HELD, "a", HELD | {"renewTime": NOON}, id="renewed"),
        pytest.param(
            HELD, "b",
            HELD | {"holderIdentity": "b", "acquireTime": NOON, "renewTime": NOON, "leaseTransitions": 4}, id="taken",
        ),
        pytest.param(HELD, "", HELD | {"holderIdentity": "", "renewTime": NOON}, id="released"),
    ],
)  # fmt: skip
def test_a_write_sends_exactly_this(before: dict[str, Any] | None, holder: str, spec: dict[str, Any]) -> None:
    keeper = Keeper(None if before is None else document("7", **before))

    async def do(cluster: KubeCluster) -> tuple[LeaseRecord | None, LeaseRecord]:
        lease = KubeLease(cluster, FakeClock(), namespace="idla-system", seconds=15.0)
        seen = await lease.read()
        return seen, await lease.write(seen, holder)

    seen, written = call(do, keeper)
    assert seen == (None if before is None else LeaseRecord(version="7", holder="a", seconds=15.0))
    assert written == LeaseRecord(version="8", holder=holder, seconds=15.0)
    if before is None:
        assert keeper.asked[1:] == [("POST", PATH, document(None, **spec))]
    else:
        assert keeper.asked[1:] == [("PUT", f"{PATH}/idla-operator-leader", document("7", **spec))]


def call(do: Any, answer: Any, **options: Any) -> Any:
    async def main(port: int) -> Any:
        async with KubeCluster(ApiClient(Configuration(host=f"http://127.0.0.1:{port}")), **options) as cluster:
            return await do(cluster)

    with server(answer) as (port, _):
        return asyncio.run(main(port))


def test_without_time_left_nothing_is_written_but_everything_read() -> None:
    keeper = Keeper(JOB | {"metadata": JOB["metadata"] | {"resourceVersion": "7", "uid": "j-1"}})

    async def do(cluster: KubeCluster) -> None:
        from idla_operator.ports import JOBS, Reference

        job = Reference(JOBS, "vision", "train")
        await cluster.get(job)
        for write in (cluster.apply(JOB), cluster.create(JOB), cluster.replace(JOB), cluster.replace_status(JOB),
                      cluster.delete(job, uid="j-1")):  # fmt: skip
            with pytest.raises(UnavailableError, match="not sent, because this replica does not lead"):
                await write

    call(do, keeper, may_write_for=lambda: 0.0)
    assert [method for method, _, _ in keeper.asked] == ["GET"]


def test_a_write_is_given_up_when_its_time_is_over() -> None:
    release = threading.Event()

    async def do(cluster: KubeCluster) -> None:
        with pytest.raises(UnavailableError, match="Timeout"):
            await cluster.apply(JOB)
        release.set()

    call(do, hang(release), may_write_for=lambda: 0.2)


def test_the_watchdog_barks_once_when_time_is_up_although_the_event_loop_hangs() -> None:
    until, barked = time.monotonic() + 0.05, threading.Event()
    count: list[None] = []

    def bark() -> None:
        count.append(None)
        barked.set()

    with watched(lambda: until - time.monotonic(), bark):
        assert barked.wait(PATIENCE)
    assert len(count) == 1


def test_the_watchdog_leaves_with_its_context() -> None:
    barked: list[None] = []
    with watched(lambda: 3600.0, lambda: barked.append(None)):
        pass
    assert barked == []
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(("pid", "pod_uid", "place"), [(1, "pod-1", "pod-1"), (1, None, None), (7, "pod-1", None)])
def test_only_the_first_process_of_a_container_that_knows_its_pod_is_alone_in_it(
    monkeypatch: pytest.MonkeyPatch, pid: int, pod_uid: str | None, place: str | None
) -> None:
    monkeypatch.setattr("os.getpid", lambda: pid)
    assert place_of(pod_uid) == place
