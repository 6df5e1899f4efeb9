"""Files, compressed by gzip or not, whatever their names say."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

_GZIP = b"\x1f\x8b"
LONGEST_LINE = 1 << 24
"""Characters."""
DAMAGE = (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error)
"""What reading raises where bytes are not what they should be."""


def is_compressed(path: Path) -> bool:
    """Return whether gzip wrote the file."""
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def opened(path: Path) -> IO[bytes]:
    """Return the file's bytes, uncompressed."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_compressed(path) else path.open("rb")


def opened_text(path: Path) -> IO[str]:
    """Return the file's text, uncompressed, in UTF-8, without a byte order mark, its line ends as they are."""
    if is_compressed(path):
        return cast("IO[str]", gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open("rt", encoding="utf-8-sig", newline="")


class LineError(ValueError):
    """A line has no end within what is allowed."""


def bounded_lines(text: IO[str]) -> Iterator[str]:
    """Return the lines; a few compressed bytes can be a line that no memory holds.

    Raises:
        LineError: such a line.
    """
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise LineError(f"a line has more than {LONGEST_LINE} characters")
        yield line
