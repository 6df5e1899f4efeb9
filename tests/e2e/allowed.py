"""What the operator's log may say during the end-to-end tests though it is a warning or an error: the reviewed list."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowed:
    """A complaint that is no fault of the operator."""

    pattern: str
    """A regular expression that the whole complaint matches; as narrow as it can be."""
    reason: str
    """Why it is none."""


ALLOWED: tuple[Allowed, ...] = ()
