import base64
import gzip
import io
import json
import math
import socket
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from idla.endpoint import Endpoint
from idla_contract.inference import infer_request
from PIL import Image

from tests.server.serving import LABELS, Answer, Artifact, Client, ask, request_of
from tools.waiting import PATIENCE, until

pytestmark = pytest.mark.trainer

INFER = "/v2/models/tiny/infer"
INPUTS = [{"name": "image", "datatype": "FP32", "shape": [-1, 4, 4, 1]}]
OUTPUTS = [
    {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
    {"name": "label", "datatype": "BYTES", "shape": [-1]},
]


def metrics(client: Client) -> dict[str, float]:
    lines = client.send("GET", "/metrics").content.decode().splitlines()
    return {key: float(value) for key, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def metadata(artifact: Artifact) -> dict[str, Any]:
    return {
        "name": "tiny",
        "versions": [artifact.version],
        "platform": "litert_tflite",
        "inputs": INPUTS,
        "outputs": OUTPUTS,
    }


def test_the_client_of_the_product_is_answered(port: int, artifact: Artifact) -> None:
    endpoint = Endpoint(f"http://127.0.0.1:{port}", "tiny", timeout_seconds=PATIENCE)
    request = infer_request(request_of(artifact.inputs)["inputs"], outputs=["label"], parameters={"k": 3})
    labels = {"name": "label", "datatype": "BYTES", "shape": [12], "data": artifact.labels}
    assert (endpoint.is_ready(), endpoint.infer(request)) == (True, {"label": labels})


def test_every_route_answers_as_the_protocol_says(client: Client, artifact: Artifact) -> None:
    model, version = "/v2/models/tiny", f"/v2/models/tiny/versions/{artifact.version}"
    expected = {
        "/v2": {"name": "idla", "version": "0.1.0", "extensions": ["binary_tensor_data"]},
        "/v2/": {"name": "idla", "version": "0.1.0", "extensions": ["binary_tensor_data"]},
        "/v2/health/live": {"live": True},
        "/v2/health/ready": {"live": True, "ready": True},
        model: metadata(artifact),
        version: metadata(artifact),
        f"{model}/ready": {"name": "tiny", "ready": True},
        f"{version}/ready": {"name": "tiny", "ready": True},
    }
    answers = {path: client.send("GET", path) for path in expected}
    assert {path: answer.json for path, answer in answers.items()} == expected
    assert {(answer.status, answer.headers["content-type"]) for answer in answers.values()} == {
        (200, "application/json")
    }


@pytest.mark.parametrize("versioned", ["", "with its version"])
def test_images_are_answered_as_keras_answers_them(client: Client, artifact: Artifact, versioned: str) -> None:
    path = f"/v2/models/tiny/versions/{artifact.version}/infer" if versioned else INFER
    answer = client.send("POST", path, request_of(artifact.inputs, id="42"))
    assert answer.status == 200
    found = answer.json
    probabilities = np.array(found["outputs"][0].pop("data"), np.float32).reshape(12, 3)
    np.testing.assert_allclose(probabilities, artifact.probabilities, atol=1e-5)
    assert set(artifact.labels) == set(LABELS)
    assert found == {
        "model_name": "tiny",
        "model_version": artifact.version,
        "id": "42",
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [12, 3]},
            {"name": "label", "datatype": "BYTES", "shape": [12], "data": artifact.labels},
        ],
    }


@pytest.mark.parametrize("shape", [(12, 4, 4, 1), (12, 4, 4), (12, 16)])
@pytest.mark.parametrize("datatype", ["FP32", "FP64", "UINT8", "INT32", "INT64"])
@pytest.mark.parametrize("nested", ["flat", "nested"])
def test_every_form_of_the_same_images_has_the_same_answer(
    client: Client, artifact: Artifact, shape: tuple[int, ...], datatype: str, nested: str
) -> None:
    images = artifact.inputs.reshape(shape).astype(np.float64 if datatype.startswith("FP") else np.int64)
    request = request_of(images, datatype, outputs=[{"name": "label"}])
    if nested == "nested":
        request["inputs"][0]["data"] = images.tolist()
    answer = client.send("POST", INFER, request)
    assert answer.json["outputs"] == [{"name": "label", "datatype": "BYTES", "shape": [12], "data": artifact.labels}]


@pytest.mark.parametrize("count", [1, 7, 8, 33, 1024])
def test_any_batch_is_answered_example_by_example(client: Client, artifact: Artifact, count: int) -> None:
    """The largest one is more than the event loop takes on itself."""
    answer = client.send("POST", INFER, request_of(np.resize(artifact.inputs, (count, 4, 4, 1))))
    assert answer.json["outputs"][1]["data"] == (artifact.labels * math.ceil(count / 12))[:count]
    probabilities = np.array(answer.json["outputs"][0]["data"]).reshape(count, 3)
    np.testing.assert_allclose(probabilities, np.resize(artifact.probabilities, (count, 3)), atol=1e-5)


