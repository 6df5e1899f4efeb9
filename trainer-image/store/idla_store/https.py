"""Downloads over HTTPS that cannot be led into the cluster's own network."""

import contextlib
import http.client
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urljoin, urlsplit

from typing_extensions import override

from idla_store.errors import NotFoundError, RefusedError, UnreachableError, shown
from idla_store.policy import FetchPolicy
from idla_store.proxy import ProxyError, ProxyLoginError, connect_to_proxy, open_tunnel
from idla_store.routes import PROXY_HINT, Route, find_route
from idla_store.scheme import ArtifactScheme, Surroundings, placed
from idla_store.trust import UntrustedError, refusal, shake_hands, trusting

_CHUNK = 1 << 20
_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its address."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent beside the common ones."""
    body: bytes | None = field(default=None, repr=False)
    """Of a POST; None: a GET."""


class HttpsScheme(ArtifactScheme):
    """Data and artifacts of a server, downloaded."""

    form: ClassVar[str] = "https://host/path"

    @override
    def locate(self, uri: str, here: Surroundings) -> Path:
        return placed(uri, here.into, lambda partial: download(uri, partial, here.policy))

    @override
    def take(self, uri: str, name: str, target: Path, here: Surroundings) -> None:
        download(f"{uri.rstrip('/')}/{name}", target, here.policy)


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to an address that was checked, whatever a second look-up of the name would answer."""

    def __init__(self, host: str, port: int, route: Route, context: ssl.SSLContext, policy: FetchPolicy) -> None:
        super().__init__(host, port, timeout=policy.timeout_seconds, context=context)
        self._seconds, self._login = policy.timeout_seconds, policy.proxy_login
        self._route = route
        self._tls = context

    @override
    def connect(self) -> None:
        if self._route.through_proxy:
            plain = connect_to_proxy(self._route.address, self._seconds)
        else:
            plain = socket.create_connection(self._route.address, self._seconds)
        try:
            if self._route.through_proxy:
                open_tunnel(plain, self.host, self.port, self._login)
            plain = wrapped = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
            shake_hands(wrapped)
            self.sock = wrapped
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


def _download_once(uri: str, address: str, target: Path, policy: FetchPolicy) -> str | None:
    """Write the body and return None, or return where the server redirects to."""
    with answered(uri, address, policy) as answer:
        if answer.status in {301, 302, 303, 307, 308}:
            return answer.headers.get("Location", "")
        _check_status(uri, answer.status)
        write_body(uri, answer, target, policy.maximum_bytes)
    return None


@contextlib.contextmanager
def answered(
    uri: str, address: str, policy: FetchPolicy, asked: Asked | None = None
) -> Iterator[http.client.HTTPResponse]:
    """Give the answer to a request for an `https://` address, whatever its status, and close the connection behind it.

    Args:
        uri: what messages name.
        address: what is asked.
        policy: what may be asked, how long and with which certificates.
        asked: what the request says beside. Default: a GET with the common headers.

    Raises:
        RefusedError: the address is not allowed, the certificate of the server is not trusted, or the proxy wants
            another login.
        UnreachableError: no answer, or none that can be read, until the block ends.
    """
    parts = urlsplit(address)
    host, port = _origin(address, uri)
    route = find_route(uri, host, port, policy)
    connection = _PinnedConnection(host, port, route, trusting(uri, policy), policy)
    try:
        with contextlib.closing(connection):
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            common = {"User-Agent": "idla", "Accept-Encoding": "identity"}
            said = asked or Asked()
            method = "GET" if said.body is None else "POST"
            connection.request(method, path, said.body, headers={**common, **said.headers})
            with connection.getresponse() as answer:  # else it would hold the connection open after an error
                yield answer
    except UntrustedError as error:
        raise refusal(uri, error, policy.more_authorities) from error
    except ProxyLoginError as error:
        raise RefusedError(uri, str(error), error.remedy) from error
    except ProxyError as error:
        raise UnreachableError(uri, str(error), error.remedy) from error
    except (OSError, http.client.HTTPException) as error:
        problem = f"the server could not be read ({type(error).__name__}: {error})"
        hint = "" if policy.proxy else f"; {PROXY_HINT}"
        remedy = f"check the address and the network policy, then try again{hint}"
        raise UnreachableError(uri, problem, remedy) from error


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
