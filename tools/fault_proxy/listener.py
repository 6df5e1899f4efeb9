"""The side of the proxy that the operator speaks with: one thread a connection."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import override

from tools.fault_proxy.rules import (
    Answer,
    CutAnswer,
    CutWatch,
    Delay,
    DelayEvents,
    Fault,
    HideBookmarks,
    HideEvents,
    KillAfter,
    KillBefore,
    LoseAnswer,
    OldAnswer,
    RepeatEvents,
    Request,
    Reset,
    SayInWatch,
    SilentWatch,
    Stale,
)

PASSED = {"content-type", "retry-after", "audit-id", "warning"}
"""Headers of answers that are passed on."""
_ASKED = {"content-type", "accept", "user-agent"}
_LINGER_NONE = struct.pack("ii", 1, 0)
_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 429: "TooManyRequests"}


@dataclass(frozen=True)
class Answered:
    """What the API server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def version(self) -> str:
        """Return the resourceVersion of the object in the answer; empty where there is none."""
        try:
            document: Any = json.loads(self.body)
        except ValueError:
            return ""
        return str(document.get("metadata", {}).get("resourceVersion", ""))


class Passage(Protocol):
    """What a connection needs of the proxy."""

    faults: list[str]

    def kill(self, again: int) -> None:
        """Kill the operator and start it anew; do so again at this request of its, where that is not 0."""

    def decide(self, method: str, target: str, body: bytes) -> tuple[Request, Fault | None]:
        """Return the request as rules see it and its fault."""

    def note(self, target: str, body: bytes, request: Request, fault: Fault | None, answer: Answered | None) -> None:
        """Record a request."""

    def connect(self) -> http.client.HTTPSConnection:
        """Return a connection to the API server."""

    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answered:
        """Send a request to the API server."""

    def first(self, target: str, *, found: bool) -> Answered | None:
        """Return the first answer to this, or the first that was an object; None where there was none."""

    def watched(self, one: socket.socket, request: Request) -> None:
        """Remember a watch."""

    def forget(self, one: socket.socket) -> None:
        """Forget a watch."""

    def version_now(self) -> str:
        """Return the newest resourceVersion."""

    def age(self, version: str, fault: Stale) -> None:
        """Begin a stale view."""

    def aged(self, request: Request, target: str) -> str:
        """Return the target as it is to be asked for."""


class Listener(http.server.ThreadingHTTPServer):
    """Accepts connections for a proxy."""

    daemon_threads = True

    def __init__(self, port: int, passage: Passage) -> None:
        self.passage = passage
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    @override
    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        one, address = super().get_request()
        self._open.add(one)
        return one, address

    @override
    def shutdown_request(self, request: Any) -> None:
        """Close at once, so that a connection without lingering is reset."""
        self._open.discard(request)
        self.close_request(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: an operator that was killed leaves its connections behind."""

    def reset_all(self) -> None:
        """Reset what is open."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
                one.shutdown(socket.SHUT_RDWR)


class _GoneError(Exception):
    """The operator gets no answer."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Listener

    def do_GET(self) -> None:  # the name that http.server calls
        """Serve a request of any method."""
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # likewise

    @override
    def log_message(self, format: str, *words: Any) -> None:
        """Say nothing; requests are recorded."""

    def _serve(self) -> None:
        passage = self.server.passage
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request, fault = passage.decide(self.command, self.path, body)
        try:
            if request.watch and not isinstance(fault, Answer | Delay | Reset):
                passage.note(self.path, body, request, fault, None)
                self._watch(request, fault)
            else:
                self._once(request, body, fault)
        except (_GoneError, OSError, http.client.HTTPException):
            self._reset()

    def _once(self, request: Request, body: bytes, fault: Fault | None) -> None:
        if self._instead(request, body, fault):
            return
        passage, version = self.server.passage, ""
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        if isinstance(fault, Stale):
            version = passage.version_now()
        headers = {name: value for name, value in self.headers.items() if name.lower() in _ASKED}
        answer = passage.ask(self.command, passage.aged(request, self.path), body, headers)
        passage.note(self.path, body, request, fault, answer)
        match fault:
            case Stale():
                passage.age(version, fault)
                passage.kill(0)
                raise _GoneError
            case KillAfter():
                passage.kill(fault.again)
                raise _GoneError
            case LoseAnswer():
                raise _GoneError
            case CutAnswer():
                self._send(answer, half=True)
                raise _GoneError
            case _:
                self._send(answer)

    def _instead(self, request: Request, body: bytes, fault: Fault | None) -> bool:
        """Do what is done instead of passing the request on; return whether there was such a thing."""
        passage = self.server.passage
        answer: Answered | None = None
        match fault:
            case Answer():
                answer = _refusal(fault)
            case OldAnswer():
                answer = passage.first(self.path, found=fault.found)
                if answer is None:
                    return False
            case Reset() | KillBefore():
                pass
            case _:
                return False
        passage.note(self.path, body, request, fault, None)
        if isinstance(fault, KillBefore):
            passage.kill(fault.again)
        if answer is None:
            raise _GoneError
        self._send(answer)
        return True

    def _send(self, answer: Answered, *, half: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)

    def _reset(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)

    def _watch(self, request: Request, fault: Fault | None) -> None:
        passage = self.server.passage
        target = passage.aged(request, self.path)
        upstream = passage.connect()
        upstream.connect()
        held = upstream.sock
        assert held is not None
        passage.watched(held, request)
        try:
            upstream.request("GET", target, headers={"Accept": self.headers.get("Accept", "application/json")})
            response = upstream.getresponse()
            if response.status != http.client.OK:
                self._send(Answered(response.status, {"Content-Type": "application/json"}, response.read()))
                return
            self._begin()
            self._stream(response, fault)
        finally:
            passage.forget(held)
            upstream.close()

    def _begin(self) -> None:
        self.send_response(http.client.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def _stream(self, response: http.client.HTTPResponse, fault: Fault | None) -> None:
        if isinstance(fault, SayInWatch):
            self._chunk(fault.line)
            self._end()
            return
        for line in _lines(response):
            match fault:
                case CutWatch():
                    self._chunk(line[: len(line) // 2])
                    if fault.reset:
                        raise _GoneError
                    break
                case SilentWatch():
                    continue
                case HideEvents() if _namespace(line) == fault.namespace:
                    continue
                case HideBookmarks() if json.loads(line)["type"] == "BOOKMARK":
                    continue
                case RepeatEvents():
                    self._chunk(line)
                case DelayEvents():
                    time.sleep(fault.seconds)
                case _:
                    pass
            self._chunk(line)
        self._end()

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self.wfile.flush()

    def _end(self) -> None:
        self.close_connection = True
        self.wfile.write(b"0\r\n\r\n")


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the whole lines of a watch until it ends, by whoever ends it."""
    while True:
        try:
            line = response.readline()
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            return  # `end_watches` takes the connection away under the reader
        if not line.endswith(b"\n"):
            return
        yield line


def _namespace(line: bytes) -> str:
    return str(json.loads(line)["object"]["metadata"].get("namespace", ""))


def _refusal(fault: Answer) -> Answered:
    """Return what an API server says with this status."""
    status = {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": _REASONS.get(fault.status, "InternalError"),
        "message": "by the fault proxy",
        "code": fault.status,
    }
    headers = {"Content-Type": "application/json"}
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    return Answered(fault.status, headers, json.dumps(status).encode())
