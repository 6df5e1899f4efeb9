"""Files, compressed by gzip or not, whatever their names say."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20
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
    """Return the file's text, uncompressed, in UTF-8, without a byte order mark, its line ends as they are."""
    if is_compressed(path):
        return cast("IO[str]", gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open("rt", encoding="utf-8-sig", newline="")


def with_one_line_end(path: Path, folder: Path) -> Path:
    """Return a text file, or a copy in a folder where some of its lines end as on Windows and some do not.

    Raises:
        DAMAGE: its compression is damaged.
    """
    pairs = ends = 0
    for block in _blocks(path):
        pairs += block.count(b"\r\n")
        ends += block.count(b"\n")
    if pairs in {0, ends}:
        return path
    copy = folder / path.name.removesuffix(".gz")
    with copy.open("wb") as file:
        file.writelines(block.replace(b"\r\n", b"\n") for block in _blocks(path))
    return copy


def begins_with(path: Path, mark: bytes) -> bool:
    """Return whether a file begins with some bytes, uncompressed.

    Raises:
        DAMAGE: its compression is damaged.
    """
    with opened(path) as file:
        return file.read(len(mark)) == mark


def holds(path: Path, mark: bytes) -> bool:
    """Return whether a byte stands somewhere in a file, uncompressed."""
    return any(mark in block for block in _blocks(path))


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes, uncompressed, without tearing a line end apart."""
    with opened(path) as file:
        while block := file.read(_BLOCK):
            yield block + (file.read(1) if block.endswith(b"\r") else b"")
