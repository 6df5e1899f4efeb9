"""What a client of the inference protocol sends, and what it makes of answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from idla.endpoint import Endpoint, EndpointError
from idla_contract.inference import infer_request, tensor_document
from typing_extensions import override

from tools.ports import reserved

LABEL = {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["7"]}
INPUT = {"name": "image", "datatype": "FP32", "shape": [1, 2], "data": [0.0, 1.0]}


@contextmanager
def server(status: int, body: str) -> Iterator[tuple[str, list[Any]]]:
    """Answer everything alike; yield the address and what was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, json.loads(content or "null")))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self) -> None:
            self.do_GET()

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}", asked
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({}, {"inputs": [INPUT]}, id="inputs alone"),
        pytest.param(
            {"outputs": ["label"], "parameters": {"k": 3}},
            {"inputs": [INPUT], "outputs": [{"name": "label"}], "parameters": {"k": 3}},
            id="wanted outputs and parameters",
        ),
    ],
)
def test_a_request_names_what_is_given_and_what_is_wanted(more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert infer_request([tensor_document("image", "FP32", (1, 2), [0.0, 1.0])], **more) == expected


@pytest.mark.parametrize("prefix", ["", "/behind/a/proxy"])
def test_a_request_goes_to_the_model_and_its_outputs_come_by_name(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    request = infer_request([INPUT])
    with server(200, json.dumps({"outputs": [LABEL]})) as (url, asked):
        assert Endpoint(url + prefix, "digits").infer(request) == {"label": LABEL}
    assert asked == [("POST", f"{prefix}/v2/models/digits/infer", request)]


def test_a_model_tells_of_its_inputs() -> None:
    when = {"name": "when", "datatype": "BYTES", "shape": [-1], "parameters": {"example": "31.12.2023"}}
    with server(200, json.dumps({"name": "visits", "inputs": [when]})) as (url, asked):
        assert Endpoint(url, "visits").inputs() == {"when": when}
    assert asked == [("GET", "/v2/models/visits", None)]


def test_a_refusal_is_an_error_with_what_the_server_said() -> None:
    with server(400, '{"error": "inputs: found nothing"}') as (url, _), pytest.raises(EndpointError) as refused:
        Endpoint(url, "digits").infer({})
    assert str(refused.value) == f'{url}/v2/models/digits answers 400: {{"error": "inputs: found nothing"}}'


@pytest.mark.parametrize("body", ["all is well", "[]", '{"outputs": [{}]}'])
def test_an_answer_of_something_else_is_an_error(body: str) -> None:
    with server(200, body) as (url, _), pytest.raises(EndpointError, match="does not speak the protocol"):
        Endpoint(url, "digits").infer({})


@pytest.mark.parametrize("status", [200, 503])
def test_a_server_is_ready_where_it_says_so(status: int) -> None:
    with server(status, "") as (url, asked):
        assert Endpoint(url, "digits").is_ready() == (status == 200)
    assert asked == [("GET", "/v2/health/ready", None)]


def test_where_nobody_listens_nothing_is_ready() -> None:
    with reserved() as port:
        endpoint = Endpoint(f"http://127.0.0.1:{port}", "digits")
        assert endpoint.is_ready() is False
        with pytest.raises(EndpointError, match="does not answer: ConnectionRefusedError"):
            endpoint.infer({})


def test_a_person_sends_a_request_by_curl() -> None:
    command = "curl -s http://host/v2/models/digits/infer -H 'Content-Type: application/json' -d '@/tmp/a.json'"
    assert Endpoint("http://host", "digits").curl("@/tmp/a.json") == command
