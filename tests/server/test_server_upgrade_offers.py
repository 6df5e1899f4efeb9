"""Requests that offer another protocol: they are answered as if they did not."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.server.serving import Artifact, Server, ask, request_of
from tools.waiting import PATIENCE

pytestmark = pytest.mark.trainer

INFER = "/v2/models/tiny/infer"
OFFERS = {
    "h2c of curl": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "h2c in other letters": "connection: keep-alive, upgrade\r\nupgrade: H2C\r\n",
    "websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n",
    "an unknown one": "Connection: Upgrade\r\nUpgrade: other/1\r\n",
    "none": "",
}


def request(offer: str, content: bytes, *, chunked: bool = False) -> tuple[bytes, bytes]:
    """Return head and body."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(content)}"
    half = len(content) // 2
    parts = [content[:half], content[half:], b""]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) if chunked else content
    return f"POST {INFER} HTTP/1.1\r\nHost: x\r\n{OFFERS[offer]}{framing}\r\n\r\n".encode(), body


def answers(port: int, segments: list[bytes], count: int) -> list[tuple[int, Any]]:
    """Return the statuses and the documents that one connection answers."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for segment in segments:
            connection.sendall(segment)
            time.sleep(0.02)
        found = []
        reader = connection.makefile("rb")
        for _ in range(count):
            status = int(reader.readline().split()[1])
            headers = http.client.parse_headers(reader)
            found.append((status, json.loads(reader.read(int(headers["Content-Length"])))))
        return found


SEGMENTS: dict[str, Callable[[bytes, bytes], list[bytes]]] = {
    "one segment": lambda head, body: [head + body],
    "head and body": lambda head, body: [head, body],
    "three of the body": lambda head, body: [head + body[:10], body[10:30], body[30:]],
    "a cut in the head": lambda head, body: [head[:60], head[60:] + body],
}


@pytest.mark.parametrize("cut", SEGMENTS)
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
@pytest.mark.parametrize("offer", OFFERS)
def test_an_offered_upgrade_is_passed_over(
    port: int, artifact: Artifact, offer: str, cut: str, *, chunked: bool
) -> None:
    content = json.dumps(request_of(artifact.inputs, outputs=[{"name": "label"}])).encode()
    outputs = [{"name": "label", "datatype": "BYTES", "shape": [12], "data": artifact.labels}]
    expected = {"model_name": "tiny", "model_version": artifact.version, "outputs": outputs}
    segments = SEGMENTS[cut](*request(offer, content, chunked=chunked))
    assert answers(port, [*segments, *segments], 2) == [(200, expected)] * 2


def test_pipelined_requests_with_and_without_offers_are_answered_in_their_order(port: int, artifact: Artifact) -> None:
    kinds = list(OFFERS) * 100
    contents = [json.dumps(request_of(artifact.inputs[:1], id=str(place))).encode() for place in range(len(kinds))]
    sent = [b"".join(request(offer, content)) for offer, content in zip(kinds, contents, strict=True)]
    found = answers(port, [b"".join(sent)], len(kinds))
    assert [(status, document["id"]) for status, document in found] == [(200, str(n)) for n in range(len(kinds))]


@pytest.mark.parametrize("offer", OFFERS)
def test_a_request_without_a_body_may_offer_too(port: int, offer: str) -> None:
    sent = f"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n{OFFERS[offer]}\r\n".encode()
    assert answers(port, [sent, sent], 2) == [(200, {"live": True})] * 2


REFUSED: dict[str, tuple[bytes, bytes]] = {
    # name: what is sent, how the answer begins
    "a chunk without a length": (request("websocket", b"", chunked=True)[0] + b"xyz\r\n", b"HTTP/1.1 400 "),
    "another host to connect to": (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 4"),
    "HTTP/2 without an offer": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 400 "),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 400 "),
    "two lengths": (
        request("websocket", b"abc", chunked=True)[0].replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"),
        b"HTTP/1.1 400 ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_follows_an_offer_is_judged_as_ever(port: int, server: Server, name: str) -> None:
    sent, begin = REFUSED[name]
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(sent)
        found = connection.makefile("rb").read()
    assert found.startswith(begin)
    assert "error" in json.loads(found.partition(b"\r\n\r\n")[2])
    assert ask(port, "GET", "/v2/health/live").status == 200
    assert [line for line in server.lines() if line.get("level") == "ERROR"] == []
