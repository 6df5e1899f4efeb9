"""The tensors of a request as JSON."""

import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_preprocess import Array, InputError, Tensor

from idla_server.missing import check_missing

Numbers = npt.NDArray[np.generic]

DATATYPES: Mapping[str, npt.DTypeLike] = {
    "FP32": np.float32,
    "FP64": np.float64,
    "UINT8": np.uint8,
    "INT32": np.int32,
    "INT64": np.int64,
}
"""Accepted datatypes of an input of numbers; an input of texts is BYTES, and so are picture files."""
TEXT = "BYTES"

_NUMBER_OR_NULL = (int, float, type(None))


def read_json(field: str, data: object, datatype: str, shape: tuple[int, ...], tensor: Tensor) -> Array:
    """Return the values of a tensor: texts as objects, an empty one where it is missing; numbers, NaN where missing.

    Args:
        field: of the request.
        data: what JSON says.
        datatype: one of `DATATYPES`, or `TEXT`.
        shape: the examples first.
        tensor: the input that they are for.

    Raises:
        InputError: other values, or not as many as the shape has.
    """
    if datatype == TEXT:
        return _texts(field, data, shape, tensor)
    numbers = _shaped(field, _numbers(field, data, datatype, tensor), shape)
    check_missing(field, numbers, tensor)
    return numbers


def shown(value: object) -> str:
    """Return a value as an error shows it: short, however large it is."""
    return "nothing" if value is None else _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 2


def _texts(field: str, data: object, shape: tuple[int, ...], tensor: Tensor) -> Array:
    if not isinstance(data, list) or not all(text is None or isinstance(text, str) for text in data):
        allowed = "a flat list of texts" + (", or null where one is missing" if tensor.missing else "")
        raise InputError(field, shown(data), allowed)
    if not data or len(data) != math.prod(shape):
        raise InputError(field, f"{len(data)} texts", f"as many as the shape {list(shape)} has, one or more")
    texts = np.empty(len(data), dtype=object)
    texts[:] = data
    check_missing(field, texts, tensor)
    texts[:] = [text or "" for text in data]
    return texts.reshape(shape)


def _shaped(field: str, numbers: Numbers, shape: tuple[int, ...]) -> Numbers:
    if numbers.shape == shape:
        return numbers
    if numbers.ndim != 1 or numbers.size != math.prod(shape):
        nested = f"numbers nested as {list(numbers.shape)}" if numbers.ndim > 1 else f"{numbers.size} numbers"
        allowed = f"as many numbers as the shape {list(shape)} has ({math.prod(shape)}), flat or nested like it"
        raise InputError(field, nested, allowed)
    return numbers.reshape(shape)


def _numbers(field: str, data: object, datatype: str, tensor: Tensor) -> Numbers:
    if not isinstance(data, list):
        raise InputError(field, shown(data), "a list of numbers")
    try:
        numbers = np.asarray(data)
    except ValueError as error:
        raise InputError(
            field, "lists of unequal length or depth", "a flat list, or one nested like the shape"
        ) from error
    if numbers.size == 0:
        raise InputError(field, "no number", "at least one example")
    wanted = np.dtype(DATATYPES[datatype])
    if numbers.dtype.kind == "O" and all(type(each) in _NUMBER_OR_NULL for each in numbers.flat):
        if wanted.kind != "f":
            rest = "; one that is missing is null in FP32 and FP64" if tensor.missing else " only"
            raise InputError(field, f"null among {datatype}", f"whole numbers{rest}")
        return numbers.astype(np.float64)  # null is NaN: a missing number, which JSON cannot say otherwise
    if numbers.dtype.kind not in "iuf" or _has_truth(data):
        raise _other_value(field, data, tensor)
    if wanted.kind != "f":
        _check_integers(field, numbers, wanted, datatype)
    return numbers


def _has_truth(data: list[Any]) -> bool:
    """Return whether true or false is among numbers: they become 1 and 0 unseen, alone they do not."""
    kinds = set(map(type, data))
    return bool in kinds or (list in kinds and any(_has_truth(each) for each in data if type(each) is list))


def _other_value(field: str, data: list[Any], tensor: Tensor) -> InputError:
    """Return the refusal of the first value that is no number."""
    place, value = next((place, value) for place, value in enumerate(_flat(data)) if type(value) not in _NUMBER_OR_NULL)
    allowed = "a list of numbers" + (", or null where one is missing" if tensor.missing else "")
    cures = {str: "; write them without quotation marks", bool: "; write 1 for true and 0 for false"}
    return InputError(field, f"{shown(value)} as value {place}, counted from 0", allowed + cures.get(type(value), ""))


def _flat(data: list[Any]) -> Iterator[Any]:
    for each in data:
        if type(each) is list:
            yield from _flat(each)
        else:
            yield each


def _check_integers(field: str, numbers: Numbers, wanted: np.dtype[Any], datatype: str) -> None:
    limits = np.iinfo(wanted)
    allowed = f"whole numbers from {limits.min} to {limits.max} for {datatype}"
    if numbers.dtype.kind == "f":
        raise InputError(field, "a number with a decimal point or beyond 64 bits", allowed)
    lowest, highest = int(numbers.min()), int(numbers.max())
    if lowest < limits.min or highest > limits.max:
        raise InputError(field, str(lowest if lowest < limits.min else highest), allowed)
