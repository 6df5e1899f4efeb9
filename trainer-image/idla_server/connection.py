"""One HTTP/1.1 connection, which passes over offers of another protocol.

Java's HttpClient and `curl --http2` offer `Upgrade: h2c` with each plain request. A server may go on as if they did not
(RFC 9110, 7.8), but httptools ends its work at the offer, and so uvicorn loses the body
(https://github.com/Kludex/uvicorn/issues/2722).
"""

from typing import Any

import httptools
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_NO_REQUEST = (
    b'{"error":"the request: found bytes that are no HTTP/1.1; allowed: HTTP/1.1 without TLS, with a valid head; '
    b'HTTP/2 and TLS have to end before this server"}'
)


class Connection(HttpToolsProtocol):
    """A connection of uvicorn, whose application gets a request that offers an upgrade like any other."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.parser: _Parser = _Parser(self)

    @override
    def data_received(self, data: bytes) -> None:
        """Read on; the head of a request that offers an upgrade is read once more, without the offer."""
        super().data_received(data)
        while not self.transport.is_closing() and (unread := self.parser.unread) is not None:
            head = self._head_without_offer()
            self.parser = _Parser(self)
            super().data_received(head)
            super().data_received(unread)

    @override
    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head has yet to be read without its offer."""
        if not self._offered():
            super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        """End the body, unless it has not begun."""
        if not self._offered():
            super().on_message_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        """Say in JSON what the server speaks, and close: HTTP/2, TLS and other bytes are no requests."""
        del msg
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % len(
            _NO_REQUEST
        )
        self.transport.write(head + b"connection: close\r\n\r\n" + _NO_REQUEST)
        self.transport.close()

    def _offered(self) -> bool:
        # To the parser a CONNECT is an upgrade without an offer.
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])


class _Parser(httptools.HttpRequestParser):
    """A parser that ends at an offer without an error and keeps what it has not read."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.unread: Any = None
        """What came after the head with the offer, a view of the received bytes; None: there was no offer."""
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    @override
    def feed_data(self, data: Any) -> None:
        """Read a part of the stream.

        Raises:
            httptools.HttpParserError: it is no HTTP/1.1.
            httptools.HttpParserUpgrade: a CONNECT came.
        """
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self.get_method() == b"CONNECT":
                raise
            self.unread = memoryview(data)[offer.args[0] :]
