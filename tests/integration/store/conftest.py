"""A real S3 server over TLS with a certificate of an authority of its own, and a proxy before it."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from idla_contract.egress import AllowedHosts
from idla_store import FetchPolicy, Keys, S3Access
from typing_extensions import override

from tools.cluster.certificates import Authority
from tools.object_store import IDENTITY, REGION, SECRET, ObjectStore, serving_objects
from tools.tunnel_proxy import Proxy, proxying
from tools.waiting import PATIENCE

KEYS = Keys(access_key_id=IDENTITY, secret_access_key=SECRET)


@dataclass(frozen=True, slots=True)
class Server(ObjectStore):
    """A running server; a file of `folder / bucket` is an object."""

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
    with serving_objects(tmp_path_factory.mktemp("s3")) as store:
        yield Server(store.folder, store.port, store.authority)


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


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxying() as found:
        yield found
