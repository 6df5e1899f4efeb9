"""Files of weights in the format safetensors, read as plain arrays: a JSON header and the bytes behind it."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_LENGTH = 8
_LONGEST_HEADER = 1 << 20
_TYPES: Mapping[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I64": np.dtype("<i8")}
_KEYS = {"dtype", "shape", "data_offsets"}
_ABOUT = "__metadata__"


class SafetensorsError(ValueError):
    """The file is none, damaged, or holds what is no finite number; the message says what was found."""


def read_tensors(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file by name; they are views of its bytes.

    The format: 8 bytes with the length of the header, least first; the header, JSON with type, shape and place of each
    array; the arrays, one right after the other.

    Args:
        content: the file.

    Raises:
        SafetensorsError: it is no such file, an array lies elsewhere than its header says, or is no finite number.
    """
    header, data = _parts(content)
    arrays, end = dict[str, npt.NDArray[Any]](), 0
    for name, (first, dtype, shape) in sorted(_entries(header).items(), key=lambda item: item[1][0]):
        size = math.prod(shape) * dtype.itemsize
        if first != end or size > len(data) - first:
            raise SafetensorsError(
                f"{name} has {size} bytes from {first} on; {len(data)} are there, {end} of them read"
            )
        array = np.frombuffer(data, dtype, count=math.prod(shape), offset=first).reshape(shape)
        if not np.isfinite(array).all():
            raise SafetensorsError(f"{name} holds what is no finite number")
        arrays[name], end = array, first + size
    if end != len(data):
        raise SafetensorsError(f"{len(data) - end} bytes at its end belong to no array")
    return arrays


def _parts(content: bytes) -> tuple[Mapping[str, Any], memoryview]:
    length = int.from_bytes(content[:_LENGTH], "little")
    if len(content) < _LENGTH or length > min(_LONGEST_HEADER, len(content) - _LENGTH):
        raise SafetensorsError(f"a header of {length} bytes in a file of {len(content)}")
    try:
        header = json.loads(content[_LENGTH : _LENGTH + length])
    except (ValueError, RecursionError) as error:
        raise SafetensorsError(f"its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise SafetensorsError(f"its header is a {type(header).__name__}")
    return header, memoryview(content)[_LENGTH + length :]


def _entries(header: Mapping[str, Any]) -> dict[str, tuple[int, np.dtype[Any], tuple[int, ...]]]:
    """Return first byte, type and shape of each array, by name."""
    found = {}
    for name, entry in header.items():
        if name == _ABOUT:
            continue
        if not isinstance(entry, dict) or set(entry) != _KEYS or entry["dtype"] not in _TYPES:
            raise SafetensorsError(f"{name} is told of by {str(entry)[:100]}")
        shape, places = entry["shape"], entry["data_offsets"]
        if not _are_whole(shape) or not _are_whole(places) or len(places) != 2:  # noqa: PLR2004 - first and end
            raise SafetensorsError(f"{name} has the shape {str(shape)[:50]} at {str(places)[:50]}")
        dtype = _TYPES[entry["dtype"]]
        if places[1] - places[0] != math.prod(shape) * dtype.itemsize:
            raise SafetensorsError(f"{name} has the shape {shape} of {dtype} at {places}")
        found[name] = (places[0], dtype, tuple(shape))
    return found


def _are_whole(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
