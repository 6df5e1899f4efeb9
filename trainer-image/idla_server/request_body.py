"""The body of a request as it came: perhaps compressed, perhaps with tensors behind its JSON."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from idla_preprocess import InputError

IDENTITY = "identity"
"""The encoding of what is not compressed."""
ENCODINGS: Mapping[str, int] = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Compressions by their names, with what zlib calls their window bits."""


class BodyTooLargeError(InputError):
    """A body is larger than the limit, as it came or unpacked."""

    def __init__(self, limit: int) -> None:
        super().__init__("the body", f"more than {limit} bytes", f"{limit}; send several requests")


@dataclass(frozen=True, slots=True)
class Body:
    """What came, of which nothing is unpacked yet."""

    content: bytes
    encoding: str = IDENTITY
    """`IDENTITY` or one of `ENCODINGS`."""
    json_bytes: int | None = None
    """Bytes of its JSON once it is unpacked, where tensors come behind it; None: all of it is JSON."""

    def unpacked(self, limit: int) -> bytes:
        """Return the content without its compression.

        Args:
            limit: bytes; of what is larger no more than that is unpacked.

        Raises:
            BodyTooLargeError: it is larger.
            InputError: it is not compressed as it says, not whole, or something is behind it.
        """
        if self.encoding == IDENTITY:
            return self.content
        unpacking = zlib.decompressobj(ENCODINGS[self.encoding])
        try:
            found = unpacking.decompress(self.content, limit + 1)
        except zlib.error as error:
            allowed = f"what Content-Encoding says, {self.encoding}"
            raise InputError("the body", f"no {self.encoding} ({error})", allowed) from error
        if len(found) > limit:
            raise BodyTooLargeError(limit)
        if not unpacking.eof or unpacking.unused_data:
            problem = "bytes behind its end" if unpacking.eof else "no end"
            raise InputError("the body", f"{self.encoding} with {problem}", f"one whole {self.encoding} stream")
        return found
