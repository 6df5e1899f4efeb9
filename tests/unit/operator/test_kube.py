"""The requests that the adapter sends, and what it makes of the answers."""

import asyncio
import http.server
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from idla.core.reconciliation import Event, EventType
from idla_operator.adapters import kube
from idla_operator.adapters.kube import KubeCluster
from idla_operator.ports import (
    JOBS,
    NODES,
    ClusterError,
    ConflictError,
    ExistsError,
    ForbiddenError,
    Identity,
    InvalidError,
    NotFoundError,
    Reference,
    UnavailableError,
)
from kubernetes.aio.client import ApiClient, Configuration

from tests.unit.operator.bad_server import Answer, hang, say, server
from tests.unit.operator.fake_cluster import START

JOB = Reference(JOBS, "vision", "train")
APPLY = "application/apply-patch+yaml; charset=utf-8"
PATH = "/apis/batch/v1/namespaces/vision/jobs/train"
DOCUMENT: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "train", "namespace": "vision", "uid": "j-1", "resourceVersion": "7"},
}
FUTURE = DOCUMENT | {"spec": {"futureField": None, "containers": None}}
"""What the typed models of the client drop or refuse."""
T = Callable[[KubeCluster], Awaitable[Any]]


class Notebook:
    """An answer that keeps what was asked."""

    def __init__(self, content: Any) -> None:
        self.asked: list[tuple[str, str, str, Any]] = []
        self.headers: list[str | None] = []
        self._say = say(json.dumps(content))

    def __call__(self, request: http.server.BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        self.asked.append((request.command, request.path, request.headers["Content-Type"], body))
        self.headers.append(request.headers.get("Authorization"))
        self._say(request)


def call(do: T, answer: Answer, *, token: str | None = None) -> Any:
    with server(answer) as (port, _):
        return call_port(do, port, token=token)


def call_port(do: T, port: int, *, token: str | None = None) -> Any:
    async def main() -> Any:
        configuration = Configuration(host=f"http://127.0.0.1:{port}")
        if token is not None:
            configuration.api_key["BearerToken"] = f"bearer {token}"
        async with KubeCluster(ApiClient(configuration)) as cluster:
            return await do(cluster)

    return asyncio.run(main())


def get(cluster: KubeCluster) -> Awaitable[Any]:
    return cluster.get(JOB)


@pytest.mark.parametrize(
    ("do", "asked"),
    [
        pytest.param(get, ("GET", PATH, "application/json", None), id="get"),
        pytest.param(
            lambda cluster: cluster.apply(DOCUMENT),
            ("PATCH", f"{PATH}?fieldManager=idla-operator&force=true", APPLY, DOCUMENT),
            id="apply",
        ),
        pytest.param(
            lambda cluster: cluster.delete(JOB, uid="j-1"),
            (
                "DELETE", PATH, "application/json",
                {
                    "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
                    "preconditions": {"uid": "j-1"},
                },
            ),
            id="delete",
        ),
        pytest.param(
            lambda cluster: cluster.replace_status(DOCUMENT),
            ("PUT", f"{PATH}/status?fieldManager=idla-operator", "application/json", DOCUMENT),
            id="status",
        ),
    ],
)  # fmt: skip
def test_a_call_sends_exactly_this(do: T, asked: tuple[str, str, str, Any]) -> None:
    notebook = Notebook(FUTURE)
    assert call(do, notebook, token="t-1") in (FUTURE, None)
    assert notebook.asked == [asked]
    assert notebook.headers == ["bearer t-1"]


def test_metadata_alone_is_listed_narrowed_down_by_label() -> None:
    notebook = Notebook({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": DOCUMENT["metadata"]}]})
    listing = call(lambda cluster: cluster.identities(JOBS, limit=3), notebook)
    assert (listing.version, listing.identities) == ("9", (Identity(reference=JOB, uid="j-1", version="7"),))
    assert notebook.asked[0][:2] == ("GET", "/apis/batch/v1/jobs?labelSelector=idla.dev/managed%3Dtrue&limit=3")


def test_one_namespace_alone_is_listed() -> None:
    notebook = Notebook({"metadata": {"resourceVersion": "9"}, "items": []})
    call(lambda cluster: cluster.identities(JOBS, namespace="vision", selector="a in (b)"), notebook)
    path = "/apis/batch/v1/namespaces/vision/jobs?labelSelector=idla.dev/managed%3Dtrue,a+in+(b)"
    assert notebook.asked[0][:2] == ("GET", path)


def test_nodes_are_listed_in_the_core_group() -> None:
    notebook = Notebook({"metadata": {"resourceVersion": "9"}, "items": None})
    assert call(lambda cluster: cluster.identities(NODES), notebook).identities == ()
    assert notebook.asked[0][:2] == ("GET", "/api/v1/nodes")


def test_an_event_is_told_beside_its_object() -> None:
    notebook = Notebook({})
    event = Event(type=EventType.WARNING, reason="ApplyRefused", message="m" * 5000)
    call(lambda cluster: cluster.create_event(DOCUMENT, event, name="train.1", now=START), notebook)
    ((method, path, _, body),) = notebook.asked
    assert (method, path, body["metadata"]) == (
        "POST", "/api/v1/namespaces/vision/events", {"name": "train.1", "namespace": "vision"},
    )  # fmt: skip
    assert (body["involvedObject"]["uid"], body["lastTimestamp"]) == ("j-1", "2026-11-24T12:00:00Z")
    assert len(body["message"]) == 1024


def status(code: int, reason: str) -> Answer:
    return say(json.dumps({"kind": "Status", "reason": reason, "message": "the server's words", "code": code}), code)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(status(400, "BadRequest"), InvalidError, id="400"),
        pytest.param(status(401, "Unauthorized"), UnavailableError, id="401: the token is being replaced"),
        pytest.param(status(403, "Forbidden"), ForbiddenError, id="403"),
        pytest.param(status(404, "NotFound"), NotFoundError, id="404"),
        pytest.param(status(405, "MethodNotAllowed"), ClusterError, id="405"),
        pytest.param(status(409, "Conflict"), ConflictError, id="409"),
        pytest.param(status(409, "AlreadyExists"), ExistsError, id="409 of a name"),
        pytest.param(status(422, "Invalid"), InvalidError, id="422"),
        pytest.param(status(429, "TooManyRequests"), UnavailableError, id="429"),
        pytest.param(status(500, "InternalError"), UnavailableError, id="500"),
        pytest.param(status(504, "Timeout"), UnavailableError, id="504"),
        pytest.param(say("<html>", 502), UnavailableError, id="a proxy's page"),
        pytest.param(say("<html>"), UnavailableError, id="a login page"),
        pytest.param(say("[]"), UnavailableError, id="another document"),
        pytest.param(say('{"kind": "Jo'), UnavailableError, id="half a document"),
        pytest.param(say("x", Content_Encoding="gzip"), UnavailableError, id="a broken encoding"),
    ],
)
def test_an_answer_is_a_typed_error_with_the_servers_words(answer: Answer, error: type[ClusterError]) -> None:
    with pytest.raises(ClusterError) as caught:
        call(get, answer)
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"GET {PATH}: ")


def test_the_servers_own_words_are_kept_for_people() -> None:
    with pytest.raises(ForbiddenError) as caught:
        call(get, status(403, "Forbidden"))
    assert caught.value.said == "the server's words"


def test_a_server_that_is_away_or_hangs_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError):
            call_port(get, closed.getsockname()[1])
    monkeypatch.setattr(kube, "TIMEOUT_SECONDS", 0.1)
    release = threading.Event()
    with server(hang(release)) as (port, _):
        with pytest.raises(UnavailableError, match="Timeout"):
            call_port(get, port)
        release.set()


def test_no_message_holds_the_token() -> None:
    with pytest.raises(UnavailableError) as caught:
        call(get, say("<html>"), token="canary")
    assert "canary" not in repr(caught.value)
    assert "canary" not in repr(caught.value.__cause__)
