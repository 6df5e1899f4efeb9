"""Amounts as Kubernetes writes them."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]+))?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def parse_quantity(text: str | float) -> Decimal:
    """Return the amount in the base unit: `500m` is 0.5, `1Gi` is 1073741824.

    Raises:
        ValueError: it is no quantity.
    """
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"{text!r} is no quantity; write e.g. 500m, 2 or 1Gi")
    number, suffix, exponent = found.groups()
    amount = Decimal(number)
    if exponent is not None:
        return amount.scaleb(int(exponent))
    if suffix in _BINARY:
        return amount * Decimal(2) ** _BINARY[suffix]
    return amount.scaleb(_DECIMAL[suffix]) if suffix else amount
