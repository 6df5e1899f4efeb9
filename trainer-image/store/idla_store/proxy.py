"""The way through a proxy: `CONNECT`, behind which the TLS is with the server itself."""

import socket
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

_ANSWER_BYTES = 1 << 14


def proxy_for(host: str, proxy: str | None, no_proxy: str) -> tuple[str, int] | None:
    """Return host and port of the proxy that leads to a host, or None where none is asked.

    Args:
        host: where the request goes.
        proxy: `http://host:port` or `host:port`; None for none.
        no_proxy: hosts that are reached without it, as the variable NO_PROXY lists them.

    Raises:
        ValueError: the proxy is not of that form; the message does not repeat it, since it may hold a password.
    """
    if not proxy or (no_proxy and proxy_bypass_environment(host, {"no": no_proxy})):
        return None
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme != "http" or not parts.hostname or parts.port is None or parts.username is not None:
        raise ValueError("the proxy is not http://host:port without user and password")
    return parts.hostname, parts.port


def open_tunnel(plain: socket.socket, host: str, port: int) -> None:
    """Ask the proxy at the other end for a connection to a server.

    Raises:
        OSError: it refuses, or says something else than HTTP.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    plain.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # A byte at a time: what is behind the empty line belongs to the server.
        if len(answer) > _ANSWER_BYTES or not (read := plain.recv(1)):
            raise OSError("the proxy gives no answer of HTTP")
        answer += read
    words = answer.split(b"\r\n", 1)[0].split()
    if words[1:2] != [str(int(HTTPStatus.OK)).encode()]:
        status = b" ".join(words[1:2]).decode("ascii", "replace")
        raise OSError(f"the proxy answers {status}")
