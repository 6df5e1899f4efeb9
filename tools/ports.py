"""A port of this machine for a process that has to be told one, kept for it: nobody else is given it meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


def reservation() -> socket.socket:
    """Return a socket that holds a port on every address without listening; whoever closes it gives the port back.

    Linux lets another socket listen there that also has SO_REUSEADDR, as servers of Python and Go have, and hands the
    port to nobody who asks for any: neither to a listener nor to a connection.
    """
    held = socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if held.family == socket.AF_INET6:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    held.bind(("", 0))
    return held


def number(held: socket.socket) -> int:
    """Return the port of a reservation."""
    return int(held.getsockname()[1])


def held_port() -> int:
    """Return a port that is reserved until this process ends, for a server that is killed and started again."""
    held = reservation()
    port = number(held)
    held.detach()
    return port


@contextmanager
def reserved() -> Iterator[int]:
    """Reserve a port for the block."""
    with reservation() as held:
        yield number(held)
