"""HTTP servers that answer as a test wants them to, badly above all."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from tools.waiting import PATIENCE

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[tuple[int, list[str]]]:
    """Serve every request by `answer`; yield the port and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        do_PATCH = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # the library's names

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield running.server_address[1], asked
        finally:
            # A server whose socket is closed under it turns in circles for the rest of the session.
            running.shutdown()
            thread.join()


def say(content: bytes | str, status: int = 200, **headers: str) -> Answer:
    body = content.encode() if isinstance(content, str) else content

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def hang(release: threading.Event) -> Answer:
    def answer(_: http.server.BaseHTTPRequestHandler) -> None:
        release.wait(PATIENCE)

    return answer
