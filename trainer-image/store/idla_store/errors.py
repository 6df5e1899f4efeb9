"""What can go wrong with a URI; each message says the URI, what is wrong and what to do."""


class StoreError(Exception):
    """The base of the errors below."""

    def __init__(self, uri: str, problem: str, remedy: str) -> None:
        super().__init__(f"{uri}: {problem}; {remedy}")
        self.uri = uri
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
