"""A proxy for tests and benchmarks that carries out CONNECT, with or without a login."""

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tools.waiting import PATIENCE


class Proxy:
    """Carries out CONNECT to this machine, whatever the name, and notes what was asked."""

    def __init__(self, login: str | None, challenge: str) -> None:
        """Listen.

        Args:
            login: `user:password` that it demands, or None.
            challenge: what it says that it asks for.
        """
        self._login, self._challenge = login, challenge
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

    def _is_known(self, request: bytes) -> bool:
        """Return whether a request has the login that is demanded."""
        if self._login is None:
            return True
        expected = b"Proxy-Authorization: Basic " + base64.b64encode(self._login.encode())
        return expected in request.split(b"\r\n")

    def _carry(self, client: socket.socket) -> None:
        with client:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += client.recv(1)
            target = request.split()[1].decode()
            self.asked.append(target)
            if not self._is_known(request):
                head = f"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: {self._challenge}\r\n\r\n"
                client.sendall(head.encode())
                return
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


@contextmanager
def proxying(login: str | None = None, *, challenge: str = "Basic realm=proxy") -> Iterator[Proxy]:
    """Run a proxy for the block.

    Args:
        login: `user:password` that it demands. Default: it demands none.
        challenge: what it then says that it asks for.
    """
    found = Proxy(login, challenge)
    try:
        yield found
    finally:
        found.close()
