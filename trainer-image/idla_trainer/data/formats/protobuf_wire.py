"""The wire format of `tf.train.Example`, as protocol buffers write it.

Source: https://protobuf.dev/programming-guides/encoding and tensorflow/core/example/{example,feature}.proto.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_SIGN = 1 << 63
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


class WireError(ValueError):
    """The bytes are no message of this kind."""


def read_example(content: bytes) -> dict[str, list[Any]]:
    """Return the values of an Example by name: lists of `bytes`, of `float` or of `int`.

    Raises:
        WireError: they are no Example.
    """
    found: dict[str, list[Any]] = {}
    for number, features in _fields(memoryview(content)):
        if number != 1 or isinstance(features, int):
            continue
        for entry_number, entry in _fields(features):
            if entry_number == 1 and not isinstance(entry, int):
                name, values = _entry(entry)
                found[name] = values
    return found


def _entry(entry: memoryview) -> tuple[str, list[Any]]:
    name, values = "", list[Any]()
    for number, part in _fields(entry):
        if isinstance(part, int):
            continue
        if number == 1:
            try:
                name = bytes(part).decode()
            except UnicodeDecodeError as error:
                raise WireError("a name is no UTF-8 text") from error
        if number == 2:  # noqa: PLR2004 - the field `value` of a map's entry
            values = _feature(part)
    return name, values


def _feature(feature: memoryview) -> list[Any]:
    values: list[Any] = []
    for kind, listed in _fields(feature):
        if isinstance(listed, int):
            continue
        values = []
        for number, part in _fields(listed):
            if number == 1:
                values.extend(_values(kind, part))
    return values


def _values(kind: int, part: "memoryview | int") -> list[Any]:
    """Return one value, or several that are packed."""
    if kind == _BYTES_LIST and not isinstance(part, int):
        return [bytes(part)]
    if kind == _FLOAT_LIST:
        if isinstance(part, int):
            return [struct.unpack("<f", struct.pack("<I", part))[0]] if part < 1 << 32 else []
        if len(part) % 4:
            raise WireError("a list of floats ends within one")
        return list(np.frombuffer(part, dtype="<f4").astype(np.float64).tolist())
    if kind == _INT64_LIST:
        return [_signed(part)] if isinstance(part, int) else _packed(part)
    raise WireError(f"a feature of the kind {kind} is not known")


def _packed(part: memoryview) -> list[int]:
    values, position = [], 0
    while position < len(part):
        value, position = _varint(part, position)
        values.append(_signed(value))
    return values


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= _SIGN else value


def _fields(message: memoryview) -> "Iterator[tuple[int, memoryview | int]]":
    """Return the number of each field and its bytes, or its number where it is one."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            length, position = _varint(message, position)
        else:
            length = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if length < 0 or position + length > len(message):
            raise WireError("a field of an unknown kind, or one that is longer than its message")
        part = message[position : position + length]
        position += length
        yield number, part if kind == _BYTES else int.from_bytes(part, "little")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number and the position behind it."""
    value = 0
    for index in range(_LONGEST_VARINT):
        if position + index >= len(message):
            break
        byte = message[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that another byte follows
            return value & (1 << 64) - 1, position + index + 1
    raise WireError("a number without an end")
