"""Checks of what is read from a file that nobody vouches for."""

from collections.abc import Collection, Mapping
from typing import Any

from idla_preprocess.base import InputError


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
