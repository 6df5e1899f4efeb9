import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.server.serving import ENDLESS, Answer, Artifact, Client, Server, Servers, ask, request_of
from tools.waiting import PATIENCE, until

pytestmark = pytest.mark.trainer

INFER = "/v2/models/tiny/infer"


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionError:
        return False
    return True


class Load:
    """Clients that send without a pause, each on a connection that it keeps as long as the server does."""

    def __init__(self, port: int, artifact: Artifact, clients: int) -> None:
        self.answers: list[list[Answer]] = [[] for _ in range(clients)]
        """Of each client in the order of its requests."""
        self.errors: list[Exception] = []
        self._request = request_of(artifact.inputs[:1])
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(port, own)) for own in self.answers]
        for thread in self._threads:
            thread.start()

    def _send(self, port: int, answers: list[Answer]) -> None:
        client = Client(port)
        try:
            while not self._stopped.is_set():
                answers.append(client.send("POST", INFER, self._request))
        except (OSError, http.client.HTTPException) as error:
            self.errors.append(error)
        finally:
            client.close()

    def wait_for_more(self, count: int) -> list[int]:
        """Wait until each client has this many answers more; return how many each had."""
        known = self.counts()
        until(
            lambda: self.errors or all(now >= was + count for now, was in zip(self.counts(), known, strict=True)),
            self.counts,
        )
        return known

    def counts(self) -> list[int]:
        return [len(own) for own in self.answers]

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def load_on(port: int, artifact: Artifact, *, clients: int) -> Iterator[Load]:
    load = Load(port, artifact, clients)
    try:
        yield load
    finally:
        load.stop()


def test_a_drain_under_constant_load_loses_no_request(artifact: Artifact, serve: Servers) -> None:
    with serve(artifact, "--drain-seconds", ENDLESS) as server:
        with load_on(server.wait_ready(), artifact, clients=4) as load:
            load.wait_for_more(10)
            before = load.counts()
            server.terminate()
            server.wait_not_ready()
            known = load.wait_for_more(10)  # who has not yet heard of it is answered too
        server.terminate()  # the drain is long enough for any machine; nobody needs it any more
        assert server.wait() == 0, server.log.read_text()
        phases = [line["message"] for line in server.lines() if line["message"].startswith("the server is")]
    assert load.errors == []
    assert {answer.status for own in load.answers for answer in own} == {200}
    early = [answer for own, count in zip(load.answers, before, strict=True) for answer in own[:count]]
    assert {answer.headers.get("connection") for answer in early} == {None}
    # The next answer may be to a request from before, the one after it is to a request of the drain.
    late = [answer for own, count in zip(load.answers, known, strict=True) for answer in own[count + 1 :]]
    assert {answer.headers.get("connection") for answer in late} == {"close"}
    assert phases == [f"the server is {phase}" for phase in ("warming", "ready", "draining")]


def test_while_it_drains_it_is_alive_and_not_ready(artifact: Artifact, serve: Servers) -> None:
    with serve(artifact, "--drain-seconds", ENDLESS) as server:
        port = server.wait_ready()
        server.terminate()
        server.wait_not_ready()
        ready, model = ask(port, "GET", "/v2/health/ready"), ask(port, "GET", "/v2/models/tiny/ready")
        assert (ready.status, ready.json) == (503, {"live": True, "ready": False})
        assert (model.status, model.json) == (503, {"name": "tiny", "ready": False})
        assert ask(port, "GET", "/v2/health/live").status == 200
        assert ask(port, "POST", INFER, request_of(artifact.inputs)).status == 200
        assert 'idla_requests_total{code="200",protocol="v2"} 1.0' in ask(port, "GET", "/metrics").content.decode()
        server.terminate()  # a second one does not wait
        assert server.wait() == 0


