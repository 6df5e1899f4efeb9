"""A request of HTTP to the body that it holds."""

from idla_preprocess import InputError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from idla_server.binary import HEADER
from idla_server.request_body import ENCODINGS, IDENTITY, Body, BodyTooLargeError

_LONGEST_NUMBER = 19
"""Digits of a length."""


async def read_body(request: Request, limit: int) -> Body:
    """Return a request's body as it comes.

    Args:
        request: whose body is not read yet.
        limit: bytes that it may have.

    Raises:
        BodyTooLargeError: it is larger; a body that announces its length is not even read.
        HTTPException: it is compressed in a way that is not known.
        InputError: the header that tells the length of its JSON holds no number.
        ClientDisconnect: the client hung up.
    """
    encoding, json_bytes = _encoding(request), _json_bytes(request)
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limit:
        raise BodyTooLargeError(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLargeError(limit)
        parts.append(part)
    return Body(b"".join(parts), encoding, json_bytes)


def _encoding(request: Request) -> str:
    encoding = request.headers.get("content-encoding", "").strip().lower() or IDENTITY
    if encoding != IDENTITY and encoding not in ENCODINGS:
        problem = f"Content-Encoding: found {encoding[:100]!r}; allowed: gzip, deflate, or none"
        raise HTTPException(415, problem, {"accept-encoding": "gzip, deflate"})
    return encoding


def _json_bytes(request: Request) -> int | None:
    found = request.headers.get(HEADER)
    if found is None:
        return None
    if not found.isascii() or not found.isdigit() or len(found) > _LONGEST_NUMBER:
        raise InputError(HEADER, repr(found[:60]), "the bytes of the JSON, a whole number")
    return int(found)
