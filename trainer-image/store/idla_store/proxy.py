"""The way through a proxy: `CONNECT`, behind which the TLS is with the server itself."""

import ipaddress
import socket
from http import HTTPStatus
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

from idla_contract.egress import proxy_address

_ANSWER_BYTES = 1 << 14


class ProxyError(OSError):
    """The proxy does not answer, or does not open the way."""

    def __init__(self, problem: str, remedy: str = "try again, or ask whoever runs the proxy to let this host through"):
        super().__init__(problem)
        self.remedy = remedy


def proxy_for(host: str, port: int, proxy: str | None, no_proxy: str) -> tuple[str, int] | None:
    """Return host and port of the proxy that leads to a host, or None where none is asked.

    Args:
        host: where the request goes.
        port: likewise.
        proxy: `http://host:port` or `host:port`; None for none.
        no_proxy: hosts that are reached without it, as the variable NO_PROXY lists them: names, domains, `host:port`,
            and networks (`10.0.0.0/8`) for hosts that are addresses.

    Raises:
        ValueError: the proxy is not of that form; the message does not repeat it, since it may hold a password.
    """
    if not proxy or _is_left_out(host, port, no_proxy):
        return None
    return proxy_address(proxy)


def _is_left_out(host: str, port: int, no_proxy: str) -> bool:
    entries = [entry for part in no_proxy.split(",") if (entry := part.strip())]
    named = ",".join(entry.removeprefix("*.") for entry in entries)
    if named and proxy_bypass_environment(host if ":" in host else f"{host}:{port}", {"no": named}):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in map(_network, entries) if network is not None)


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def connect_to_proxy(proxy: tuple[str, int], seconds: float) -> socket.socket:
    """Return a connection to the proxy itself.

    Raises:
        ProxyError: it does not answer.
    """
    try:
        return socket.create_connection(proxy, seconds)
    except OSError as error:
        remedy = "check its address and the network policy, then try again"
        raise ProxyError(f"the proxy {proxy[0]}:{proxy[1]} does not answer ({error})", remedy) from error


def open_tunnel(plain: socket.socket, host: str, port: int) -> None:
    """Ask the proxy at the other end for a connection to a server.

    Raises:
        ProxyError: it refuses, or says something else than HTTP.
        OSError: it is silent or ends.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    plain.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # A byte at a time: what is behind the empty line belongs to the server.
        if len(answer) > _ANSWER_BYTES or not (read := plain.recv(1)):
            raise ProxyError("the proxy gives no answer of HTTP")
        answer += read
    words = answer.split(b"\r\n", 1)[0].split()
    if words[1:2] != [str(int(HTTPStatus.OK)).encode()]:
        status = b" ".join(words[1:2]).decode("ascii", "replace")
        raise ProxyError(f"the proxy answers {status}")