def pictures(*images: Image.Image) -> dict[str, Any]:
    data = []
    for image in images:
        file = io.BytesIO()
        image.save(file, "PNG")
        data.append(base64.b64encode(file.getvalue()).decode())
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(data)], "data": data}]}


def test_picture_files_are_answered_as_their_pixels_are(client: Client) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    answer = client.send("POST", INFER, pictures(*map(Image.fromarray, pixels)))
    expected = client.send("POST", INFER, request_of(pixels * np.float32(16 / 255)))
    assert (answer.status, answer.json["outputs"]) == (200, expected.json["outputs"])


GOOD = request_of(np.zeros((1, 4, 4)))
# name: method, path, body, headers, status, parts of the message
REFUSED: dict[str, tuple[str, str, Any, dict[str, str], int, list[str]]] = {
    "no such page": ("GET", "/v1", None, {}, 404, ["/v1", "/v2"]),
    "no such model": ("GET", "/v2/models/other", None, {}, 404, ["'other'", "'tiny'"]),
    "no such model to be ready": ("GET", "/v2/models/other/ready", None, {}, 404, ["'other'", "'tiny'"]),
    "no such model to ask": ("POST", "/v2/models/other/infer", GOOD, {}, 404, ["'other'", "'tiny'"]),
    "no such version": ("GET", "/v2/models/tiny/versions/1", None, {}, 404, ["version", "'1'"]),
    "no such version to ask": ("POST", "/v2/models/tiny/versions/1/infer", GOOD, {}, 404, ["version", "'1'"]),
    "a wrong method": ("GET", INFER, None, {}, 405, ["GET", "POST"]),
    "a wrong method of metadata": ("POST", "/v2/models/tiny", GOOD, {}, 405, ["POST", "GET"]),
    "no body": ("POST", INFER, None, {}, 400, ["the body", "JSON"]),
    "no JSON": ("POST", INFER, b"\xff\x00", {}, 400, ["the body", "JSON"]),
    "NaN": ("POST", INFER, b'{"inputs": [NaN]}', {}, 400, ["neither NaN nor Infinity"]),
    "beyond 32 bits": ("POST", INFER, request_of(np.full((1, 4, 4), 1e39), "FP64"), {}, 400, ["example 0", "finite"]),
    "no finite answer": (
        "POST",
        INFER,
        request_of(np.full((1, 4, 4), 3e38)),
        {},
        400,
        ["example 0", "the range of training"],
    ),
    "no picture": (
        "POST",
        INFER,
        {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["aGVsbG8="]}]},
        {},
        400,
        ["image, example 0", "a whole JPEG or PNG file"],
    ),
    "a picture of many pixels": (
        "POST",
        INFER,
        pictures(Image.new("1", (5000, 4000))),
        {},
        400,
        ["5000 x 4000 pixels", "at most 16000000"],
    ),
    "another size": ("POST", INFER, request_of(np.zeros((1, 5, 5))), {}, 400, ["image", "[1, 5, 5]", "[N, 4, 4, 1]"]),
    "no example": (
        "POST",
        INFER,
        {"inputs": [{"name": "image", "datatype": "FP32", "shape": [0, 16], "data": []}]},
        {},
        400,
        ["inputs[0].data", "at least one example"],
    ),
    "too many examples": ("POST", INFER, request_of(np.zeros((1025, 16))), {}, 400, ["a batch of 1025", "1024"]),
    "an unknown output": (
        "POST",
        INFER,
        GOOD | {"outputs": [{"name": "scores"}]},
        {},
        400,
        ["outputs[0].name", "'scores'", "`probabilities` or `label`"],
    ),
    "too large": ("POST", INFER, b" " * ((16 << 20) + 1), {}, 413, ["16777216"]),
    "an unknown compression": (
        "POST",
        INFER,
        GOOD,
        {"Content-Encoding": "br"},
        415,
        ["'br'", "gzip, deflate, or none"],
    ),
    "no gzip": ("POST", INFER, GOOD, {"Content-Encoding": "gzip"}, 400, ["the body: found no gzip"]),
    "half a gzip": (
        "POST",
        INFER,
        gzip.compress(json.dumps(GOOD).encode())[:-9],
        {"Content-Encoding": "gzip"},
        400,
        ["gzip with no end", "one whole gzip stream"],
    ),
    "a gzip and more": (
        "POST",
        INFER,
        gzip.compress(json.dumps(GOOD).encode()) + b"more",
        {"Content-Encoding": "gzip"},
        400,
        ["gzip with bytes behind its end"],
    ),
    "a small gzip of much": (
        "POST",
        INFER,
        gzip.compress(b" " * (200 << 20)),
        {"Content-Encoding": "gzip"},
        413,
        ["16777216"],
    ),
    "a header that is no number": (
        "POST",
        INFER,
        GOOD,
        {"Inference-Header-Content-Length": "-9"},
        400,
        ["Inference-Header-Content-Length: found '-9'", "a whole number"],
    ),
    "a header beyond the body": (
        "POST",
        INFER,
        GOOD,
        {"Inference-Header-Content-Length": "99999"},
        400,
        ["Inference-Header-Content-Length: found 99999", "at most"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_is_answered_clearly_and_harms_nobody(client: Client, artifact: Artifact, name: str) -> None:
    method, path, body, headers, status, parts = REFUSED[name]
    answer = client.send(method, path, body, headers)
    assert answer.status == status, answer
    assert list(answer.json) == ["error"]
    assert [part for part in parts if part not in answer.json["error"]] == []
    again = client.send("POST", INFER, request_of(artifact.inputs, outputs=[{"name": "label"}]))
    assert again.json["outputs"][0]["data"] == artifact.labels


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_compressed_body_is_unpacked(client: Client, artifact: Artifact, encoding: str) -> None:
    content = json.dumps(request_of(artifact.inputs, outputs=[{"name": "label"}])).encode()
    answer = client.send("POST", INFER, PACKED[encoding](content), {"Content-Encoding": encoding})
    assert (answer.status, answer.json["outputs"][0]["data"]) == (200, artifact.labels)


def test_tensors_come_and_go_as_bytes(client: Client, artifact: Artifact) -> None:
    image = {"name": "image", "datatype": "FP32", "shape": [12, 4, 4, 1], "parameters": {"binary_data_size": 768}}
    outputs = [{"name": "label", "parameters": {"binary_data": True}}, {"name": "probabilities"}]
    text = json.dumps({"inputs": [image], "outputs": outputs}).encode()
    body = gzip.compress(text + artifact.inputs.tobytes())
    headers = {"Inference-Header-Content-Length": str(len(text)), "Content-Encoding": "gzip"}
    answer = client.send("POST", INFER, body, headers)
    length = int(answer.headers["inference-header-content-length"])
    found = json.loads(answer.content[:length])["outputs"]
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    labels = b"".join(b"\x03\0\0\0" + label.encode() for label in artifact.labels)
    assert answer.content[length:] == labels
    assert found[0] == {
        "name": "label",
        "datatype": "BYTES",
        "shape": [12],
        "parameters": {"binary_data_size": len(labels)},
    }
    np.testing.assert_allclose(found[1]["data"], artifact.probabilities.ravel(), atol=1e-5)


def test_a_body_without_a_length_is_limited_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(17):
            connection.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")
    assert ask(port, "GET", "/v2/health/live").status == 200


def test_a_client_that_hangs_up_is_no_error(port: int, client: Client) -> None:
    before = metrics(client)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{".encode())
        until(lambda: metrics(client)["idla_requests_in_flight"] == 1, lambda: metrics(client))
    gone = 'idla_requests_total{code="499",protocol="v2"}'
    until(lambda: metrics(client).get(gone, 0) == before.get(gone, 0) + 1, lambda: metrics(client))
    assert metrics(client)["idla_requests_in_flight"] == 0


def test_a_connection_is_kept_and_its_requests_may_be_pipelined(client: Client, port: int, artifact: Artifact) -> None:
    client.send("GET", "/v2")
    first = client.socket
    assert first is not None
    answers = [client.send("POST", INFER, request_of(artifact.inputs)) for _ in range(5)]
    assert client.socket is first
    assert [answer.headers.get("connection") for answer in answers] == [None] * 5
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        received = b""
        while received.count(b'{"live":true}') < 3:
            received += connection.recv(1 << 16)


def test_requests_are_counted_by_their_answers(client: Client, artifact: Artifact) -> None:
    name = 'idla_requests_total{code="%d",protocol="v2"}'
    before = metrics(client)
    sent: list[Answer] = [client.send("POST", INFER, request_of(artifact.inputs)) for _ in range(3)]
    sent += [client.send("POST", INFER, b"?"), client.send("POST", "/v2/models/x/infer", GOOD)]
    client.send("GET", "/v2/health/ready")
    after = metrics(client)
    grown = {code: after[name % code] - before.get(name % code, 0) for code in (200, 400, 404)}
    assert [answer.status for answer in sent] == [200, 200, 200, 400, 404]
    assert grown == {200: 3, 400: 1, 404: 1}
    count = "idla_request_duration_seconds_count"
    assert after[count] - before[count] == 5
    assert after[count] == sum(value for key, value in after.items() if key.startswith("idla_requests_total"))
    assert after["idla_request_duration_seconds_sum"] > before["idla_request_duration_seconds_sum"]
    assert after["idla_requests_in_flight"] == 0
    assert after["process_resident_memory_bytes"] > 0


def test_metrics_are_also_told_in_the_open_format(client: Client) -> None:
    answer = client.send("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")
