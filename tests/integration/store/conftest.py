"""A real S3 server over TLS with a certificate of an authority of its own, and a proxy before it."""

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from idla_contract.egress import AllowedHosts
from idla_store import FetchPolicy, Keys, S3Access
from typing_extensions import override

from tools.cluster import builds
from tools.cluster.certificates import Authority
from tools.cluster.progress import silent
from tools.ports import held_port
from tools.waiting import PATIENCE, until

KEYS = Keys(access_key_id="reader", secret_access_key="only-of-these-tests")
REGION = "eu-test-1"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; a file of `folder / bucket` is an object."""

    folder: Path
    port: int
    authority: Path

    @property
    def endpoint(self) -> str:
        """Return its address."""
        return f"https://localhost:{self.port}"

    @property
    def policy(self) -> FetchPolicy:
        """Return what an allowed reader has."""
        return FetchPolicy(
            allowed_hosts=AllowedHosts.parse(f"localhost:{self.port}"),
            ca_file=self.authority,
            timeout_seconds=PATIENCE,
            s3=S3Access(keys=KEYS, region=REGION, endpoint=self.endpoint),
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "objects" / "bucket").mkdir(parents=True)
    authority = Authority(folder / "authority")
    certificate, key = authority.server("s3", ["DNS:localhost"])
    port = held_port()
    program = builds.ensure(builds.VERSITYGW, silent)
    words = ["--port", f"127.0.0.1:{port}", "--region", REGION, "--cert", certificate, "--key", key, "--quiet"]
    environment = {"ROOT_ACCESS_KEY": KEYS.access_key_id, "ROOT_SECRET_KEY": KEYS.secret_access_key}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *map(str, words), "posix", "--nometa", folder / "objects"],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environment,
        )
        try:
            _wait(process, port, folder / "server.log")
            yield Server(folder / "objects", port, authority.certificate)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            return False
        return True

    until(answers, lambda: log.read_text()[-2000:])


@dataclass(frozen=True, slots=True)
class Site:
    """A running https server for `localhost` and `data.corp.example`, with a certificate of an authority of its own."""

    port: int
    authority: Path
    files: dict[str, bytes]
    """What it has, by path."""
    statuses: dict[str, int]
    """How it answers for a path; default: 200, or 404 for what it does not have."""
    posted: list[str]
    """The bodies that it was sent."""

    def uri(self, path: str, host: str = "localhost") -> str:
        """Return the address of a file, by a name that the certificate has or another one."""
        return f"https://{host}:{self.port}{path}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    authority = Authority(tmp_path_factory.mktemp("site"))
    certificate, key = authority.server("site", ["DNS:localhost", "DNS:data.corp.example"])
    found = Site(0, authority.certificate, {}, {}, [])

    class QuietServer(ThreadingHTTPServer):
        @override
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of clients that do not trust this server."""

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            body = found.files.get(self.path, b"")
            self.send_response(found.statuses.get(self.path, 200 if self.path in found.files else 404))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            found.posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.do_GET()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with QuietServer(("127.0.0.1", 0), Handler) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        try:
            yield replace(found, port=listener.server_port)
        finally:
            listener.shutdown()
            thread.join()


class Proxy:
    """Carries out CONNECT to this machine, whatever the name, and notes what was asked."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []
        self.status = "200 Connection established"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += client.recv(1)
            target = request.split()[1].decode()
            self.asked.append(target)
            client.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
            if not self.status.startswith("200"):
                return
            with socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2]))) as server:
                there = threading.Thread(target=_copy, args=(client, server), daemon=True)
                there.start()
                _copy(server, client)
                there.join(PATIENCE)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while read := source.recv(1 << 16):
            target.sendall(read)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    found = Proxy()
    yield found
    found.close()
