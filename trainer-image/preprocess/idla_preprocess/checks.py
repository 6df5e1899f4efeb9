"""Checks of what nobody vouches for: parts of a file, and raw inputs."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError


def exact_keys(field: str, content: object, keys: Collection[str]) -> Mapping[str, Any]:
    """Return the content if it is a mapping with exactly these keys.

    Raises:
        InputError: no mapping, or other keys.
    """
    if not isinstance(content, Mapping):
        raise InputError(field, type(content).__name__, "a JSON object")
    if set(content) != set(keys):
        allowed = f"exactly the keys {sorted(keys)}" if keys else "no keys"
        raise InputError(field, f"the keys {sorted(map(str, content))}", allowed)
    return content


def check_whole(field: str, value: object, minimum: int, maximum: int) -> None:
    """Make sure that a value is a whole number from `minimum` to `maximum`.

    Raises:
        InputError: it is not.
    """
    if type(value) is not int or not minimum <= value <= maximum:
        raise InputError(field, repr(value)[:40], f"a whole number from {minimum} to {maximum}")


def check_bool(field: str, value: object) -> None:
    """Make sure that a value is true or false.

    Raises:
        InputError: it is neither.
    """
    if type(value) is not bool:
        raise InputError(field, repr(value)[:40], "true or false")


def check_different(field: str, names: object, fewest: int, most: int) -> None:
    """Make sure that names are a tuple of `fewest` to `most` different texts.

    Raises:
        InputError: they are not.
    """
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise InputError(field, type(names).__name__, "a list of texts")
    if not fewest <= len(names) <= most or len(set(names)) != len(names):
        found = f"{len(names)} names, {len(set(names))} different ones"
        raise InputError(field, found, f"{fewest} to {most} different names")


def check_array(field: str, array: Array, dtype: npt.DTypeLike, length: int | None = None) -> None:
    """Make sure that an array has one axis and a type.

    Args:
        field: its name.
        array: what is looked at.
        dtype: the type that it must have.
        length: how long it must be; None: of any length.

    Raises:
        InputError: it is another one.
    """
    if array.dtype != dtype or array.ndim != 1 or (length is not None and len(array) != length):
        allowed = f"{np.dtype(dtype)} [{'N' if length is None else length}]"
        raise InputError(field, f"{array.dtype} {list(array.shape)}", allowed)


def raw_input(raw: Arrays, field: str, allowed: str) -> Array:
    """Return a raw input.

    Raises:
        InputError: it is missing.
    """
    if field not in raw:
        raise InputError(field, f"the inputs {sorted(raw)}", allowed)
    return np.asarray(raw[field])


def raw_texts(raw: Arrays, field: str) -> list[str]:
    """Return a raw input of texts.

    Raises:
        InputError: it is missing, or no array [N] of texts.
    """
    array = raw_input(raw, field, "an array [N] of texts")
    check_column(field, array)
    return list(checked_texts(field, array.tolist()))


def check_column(field: str, array: Any) -> None:
    """Make sure that an array, or what is read like one, is [N] with an example or more.

    Raises:
        InputError: it has another shape.
    """
    if array.ndim != 1 or not len(array):
        raise InputError(field, f"the shape {list(array.shape)}", "[N], N at least 1")


def checked_texts(field: str, texts: Iterable[Any]) -> Iterator[str]:
    """Yield the texts after each was found to be one.

    Raises:
        InputError: one is not.
    """
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(field, f"a {type(text).__name__} in example {position}", "texts")
        yield text
