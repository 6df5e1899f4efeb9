"""Names out of data files, fit to stand in a sentence: nobody vouches for what they hold."""

from collections.abc import Sequence

SHOWN = 5
"""Names that a sentence lists."""
LONGEST = 40
"""Characters of a name that are shown."""


def quoted(name: str) -> str:
    """Return a name between quotes, what cannot be printed escaped, a long one cut."""
    return repr(name if len(name) <= LONGEST else name[: LONGEST - 3] + "...")


def listed(names: Sequence[str], most: int = SHOWN) -> str:
    """Return the first names, and a sign where there are more."""
    return ", ".join(map(quoted, names[:most])) + (", ..." if len(names) > most else "")
