"""Files, compressed by gzip or not, whatever their names say."""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, cast

_GZIP = b"\x1f\x8b"
LONGEST_LINE = 1 << 24
"""Bytes of a line, and of an object of JSON."""
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
    """Return the text of a file in UTF-8, uncompressed, its line ends as they are."""
    return io.TextIOWrapper(opened(path), encoding="utf-8", newline="")
