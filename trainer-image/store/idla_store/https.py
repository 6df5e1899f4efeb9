"""Downloads over HTTPS that cannot be led into the cluster's own network."""

import contextlib
import http.client
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from typing_extensions import override

from idla_store.access import S3Access
from idla_store.addresses import Resolver, is_public, resolve_addresses
from idla_store.errors import NotFoundError, RefusedError, UnreachableError, shown
from idla_store.proxy import open_tunnel, proxy_for

_CHUNK = 1 << 20
_REDIRECTS = 3
_ALLOW = "use a public host, or have an administrator allow this one (IDLA_ALLOWED_HOSTS of the trainer image)"
_TRUST = (
    "give the certificate of its authority as `ca.crt` in the Secret of `spec.data.access.secretRef`, "
    "or to idla run --local by AWS_CA_BUNDLE"
)


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
    proxy: str | None = None
    """`http://host:port` that https goes through; whoever gives it answers for what it reaches."""
    no_proxy: str = ""
    """Hosts that are reached without it, as the variable NO_PROXY lists them."""
    s3: S3Access | None = None
    """Keys and place of objects; None where there are no keys."""
    resolver: Resolver = resolve_addresses


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to an address that was checked, whatever a second look-up of the name would answer."""

    def __init__(
        self, host: str, port: int, address: tuple[str, int], context: ssl.SSLContext, seconds: float, *, tunnel: bool
    ) -> None:
        super().__init__(host, port, timeout=seconds, context=context)
        self._address = address
        self._tls = context
        self._through_proxy = tunnel

    @override
    def connect(self) -> None:
        plain = socket.create_connection(self._address, self.timeout)
        try:
            if self._through_proxy:
                open_tunnel(plain, self.host, self.port)
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


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
        location = _download_once(uri, current, target, policy)
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
    _refuse_not_public(uri, host, port, addresses, policy)
    return addresses[0]


def _refuse_not_public(uri: str, host: str, port: int, addresses: list[str], policy: FetchPolicy) -> None:
    if {host, f"{host}:{port}"} & policy.allowed_hosts:
        return
    for address in addresses:
        if not is_public(address):
            problem = f"the host {host} has the address {address}, which is not public"
            raise RefusedError(uri, problem, _ALLOW)


def _refuse_inner(uri: str, host: str, port: int, policy: FetchPolicy) -> None:
    """Refuse a host that is known here to be inside; names that only the proxy can look up are the proxy's to judge."""
    with contextlib.suppress(OSError, UnicodeError):
        _refuse_not_public(uri, host, port, policy.resolver(host, port), policy)


def _download_once(uri: str, address: str, target: Path, policy: FetchPolicy) -> str | None:
    """Write the body and return None, or return where the server redirects to."""
    with answered(uri, address, policy, {}) as answer:
        if answer.status in {301, 302, 303, 307, 308}:
            return answer.headers.get("Location", "")
        _check_status(uri, answer.status)
        write_body(uri, answer, target, policy.maximum_bytes)
    return None


@contextlib.contextmanager
def answered(
    uri: str, address: str, policy: FetchPolicy, headers: Mapping[str, str]
) -> Iterator[http.client.HTTPResponse]:
    """Give the answer to a GET of an `https://` address, whatever its status, and close the connection behind it.

    Args:
        uri: what messages name.
        address: what is asked.
        policy: what may be asked, how long and with which certificates.
        headers: sent beside the common ones.

    Raises:
        RefusedError: the address is not allowed, or the certificate of the server is not trusted.
        UnreachableError: no answer, or none that can be read, until the block ends.
    """
    parts = urlsplit(address)
    host, port = _origin(address, uri)
    try:
        context = _context(uri, policy)
        proxy = _proxy(uri, host, policy)
        if proxy is None:
            pinned = (_checked_address(uri, host, port, policy), port)
        else:
            _refuse_inner(uri, host, port, policy)
            pinned = proxy
        connection = _PinnedConnection(host, port, pinned, context, policy.timeout_seconds, tunnel=proxy is not None)
        with contextlib.closing(connection):
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            common = {"User-Agent": "idla", "Accept-Encoding": "identity"}
            connection.request("GET", path, headers={**common, **headers})
            with connection.getresponse() as answer:  # else it would hold the connection open after an error
                yield answer
    except ssl.SSLCertVerificationError as error:
        problem = f"the certificate of the server is not trusted ({error.verify_message})"
        raise RefusedError(uri, problem, _TRUST) from error
    except (OSError, http.client.HTTPException) as error:
        problem = f"the server could not be read ({type(error).__name__}: {error})"
        raise UnreachableError(uri, problem, "check the address and the network policy, then try again") from error


def _context(uri: str, policy: FetchPolicy) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if policy.ca_file is None else str(policy.ca_file))
    except OSError as error:
        problem = f"the own certificate authority cannot be read ({type(error).__name__})"
        raise RefusedError(uri, problem, "give certificates in PEM, each between its BEGIN and END line") from error


def _proxy(uri: str, host: str, policy: FetchPolicy) -> tuple[str, int] | None:
    try:
        return proxy_for(host, policy.proxy, policy.no_proxy)
    except ValueError as error:
        raise RefusedError(uri, str(error), "set HTTPS_PROXY to http://host:port") from None


def _check_status(uri: str, status: int) -> None:
    if status in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE}:
        raise NotFoundError(uri, f"the server answers {status}", "check the path")
    if status in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN}:
        raise RefusedError(uri, f"the server answers {status}", "use an address that needs no login")
    if status != http.HTTPStatus.OK:
        raise UnreachableError(uri, f"the server answers {status}", "try again, or check the server")


def write_body(uri: str, answer: http.client.HTTPResponse, target: Path, maximum: int) -> None:
    """Write the body of an answer.

    Raises:
        RefusedError: it is larger than `maximum` bytes.
        UnreachableError: it is cut short.
    """
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
