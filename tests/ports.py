"""Ports of this machine for servers that tests start, kill and start again."""

from __future__ import annotations

import errno
import socket

_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


def held_port() -> int:
    """Return a port that nobody else is given by chance until this process ends.

    It stays bound here, and nobody listens at it. A server that sets SO_REUSEADDR, as those of asyncio, `http.server`
    and Go do, can listen there all the same, and again after it was killed; who asks the kernel for any free port, or
    connects from one, is given another.
    """
    while True:
        first = _bound(socket.AF_INET, "0.0.0.0", 0)
        assert first is not None
        port = int(first.getsockname()[1])
        try:
            second = _bound(socket.AF_INET6, "::", port)
        except OSError as error:
            first.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        for one in (first, second):
            if one is not None:
                one.detach()  # stays open: there is no end before that of the process
        return port


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """Return a socket that is bound and does not listen; None where the machine has no addresses of the family."""
    try:
        one = socket.socket(family)
    except OSError as error:
        if error.errno in _NO_SUCH_FAMILY:
            return None
        raise
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
    except OSError as error:
        one.close()
        if error.errno in _NO_SUCH_FAMILY:
            return None
        raise
    return one
