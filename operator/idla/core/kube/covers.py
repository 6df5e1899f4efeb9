"""Whether a live object already is as it is wanted, so that a resource at rest causes no write."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from idla.api.quantity import parse_quantity
from idla.core.reconciliation import Manifest

_LIST_KEYS = ("name", "key", "uid", "containerPort", "port", "mountPath")
"""Fields by which the API server tells list entries apart, in the order tried."""
_EXACT = {"selector"}
"""Maps in which one entry more is another meaning: a Service would find none of its pods any more."""
_QUANTITIES = {"requests", "limits"}
"""Maps whose values are amounts; everywhere else `1` and `1000m` are different texts."""


def is_up_to_date(desired: Manifest, live: Manifest | None) -> bool:
    """Return whether every field that is wanted is there with an equal value.

    What the live object has beyond that (defaults, other managers' fields, status) does not matter. Lists of named
    entries are compared by name, other lists entry by entry; a selector has to be the very same. A wanted empty map,
    list or text, and a wanted `false`, 0 or null, is also satisfied by absence: the API server drops some of them.
    """
    return live is not None and _covers(desired, live, quantities=False)


def _covers(wanted: Any, found: Any, *, quantities: bool) -> bool:
    if found is None:
        return not wanted
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _covers(value, found.get(key), quantities=quantities or key in _QUANTITIES)
            and (key not in _EXACT or _adds_nothing(value, found.get(key)))
            for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return isinstance(found, Sequence) and not isinstance(found, str) and _covers_list(wanted, found)
    if quantities:
        return _equal_amounts(wanted, found)
    return type(wanted) is type(found) and bool(wanted == found)


def _adds_nothing(wanted: Any, found: Any) -> bool:
    return not isinstance(wanted, Mapping) or not isinstance(found, Mapping) or found.keys() <= wanted.keys()


def _covers_list(wanted: Sequence[Any], found: Sequence[Any]) -> bool:
    if len(wanted) != len(found):
        return False
    key = _key(wanted)
    if key is None:
        return all(_covers(one, other, quantities=False) for one, other in zip(wanted, found, strict=True))
    by_key = {entry.get(key): entry for entry in found if isinstance(entry, Mapping)}
    return all(_covers(entry, by_key.get(entry[key]), quantities=False) for entry in wanted)


def _key(entries: Sequence[Any]) -> str | None:
    """Return the field that names each entry, or None where order is what tells them apart."""
    for key in _LIST_KEYS:
        if entries and all(isinstance(entry, Mapping) and key in entry for entry in entries):
            names = [entry[key] for entry in entries]
            if len(set(names)) == len(names):
                return key
    return None


def _equal_amounts(one: object, other: object) -> bool:
    """Return whether both are quantities of the same amount, e.g. `1000m` and 1.

    The API server rounds amounts of a pod up to thousandths when it stores them.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if not isinstance(one, str | int | float) or not isinstance(other, str | int | float):
        return False
    try:
        return math.ceil(1000 * parse_quantity(one)) == math.ceil(1000 * parse_quantity(other))
    except ValueError:
        return False
