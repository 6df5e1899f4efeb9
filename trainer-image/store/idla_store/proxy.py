"""The way through a proxy: `CONNECT`, behind which the TLS is with the server itself."""

import base64
import ipaddress
import re
import socket
from http import HTTPStatus
from urllib.parse import unquote
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

from idla_contract.egress import HTTPS_PROXY, PROXY_PASSWORD, PROXY_USER, proxy_address

_ANSWER_BYTES = 1 << 14
_CHALLENGE = re.compile(r"^Proxy-Authenticate:[ \t]*([A-Za-z0-9-]+)", re.IGNORECASE | re.MULTILINE)
_LOGIN_REMEDY = (
    f"have an administrator name a Secret by the operator's setting IDLA_PROXY_SECRET, and put it into this namespace, "
    f"with the keys {PROXY_USER} and {PROXY_PASSWORD}; idla run --local takes both from {HTTPS_PROXY}, "
    "http://user:password@host:port, percent-encoded"
)


class ProxyError(OSError):
    """The proxy does not answer, or does not open the way."""

    def __init__(self, problem: str, remedy: str = "try again, or ask whoever runs the proxy to let this host through"):
        super().__init__(problem)
        self.remedy = remedy


class ProxyLoginError(ProxyError):
    """The proxy wants another login than it gets, which no repetition mends."""


def split_login(proxy: str) -> tuple[str, str | None]:
    """Return a proxy's address without a login, and `user:password` of it, percent-decoded, or None for none."""
    scheme, separator, rest = proxy.rpartition("://")
    login, at, place = rest.rpartition("@")
    return (f"{scheme}{separator}{place}", unquote(login)) if at else (proxy, None)


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


def open_tunnel(plain: socket.socket, host: str, port: int, login: str | None = None) -> None:
    """Ask the proxy at the other end for a connection to a server.

    Args:
        plain: the connection to the proxy.
        host: of the server.
        port: of the server.
        login: `user:password` for the proxy (Basic). Default: none.

    Raises:
        ProxyLoginError: it wants a login, or another one.
        ProxyError: it refuses, or says something else than HTTP.
        OSError: it is silent or ends.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    known = "" if login is None else f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
    plain.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{known}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # A byte at a time: what is behind the empty line belongs to the server.
        if len(answer) > _ANSWER_BYTES or not (read := plain.recv(1)):
            raise ProxyError("the proxy gives no answer of HTTP")
        answer += read
    head = answer.decode("ascii", "replace")
    status = head.partition("\r\n")[0].split()[1:2]
    if status == [str(int(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED))]:
        raise _refused_login(head, given=login is not None)
    if status != [str(int(HTTPStatus.OK))]:
        raise ProxyError(f"the proxy answers {' '.join(status)}")


def _refused_login(head: str, *, given: bool) -> ProxyLoginError:
    """Return what is wrong with a login, from the head of the proxy's answer 407."""
    asked = [word.lower() for word in _CHALLENGE.findall(head)]
    if asked and "basic" not in asked:
        problem = f"the proxy answers 407 and asks for a login by {' or '.join(asked)}, and only basic is known here"
        return ProxyLoginError(problem, "have it take basic, or let these pods through without a login")
    problem = "does not take the user and password that it got" if given else "asks for a user and a password"
    return ProxyLoginError(f"the proxy answers 407: it {problem}", _LOGIN_REMEDY)