def half_sent(port: int, artifact: Artifact) -> tuple[socket.socket, bytes]:
    """Return a connection with half a request, and the other half."""
    tensor = '{"inputs":[{"name":"image","datatype":"FP32","shape":[1,16],"data":[%s]}]}'
    body = (tensor % ",".join(str(value) for value in artifact.inputs[0].ravel())).encode()
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:30])

    def metrics() -> bytes:
        return ask(port, "GET", "/metrics").content

    until(lambda: b"idla_requests_in_flight 1.0" in metrics(), metrics)
    return connection, body[30:]


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(1 << 16):
        received += part
    return received


def test_a_request_that_outlasts_the_drain_is_finished(artifact: Artifact, serve: Servers) -> None:
    with serve(artifact, "--drain-seconds", "0", "--finish-seconds", ENDLESS) as server:
        port = server.wait_ready()
        connection, rest = half_sent(port, artifact)
        server.terminate()
        until(lambda: not accepts(port), server.log.read_text)
        assert server.process.poll() is None
        connection.sendall(rest)
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nconnection: close\r\n" in answer
        assert artifact.labels[0].encode() in answer
        assert server.wait() == 0
        connection.close()


def test_a_request_that_never_ends_does_not_hold_the_process(artifact: Artifact, serve: Servers) -> None:
    with serve(artifact, "--drain-seconds", "0", "--finish-seconds", "1") as server:
        connection, _ = half_sent(server.wait_ready(), artifact)
        server.terminate()
        assert server.wait() == 0, server.log.read_text()
        assert [line["given_up"] for line in server.lines() if line["message"] == "ended"] == [1]
        connection.close()


def test_an_idle_connection_does_not_hold_the_process(artifact: Artifact, serve: Servers) -> None:
    with serve(artifact, "--drain-seconds", "0") as server:
        client = Client(server.wait_ready())
        assert client.send("GET", "/v2").status == 200
        server.terminate()
        assert server.wait() == 0
        client.close()


SIGNAL_IN_THE_WARM_UP = """
import asyncio, os, signal, sys, idla_server.serve as command, idla_server.__main__ as program
from idla_contract.result import FailureReason
from idla_artifact.errors import ModelError
async def warm_up(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
    raise ModelError(FailureReason.INTERNAL, "nobody listens any more; try again")
command.warm_up = warm_up
sys.exit(program.main(sys.argv[1:]))
"""


def test_a_signal_before_it_is_ready_is_no_failure(artifact: Artifact, serve: Servers) -> None:
    with serve(artifact, "--drain-seconds", ENDLESS, program=("-c", SIGNAL_IN_THE_WARM_UP)) as server:
        assert server.wait() == 0, server.log.read_text()
        assert [line["message"] for line in server.lines() if "server" in line["message"]] == [
            "the server is warming",
            "the server is draining",
        ]
        assert server.lines()[-1]["message"] == "ended"
        assert not server.termination_message.exists()


def test_a_signal_as_soon_as_it_listens_ends_the_process(artifact: Artifact, serve: Servers) -> None:
    """It may have become ready in between, so that nothing but the end can be asserted."""
    with serve(artifact, "--drain-seconds", "0") as server:
        server.port()
        server.terminate()
        assert server.wait() == 0, server.log.read_text()


def test_a_taken_port_is_said_and_ends_the_process(artifact: Artifact, serve: Servers) -> None:
    with socket.create_server(("", 0)) as taken, serve(artifact, "--port", str(port_of(taken))) as server:
        assert server.wait() == 1
        assert "Address already in use" in server.lines()[-1]["traceback"]


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_the_log_holds_no_content_of_a_request(artifact: Artifact, serve: Servers) -> None:
    with serve(artifact, "--drain-seconds", "0") as server:
        port = server.wait_ready()
        for body in (request_of(artifact.inputs, id="secret"), b"secret", {"inputs": "secret"}):
            ask(port, "POST", INFER, body)
        server.terminate()
        assert server.wait() == 0
        check_log(server)


def check_log(server: Server) -> None:
    assert "secret" not in server.log.read_text()
    for line in server.lines():
        assert line.keys() >= {"time", "level", "logger", "message"}
