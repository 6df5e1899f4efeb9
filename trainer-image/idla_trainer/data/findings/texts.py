"""What harms a model of texts."""

import re
from collections.abc import Iterable

from idla_trainer.data.findings.names import quoted

_WRONG = re.compile("\ufffd|[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0080-\u2122]")
"""The replacement character, and UTF-8 read as Windows-1252: `Ã©`, `Â°`, `â€™`."""
_BEFORE, _AFTER = 8, 12
"""Characters around the first one that are shown."""


def about_encoding(texts: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence on texts with characters that a wrong encoding leaves, or a text cut within one."""
    count, first = 0, ""
    for text in texts:
        found = _WRONG.search(text)
        if found is not None:
            count += 1
            first = first or text[max(0, found.start() - _BEFORE) : found.end() + _AFTER]
    if not count:
        return ()
    told = (
        f"{count} texts hold what a wrong encoding leaves, or a cut within a character, such as {quoted(first)}; write "
        "the file anew as UTF-8 from its source, or set data.encoding"
    )
    return (told,)
