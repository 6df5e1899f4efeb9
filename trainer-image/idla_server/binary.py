"""The binary tensor data extension: tensors as bytes behind the JSON, little-endian, the last axis varying fastest."""

import math
import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from idla_preprocess import Array, InputError, Tensor

from idla_server.json_data import TEXT
from idla_server.missing import check_missing

EXTENSION = "binary_tensor_data"
"""Its name in the server's metadata."""
HEADER = "Inference-Header-Content-Length"
"""Header with the bytes of the JSON; the tensors come behind it."""
SIZE = "binary_data_size"
"""Parameter of a tensor: its bytes."""
_NUMBERS: Mapping[str, npt.DTypeLike] = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "UINT8": "u1",
    "INT32": "<i4",
    "INT64": "<i8",
}
BINARY_DATATYPES = tuple(_NUMBERS)
"""Accepted datatypes of an input of numbers; JSON has no FP16."""
_LENGTH = struct.Struct("<I")
"""In front of each text."""


class BinaryData:
    """The bytes behind the JSON of a request, taken by one tensor after the other.

    Args:
        body: of the request.
        json_bytes: its JSON's; None: it has nothing but JSON.

    Raises:
        InputError: the body is shorter than its JSON.
    """

    def __init__(self, body: bytes, json_bytes: int | None) -> None:
        self._binary = json_bytes is not None
        start = len(body) if json_bytes is None else json_bytes
        if start > len(body):
            raise InputError(HEADER, str(start), f"at most {len(body)}, the bytes of the body")
        self.json = memoryview(body)[:start]
        """The JSON text."""
        self._left = memoryview(body)[start:]

    def take(self, field: str, size: object, tensor: Tensor) -> memoryview:
        """Return the next bytes, of one tensor.

        Args:
            field: of the request: where the size stands.
            size: how many, as the request says.
            tensor: the input that they are for.

        Raises:
            InputError: there are not so many, or the size is none.
        """
        if not self._binary:
            raise InputError(field, repr(size)[:60], f"only with the header {HEADER}; else `data`")
        if type(size) is not int or not 0 <= size <= len(self._left):
            allowed = f"a whole number up to {len(self._left)}, the bytes that are left for `{tensor.name}`"
            raise InputError(field, repr(size)[:60], allowed)
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def check_end(self) -> None:
        """Make sure that nothing is left.

        Raises:
            InputError: bytes belong to no tensor.
        """
        if self._left:
            found = f"{len(self._left)} bytes behind the last tensor"
            raise InputError("the body", found, f"as many bytes as {HEADER} and each {SIZE} say")


def read_binary(field: str, content: memoryview, datatype: str, shape: tuple[int, ...], tensor: Tensor) -> Array:
    """Return the values of a tensor.

    Args:
        field: of the request: where the size stands.
        content: the bytes.
        datatype: one of `BINARY_DATATYPES`, or `TEXT`.
        shape: the examples first.
        tensor: the input that they are for.

    Returns:
        Numbers, FP16 as float32; or objects: texts, and the bytes of picture files, which are no texts.

    Raises:
        InputError: other bytes than the shape has, texts that are no UTF-8, or NaN where nothing may be missing.
    """
    if not math.prod(shape):
        raise InputError(field, f"the shape {list(shape)} of `{tensor.name}`", "at least one example")
    if datatype == TEXT:
        return _texts(field, content, shape, tensor)
    dtype = np.dtype(_NUMBERS[datatype])
    wanted = math.prod(shape) * dtype.itemsize
    if len(content) != wanted:
        allowed = f"{wanted} bytes, {dtype.itemsize} for each of the shape {list(shape)}"
        raise InputError(field, f"{len(content)} bytes of `{tensor.name}`", allowed)
    native = np.float32 if datatype == "FP16" else dtype.newbyteorder("=")
    numbers = np.frombuffer(content, dtype).astype(native).reshape(shape)
    check_missing(field, numbers, tensor)
    return numbers


def write(array: Array) -> bytes:
    """Return the bytes of FP32, INT64 or texts; numbers have that type already."""
    if array.dtype.kind in "fi":
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    texts = [str(text).encode() for text in array.ravel()]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)


def _texts(field: str, content: memoryview, shape: tuple[int, ...], tensor: Tensor) -> Array:
    """Return texts: for each there are 4 bytes with its length, and its UTF-8."""
    count, start = math.prod(shape), 0
    allowed = f"for each of the shape {list(shape)} a length of 4 bytes and a text of that length"
    if count * _LENGTH.size > len(content):
        raise InputError(field, f"{len(content)} bytes of `{tensor.name}`", allowed)
    texts = np.empty(count, dtype=object)
    for place in range(count):
        start += _LENGTH.size
        length = _LENGTH.unpack_from(content, start - _LENGTH.size)[0] if start <= len(content) else 0
        if start + length > len(content):
            raise InputError(field, f"bytes of `{tensor.name}` that end within text {place}", allowed)
        texts[place] = _text(field, bytes(content[start : start + length]), tensor, place)
        start += length
    if start != len(content):
        raise InputError(field, f"{len(content) - start} bytes of `{tensor.name}` behind its last text", allowed)
    return texts.reshape(shape)


def _text(field: str, content: bytes, tensor: Tensor, place: int) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        if tensor.pictures:  # neither a JPEG nor a PNG file begins like UTF-8
            return content
        raise InputError(field, f"text {place} of `{tensor.name}`, which is no UTF-8", "UTF-8") from error
