"""Downloads over HTTPS that cannot be led into the cluster's own network."""

import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from typing_extensions import override

from idla_store.errors import NotFoundError, RefusedError, UnreachableError, shown

_CHUNK = 1 << 20
_REDIRECTS = 3
_ASSIGNED = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_RESERVED = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20"))
)
"""Reserved networks that Python 3.11 calls global, or did in its earlier releases."""

Resolver = Callable[[str, int], list[str]]


def resolve_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host, without repetition, in the resolver's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What a fetch may do."""

    allowed_hosts: frozenset[str] = frozenset()
    """Hosts that may have an address inside the cluster's network; a host is `name` or `name:port`."""
    allow_file: bool = False
    """Whether `file://` is read: only without a cluster."""
    maximum_bytes: int = 16 << 30
    timeout_seconds: float = 30.0
    """Longest silence of the other side."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    resolver: Resolver = resolve_addresses


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to an address that was checked, whatever a second look-up of the name would answer."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds, context=context)
        self._address = address
        self._tls = context

    @override
    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def download(uri: str, target: Path, policy: FetchPolicy) -> None:
    """Write the bytes of an `https://` URI to `target`; a redirection may not leave the host.

    Raises:
        NotFoundError: the server answers 404 or 410.
        RefusedError: the URI, its address or its size is not allowed, or the server denies access.
        UnreachableError: no answer, an error of the server, or a body cut short.
    """
    origin = _origin(uri, uri)
    current = uri
    for _ in range(_REDIRECTS + 1):
        if _origin(current, uri) != origin:
            problem = f"it redirects to another host ({shown(current)})"
            raise RefusedError(uri, problem, "name the final address as the URI")
        try:
            location = _download_once(uri, current, target, policy)
        except (OSError, http.client.HTTPException) as error:
            problem = f"the server could not be read ({type(error).__name__}: {error})"
            raise UnreachableError(uri, problem, "check the address and the network policy, then try again") from error
        if location is None:
            return
        try:
            current = urljoin(current, location)
        except ValueError:
            raise RefusedError(
                uri, "it redirects to a malformed address", "name the final address as the URI"
            ) from None
    raise UnreachableError(uri, f"more than {_REDIRECTS} redirections", "name the final address as the URI")


def _origin(address: str, uri: str) -> tuple[str, int]:
    """Return host and port."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        # The error's own words would repeat what stands where the port is expected: part of a password.
        raise RefusedError(uri, "its host or port cannot be read", "write https://host/path") from None
    if parts.scheme != "https" or not host:
        raise RefusedError(uri, f"{shown(address)} is not an https:// address with a host", "write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise RefusedError(uri, "it holds credentials", "remove them; credentials do not belong into a URI")
    if any(ord(letter) <= ord(" ") or ord(letter) > ord("~") for letter in address):
        raise RefusedError(uri, "it holds a space, control or non-ASCII character", "percent-encode it")
    return host, port


def _checked_address(uri: str, host: str, port: int, policy: FetchPolicy) -> str:
    """Return the first address of the host after all of them were found to be public."""
    try:
        addresses = policy.resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(uri, f"the host {host} has no address ({error})", "check the name") from error
    if not addresses:
        raise UnreachableError(uri, f"the host {host} has no address", "check the name")
    if not {host, f"{host}:{port}"} & policy.allowed_hosts:
        for address in addresses:
            if not is_public(address):
                problem = f"the host {host} has the address {address}, which is not public"
                raise RefusedError(uri, problem, "use a public host, or have an administrator allow this one")
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an address is one of the public internet, by whatever IPv6 form it may be reached.

    Python knows reserved networks as of its release, and takes what it does not know for public; so only what is
    assigned to the public counts here.
    """
    parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            parsed = inner
        elif parsed not in _ASSIGNED:
            return False
    reserved = any(parsed in network for network in _RESERVED if network.version == parsed.version)
    return parsed.is_global and not parsed.is_multicast and not reserved


def _download_once(uri: str, address: str, target: Path, policy: FetchPolicy) -> str | None:
    """Write the body and return None, or return where the server redirects to."""
    parts = urlsplit(address)
    host, port = _origin(address, uri)
    context = ssl.create_default_context(cafile=None if policy.ca_file is None else str(policy.ca_file))
    pinned = _checked_address(uri, host, port, policy)
    connection = _PinnedConnection(host, port, pinned, context, policy.timeout_seconds)
    with contextlib.closing(connection):
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"User-Agent": "idla", "Accept-Encoding": "identity"})
        with connection.getresponse() as answer:  # else it would hold the connection open after an error
            if answer.status in {301, 302, 303, 307, 308}:
                return answer.headers.get("Location", "")
            _check_status(uri, answer.status)
            _write_body(uri, answer, target, policy.maximum_bytes)
    return None


def _check_status(uri: str, status: int) -> None:
    if status in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE}:
        raise NotFoundError(uri, f"the server answers {status}", "check the path")
    if status in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN}:
        raise RefusedError(uri, f"the server answers {status}", "use an address that needs no login")
    if status != http.HTTPStatus.OK:
        raise UnreachableError(uri, f"the server answers {status}", "try again, or check the server")


def _write_body(uri: str, answer: http.client.HTTPResponse, target: Path, maximum: int) -> None:
    announced = answer.length
    too_large = f"it is larger than the allowed {maximum} bytes"
    if announced is not None and announced > maximum:
        raise RefusedError(uri, too_large, "use a smaller file or raise the limit")
    written = 0
    with target.open("wb") as file:
        while chunk := answer.read(min(_CHUNK, maximum - written + 1)):
            written += len(chunk)
            if written > maximum:
                raise RefusedError(uri, too_large, "use a smaller file or raise the limit")
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if announced is not None and written != announced:
        raise UnreachableError(uri, f"the body ended after {written} of {announced} bytes", "try again")
