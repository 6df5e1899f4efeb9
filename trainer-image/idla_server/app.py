"""The routes of the Open Inference Protocol v2 over HTTP, and `/metrics`."""

import time
from http import HTTPStatus
from typing import Any

import orjson
from idla_artifact.model import tensor_metadata
from idla_contract.inference import LIVE, READY, infer_path, model_path
from idla_preprocess import InputError
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idla_server import __version__
from idla_server.binary import EXTENSION, HEADER
from idla_server.messages import Reply
from idla_server.reading import read_body
from idla_server.request_body import BodyTooLargeError
from idla_server.service import Phase, Service

PLATFORM = "litert_tflite"
_PATHS = "/v2, /v2/health/live, /v2/health/ready, /v2/models/NAME and its /ready and /infer, without a slash behind"
_CLIENT_GONE = 499
"""Counted where the client hung up before its request was whole; nobody reads the answer."""


def build_app(service: Service) -> ASGIApp:
    """Return the HTTP application of a service."""
    routes = _Routes(service)
    pairs = [
        ("/v2", routes.server),
        ("/v2/", routes.server),
        (LIVE, routes.live),
        (READY, routes.ready),
        ("/metrics", routes.metrics),
    ]
    listed = [Route(path, endpoint, methods=["GET"]) for path, endpoint in pairs]
    for model in ("{model}", "{model}/versions/{version}"):
        listed += [
            Route(model_path(model), routes.model, methods=["GET"]),
            Route(f"{model_path(model)}/ready", routes.model_ready, methods=["GET"]),
            Route(infer_path(model), routes.infer, methods=["POST"]),
        ]
    app = Starlette(routes=listed, exception_handlers={HTTPException: _refused, Exception: _failed})
    app.router.redirect_slashes = False
    return _PoliteClose(app, service)


class _PoliteClose:
    """Asks clients to close their connections while the service drains, so that the next one goes elsewhere."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_politely(message: Message) -> None:
            if message["type"] == "http.response.start" and self._service.phase is Phase.DRAINING:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_politely)


class _Routes:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def server(self, _: Request) -> Response:
        return _json({"name": "idla", "version": __version__, "extensions": [EXTENSION]})

    async def live(self, _: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        ready = self._service.ready
        return _json({"live": True, "ready": ready}, 200 if ready else 503)

    async def model(self, request: Request) -> Response:
        self._check_path(request)
        model = self._service.model
        if model is None:
            raise _not_loaded()
        return _json(
            {
                "name": self._service.name,
                "versions": [self._service.version],
                "platform": PLATFORM,
                "inputs": [tensor_metadata(tensor) for tensor in model.signature.inputs],
                "outputs": [tensor_metadata(tensor) for tensor in model.signature.outputs],
            }
        )

    async def model_ready(self, request: Request) -> Response:
        self._check_path(request)
        ready = self._service.ready
        return _json({"name": self._service.name, "ready": ready}, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(self._service.metrics.registry), media_type=content_type)

    async def infer(self, request: Request) -> Response:
        service = self._service
        counting, code, start = service.counting, 500, time.perf_counter()
        service.in_flight += 1
        service.metrics.in_flight.set(service.in_flight)
        try:
            self._check_path(request)
            self._check_load()
            body = await read_body(request, service.limits.body_bytes)
            start = time.perf_counter()
            response = _answered(await service.infer(body))
            code = 200
        except InputError as error:
            code = 413 if isinstance(error, BodyTooLargeError) else 400
            response = _json({"error": str(error)}, code)
        except HTTPException as error:
            code = error.status_code
            response = await _refused(request, error)
        except ClientDisconnect:
            code = _CLIENT_GONE
            response = Response(status_code=code)
        finally:
            service.in_flight -= 1
            service.metrics.in_flight.set(service.in_flight)
            if counting:
                service.metrics.count(code, time.perf_counter() - start)
        return response

    def _check_path(self, request: Request) -> None:
        name, version = request.path_params["model"], request.path_params.get("version")
        if name != self._service.name:
            raise HTTPException(404, f"model: found {name[:100]!r}; allowed: {self._service.name!r}")
        if version not in {None, self._service.version}:
            raise HTTPException(404, f"version: found {version[:100]!r}; allowed: {self._service.version!r}")

    def _check_load(self) -> None:
        service = self._service
        if service.model is None:
            raise _not_loaded()
        if service.in_flight > service.limits.in_flight:
            problem = f"{service.limits.in_flight} requests are being answered, which is the most at a time; try again"
            raise HTTPException(503, problem, {"retry-after": "1"})


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _answered(reply: Reply) -> Response:
    if reply.json_bytes is None:
        return Response(reply.content, media_type="application/json")
    headers = {HEADER: str(reply.json_bytes)}
    return Response(reply.content, headers=headers, media_type="application/octet-stream")


def _not_loaded() -> HTTPException:
    return HTTPException(503, "the model is not loaded yet; try again", {"retry-after": "1"})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and text == "Not Found":
        text = f"there is no {request.url.path[:100]!r}; allowed: {_PATHS}"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        text = f"method: found {request.method}; allowed: {(error.headers or {}).get('Allow', 'another one')}"
    response = _json({"error": text}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _failed(_: Request, __: Exception) -> Response:
    return _json({"error": "an error of the server; its log holds the reason"}, 500)
