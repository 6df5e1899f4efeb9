"""How pods reach what is outside: the variables that the operator gives them, and what these may say.

`idla run --local` hands the same variables of its own environment on to its tasks.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

HTTPS_PROXY = "HTTPS_PROXY"
NO_PROXY = "NO_PROXY"
ALLOWED_HOSTS = "IDLA_ALLOWED_HOSTS"
CA_FILE = "IDLA_CA_FILE"
PROXY_LOGIN = "IDLA_PROXY_LOGIN"
"""A folder with a user and a password for the proxy; a variable with either would stand in the spec of every pod."""
CA_MOUNT = "/etc/idla-ca"
"""The ConfigMap with certificates of authorities; empty where it is missing."""
CA_CERTIFICATES = "ca.crt"
"""The file there."""
PROXY_MOUNT = "/etc/idla-proxy"
"""The Secret with them; empty where it is missing."""
PROXY_USER, PROXY_PASSWORD = "username", "password"
"""The files there, named as the keys of a Secret of the type `kubernetes.io/basic-auth`."""
PROXY_FORM = "http://host:port without user, password and path"
ALLOWED_FORM = "hosts (name, name:port, .domain), addresses and networks (10.20.0.0/16), with commas between them"

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:.]+\]:[0-9]{1,5}")
_NEVER = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
        *("::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8"),
    )
)
"""The pod itself, the node's metadata, many at once: no network that holds them is a network of hosts."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """What an administrator lets fetches reach although its address is not public."""

    names: frozenset[str] = frozenset()
    """`name`, `name:port`, or `.domain` for every host under it."""
    networks: tuple[_Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what a list with commas allows; an empty one allows nothing.

        Raises:
            ValueError: an entry is none; the message names it.
        """
        names, networks = set[str](), list[_Network]()
        for entry in filter(None, (part.strip().lower() for part in text.split(","))):
            network = _network_of(entry)
            if network is not None:
                networks.append(network)
            elif _NAME.fullmatch(entry):
                names.add(entry)
            else:
                shown = "***" if "@" in entry else entry  # it may hold a password
                raise ValueError(f"{shown!r} is no host, address or network")
        return cls(frozenset(names), tuple(networks))

    def with_name(self, name: str) -> Self:
        """Return the same with one host more, `name` or `name:port`."""
        return type(self)(self.names | {name.lower()}, self.networks)

    def allows_host(self, host: str, port: int) -> bool:
        """Return whether a host is allowed by its name, whatever addresses it has."""
        shown = f"[{host}]" if ":" in host else host
        if {host, f"{shown}:{port}"} & self.names:
            return True
        return any(
            name.startswith(".") and (host.endswith(name) or f"{host}:{port}".endswith(name)) for name in self.names
        )

    def allows_address(self, address: str) -> bool:
        """Return whether an address is in an allowed network."""
        found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
        return any(found.version == network.version and found in network for network in self.networks)


def _network_of(entry: str) -> _Network | None:
    if "/" not in entry:
        try:
            return ipaddress.ip_network(entry)
        except ValueError:
            return None
    try:
        network = ipaddress.ip_network(entry)
    except ValueError as error:
        raise ValueError(f"{entry!r} is no network ({error})") from None
    if any(network.version == never.version and network.overlaps(never) for never in _NEVER):
        raise ValueError(
            f"{entry!r} holds addresses of the machine itself, its metadata or groups; name smaller networks"
        )
    return network


def proxy_address(proxy: str) -> tuple[str, int]:
    """Return host and port of a proxy, `http://host:port` or `host:port`.

    Raises:
        ValueError: another form; the message does not repeat it, since it may hold a password.
    """
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.scheme != "http" or parts.username is not None or parts.path not in {"", "/"}:
        raise ValueError(f"the proxy is not {PROXY_FORM}")
    return host, port
