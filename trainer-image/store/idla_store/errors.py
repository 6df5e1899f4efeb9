"""What can go wrong with a URI; each message says the URI, what is wrong and what to do."""

import re

_HIDDEN = "***"
_ADDRESS = re.compile(r"([^\s:@]*|\[[0-9a-fA-F:.]*\])(:\d*)?")
_PATHS = {"file", "pvc", "sample"}


def shown(uri: str) -> str:
    """Return a URI or a path for a message: without user and password, and without a query, which may be a signature.

    A password that is not encoded may hold `/`, `?` and `#`; then more is hidden than it.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if not _ADDRESS.fullmatch(authority) and "@" in rest:
        rest = f"{_HIDDEN}@{rest.rpartition('@')[2]}"
    if scheme not in _PATHS:
        plain, *query = re.split("[?#]", rest, maxsplit=1)
        rest = f"{plain}?{_HIDDEN}" if query else plain
    return scheme + separator + rest


class StoreError(Exception):
    """The base of the errors below."""

    def __init__(self, uri: str, problem: str, remedy: str) -> None:
        super().__init__(f"{shown(uri)}: {problem}; {remedy}")
        self.uri = shown(uri)
        self.problem = problem
        self.remedy = remedy


class NotFoundError(StoreError):
    """There is nothing under this URI; a repetition would not find it either."""


class UnreachableError(StoreError):
    """The place did not answer or could not be read or written; a repetition may work."""


class DigestMismatchError(StoreError):
    """There are other bytes than the digest promises."""


class RefusedError(StoreError):
    """The URI is malformed or points where it may not."""
