"""Numbers that a resource writes as text."""

import math
import re

_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def number_or_text(text: str) -> float | int | str:
    """Return a finite decimal as a number: `nan` or `1_000`, which Python reads as numbers too, JSON does not know."""
    if not _DECIMAL.fullmatch(text):
        return text
    number = float(text) if set(text) & set(".eE") else int(text)
    return number if math.isfinite(number) else text
