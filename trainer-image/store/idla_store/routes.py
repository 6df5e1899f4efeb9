"""Where a request is sent: to an address that was checked, or to the proxy."""

import contextlib
import ipaddress
import re
from dataclasses import dataclass

from idla_contract.egress import ALLOWED_HOSTS, HTTPS_PROXY

from idla_store.addresses import is_public
from idla_store.errors import RefusedError, UnreachableError
from idla_store.policy import FetchPolicy
from idla_store.proxy import proxy_for

PROXY_HINT = (
    f"where a proxy is the way out, set {HTTPS_PROXY} for idla run --local, "
    f"in a cluster the operator's setting IDLA_{HTTPS_PROXY}"
)
_FORM = "http://host:port, or http://user:password@host:port with both percent-encoded"
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INNER_DOMAINS = (".localhost", ".local", ".internal", ".svc", ".home.arpa")
"""Domains that are never public: RFC 6761, 6762 and 8375, `internal` by ICANN, `svc` by Kubernetes."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a connection leads."""

    address: tuple[str, int]
    through_proxy: bool


def find_route(uri: str, host: str, port: int, policy: FetchPolicy) -> Route:
    """Return where a request to a host is sent, after every address of it that is known here was found to be allowed.

    A host behind a proxy may have no address here: then its name has to be one that can be public, or an allowed one.

    Raises:
        RefusedError: an address or a name is not allowed, or the proxy is not written as one.
        UnreachableError: the host has no address.
    """
    try:
        proxy = proxy_for(host, port, policy.proxy, policy.no_proxy)
    except ValueError as error:
        raise RefusedError(uri, str(error), f"set {HTTPS_PROXY} to {_FORM}") from None
    if proxy is not None:
        _refuse_inner(uri, host, port, policy)
        return Route(proxy, through_proxy=True)
    hint = PROXY_HINT if policy.proxy is None else "it is reached without the proxy, as NO_PROXY says"
    try:
        addresses = policy.resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(uri, f"the host {host} has no address ({error})", f"check the name; {hint}") from error
    if not addresses:
        raise UnreachableError(uri, f"the host {host} has no address", f"check the name; {hint}")
    _refuse_not_public(uri, host, port, addresses, policy)
    return Route((addresses[0], port), through_proxy=False)


def _refuse_not_public(uri: str, host: str, port: int, addresses: list[str], policy: FetchPolicy) -> None:
    if policy.allowed_hosts.allows_host(host, port):
        return
    for address in addresses:
        if not is_public(address) and not policy.allowed_hosts.allows_address(address):
            raise _not_public(uri, host, port, f"has the address {address}, which is not public")


def _refuse_inner(uri: str, host: str, port: int, policy: FetchPolicy) -> None:
    """Refuse a host that is inside as far as can be told without the proxy, which may look names up otherwise."""
    if policy.allowed_hosts.allows_host(host, port):
        return
    if _is_disguised(host):
        raise _not_public(uri, host, port, "is a number, which a proxy may read as another address")
    try:
        addresses = policy.resolver(host, port)
    except (OSError, UnicodeError):
        if _is_inner_name(host):
            raise _not_public(uri, host, port, "has no public name, and the proxy may find it inside") from None
        return
    _refuse_not_public(uri, host, port, addresses, policy)


def _is_disguised(host: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return False
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _is_inner_name(host: str) -> bool:
    name = host.rstrip(".")
    return "." not in name or name.endswith(_INNER_DOMAINS)


def _not_public(uri: str, host: str, port: int, problem: str) -> RefusedError:
    named = f"[{host}]" if ":" in host else host
    return RefusedError(
        uri,
        f"the host {host} {problem}",
        "use a public host, copy the file onto a claim (pvc://claim/path), or have an administrator add "
        f"{named}:{port} to the operator's setting {ALLOWED_HOSTS}, which is a variable for idla run --local",
    )
