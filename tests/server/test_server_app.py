"""The application alone, without a process: what cannot be made to happen from outside at will."""

import asyncio
import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from idla_artifact.model import ServedModel, load_model
from idla_contract.artifact import digest_of
from idla_server import messages
from idla_server.app import build_app
from idla_server.engine import Engine, Job
from idla_server.service import Limits, Service
from starlette.types import Message
from typing_extensions import override

from tests.server.serving import Artifact, request_of

pytestmark = pytest.mark.trainer

INFER = "/v2/models/tiny/infer"


@dataclass
class Reply:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def call(service: Service, method: str, path: str, body: bytes = b"") -> Reply:
    """Send one request straight to the application."""
    reply = Reply()
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "http_version": "1.1"}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            reply.body += message["body"]

    await build_app(service)(scope, receive, send)
    return reply


def service_of(artifact: Artifact, **limits: int) -> Service:
    return Service("tiny", artifact.digest, Limits(**limits))


def sample(service: Service, name: str, **labels: str) -> float | None:
    return service.metrics.registry.get_sample_value(name, labels)


def test_while_it_loads_it_is_alive_not_ready_and_refuses(artifact: Artifact) -> None:
    async def scenario() -> None:
        service = service_of(artifact)
        replies = {
            path: await call(service, method, path)
            for method, path in [
                ("GET", "/v2"),
                ("GET", "/v2/health/live"),
                ("GET", "/v2/health/ready"),
                ("GET", "/v2/models/tiny/ready"),
                ("GET", "/v2/models/tiny"),
                ("POST", INFER),
            ]
        }
        assert [reply.status for reply in replies.values()] == [200, 200, 503, 503, 503, 503]
        assert json.loads(replies[INFER].body) == {"error": "the model is not loaded yet; try again"}
        assert replies[INFER].headers["retry-after"] == "1"
        assert sample(service, "idla_requests_total", protocol="v2", code="503") is None

    asyncio.run(scenario())


def test_it_is_ready_only_after_the_warm_up_which_is_not_counted(artifact: Artifact) -> None:
    async def scenario() -> None:
        service = service_of(artifact)
        model = load_model(artifact.folder, artifact.digest)
        service.loaded(model, Engine(model, 1, 1))
        content = json.dumps(request_of(artifact.inputs)).encode()
        assert (await call(service, "GET", "/v2/health/ready")).status == 503
        assert (await call(service, "POST", INFER, content)).status == 200
        assert sample(service, "idla_requests_total", protocol="v2", code="200") is None
        service.warmed()
        assert (await call(service, "GET", "/v2/health/ready")).status == 200
        assert (await call(service, "POST", INFER, content)).status == 200
        assert sample(service, "idla_requests_total", protocol="v2", code="200") == 1
        service.close()

    asyncio.run(scenario())


def test_a_signal_while_it_loads_wins(artifact: Artifact) -> None:
    async def scenario() -> None:
        service = service_of(artifact)
        assert not service.drain()
        model = load_model(artifact.folder, artifact.digest)
        service.loaded(model, Engine(model, 1, 1))
        service.warmed()
        assert not service.ready
        service.close()

    asyncio.run(scenario())


class Broken(Engine):
    """An engine with an error of ours."""

    @override
    async def run(self, job: Job, size: int) -> messages.Reply:
        raise RuntimeError("secret")


def test_an_error_of_ours_is_answered_without_its_details_and_counted(artifact: Artifact) -> None:
    async def scenario() -> None:
        service = service_of(artifact)
        model = load_model(artifact.folder, artifact.digest)
        service.loaded(model, Broken(model, 1, 1))
        service.warmed()
        with pytest.raises(RuntimeError, match="secret"):  # uvicorn logs it
            await call(service, "POST", INFER, b"{}")
        assert sample(service, "idla_requests_total", protocol="v2", code="500") == 1
        assert sample(service, "idla_requests_in_flight") == 0
        service.close()

    asyncio.run(scenario())


class Waiting(Engine):
    """An engine that answers when it is told to."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(model, 1, 1)
        self.told = asyncio.Event()

    @override
    async def run(self, job: Job, size: int) -> messages.Reply:
        await self.told.wait()
        return await super().run(job, size)


def test_more_requests_than_it_takes_at_a_time_are_told_to_come_again(artifact: Artifact) -> None:
    async def scenario() -> None:
        service = service_of(artifact, in_flight=2)
        model = load_model(artifact.folder, artifact.digest)
        engine = Waiting(model)
        service.loaded(model, engine)
        service.warmed()
        content = json.dumps(request_of(artifact.inputs)).encode()
        waiting = [asyncio.create_task(call(service, "POST", INFER, content)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await call(service, "POST", INFER, content)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "2 requests" in json.loads(refused.body)["error"]
        engine.told.set()
        assert [(await task).status for task in waiting] == [200, 200]
        assert (await call(service, "POST", INFER, content)).status == 200
        service.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("limits", "content", "status", "part"),
    [
        ({"body_bytes": 10}, b" " * 11, 413, "allowed: 10"),
        ({"batch": 2}, json.dumps(request_of(np.zeros((3, 16)))).encode(), 400, "at most 2"),
    ],
)
def test_the_limits_are_those_that_are_set(
    artifact: Artifact, limits: dict[str, int], content: bytes, status: int, part: str
) -> None:
    async def scenario() -> None:
        service = service_of(artifact, **limits)
        model = load_model(artifact.folder, artifact.digest)
        service.loaded(model, Engine(model, 1, 1))
        reply = await call(service, "POST", INFER, content)
        assert (reply.status, part in json.loads(reply.body)["error"]) == (status, True)
        service.close()

    asyncio.run(scenario())


def test_the_version_is_the_beginning_of_the_digest() -> None:
    digest = digest_of(b"")
    assert Service("tiny", digest, Limits()).version == digest[7:19]
