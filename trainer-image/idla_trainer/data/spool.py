"""Columns in files without a name, for data that memory does not hold: only what is asked for is read.

A file is gone as soon as nobody has it open, however the process ends. Its pages lie in the system's cache, which
gives them up where memory is short.
"""

import math
import mmap
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
_AT_ONCE = 4096
"""Texts that are read together."""
_ENCODING = ("utf-8", "surrogatepass")


class TextColumn:
    """Texts [N] in a file; it is read as an array of `str` objects is, and a part of it is another one."""

    dtype = np.dtype(object)
    ndim = 1

    def __init__(self, content: "mmap.mmap | bytes", starts: Indices, sizes: Indices) -> None:
        """Bind where texts stand.

        Args:
            content: all texts, one behind another, in UTF-8.
            starts: the first byte of each [N].
            sizes: bytes of each [N].
        """
        self._content = content
        self._starts = starts
        self._sizes = sizes

    @property
    def shape(self) -> tuple[int]:
        """Return how many there are."""
        return (len(self._starts),)

    @property
    def size(self) -> int:
        """Return how many there are."""
        return len(self._starts)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._starts)

    @overload
    def __getitem__(self, key: int) -> str: ...
    @overload
    def __getitem__(self, key: "slice | npt.NDArray[Any]") -> "TextColumn": ...
    def __getitem__(self, key: "int | slice | npt.NDArray[Any]") -> "str | TextColumn":
        """Return the text at a position, or those at several ones without reading them."""
        if isinstance(key, int | np.integer):
            return self._texts(slice(int(key), int(key) + 1 or None))[0]
        return TextColumn(self._content, self._starts[key], self._sizes[key])

    def __iter__(self) -> Iterator[str]:
        """Yield the texts, of which some thousand are in memory at a time."""
        for start in range(0, len(self), _AT_ONCE):
            yield from self._texts(slice(start, start + _AT_ONCE))

    def __array__(self, *_: Any, **__: Any) -> npt.NDArray[Any]:
        """Return all texts in memory, as objects: numpy asks for it."""
        array = np.empty(len(self), dtype=object)
        array[:] = self.tolist()
        return array

    def tolist(self) -> list[str]:
        """Return all texts in memory, each different one once."""
        known: dict[str, str] = {}
        return [known.setdefault(text, text) for text in self]

    def emptied(self, places: Sequence[int] | Indices) -> "TextColumn":
        """Return the column with empty texts at these positions."""
        sizes = np.array(self._sizes)
        sizes[list(places)] = 0
        return TextColumn(self._content, self._starts, sizes)

    def _texts(self, places: slice) -> list[str]:
        ends = self._starts[places] + self._sizes[places]
        spans = zip(self._starts[places].tolist(), ends.tolist(), strict=True)
        return [self._content[start:end].decode(*_ENCODING) for start, end in spans]


class ArrayWriter:
    """Writes the rows of an array [N, ...], some at a time."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the array
        self._rows = 0
        self._dtype: np.dtype[Any] = np.dtype(np.float64)
        self._shape: tuple[int, ...] = ()

    def __del__(self) -> None:
        """Give up what is written, where nobody asked for it."""
        self._file.close()

    def write(self, rows: npt.NDArray[Any]) -> None:
        """Append rows; all have one type and shape."""
        self._dtype, self._shape = rows.dtype, rows.shape[1:]
        self._file.write(np.ascontiguousarray(rows).tobytes())
        self._rows += len(rows)

    def array(self) -> npt.NDArray[Any]:
        """Return all of it, which can only be read; nothing can be written any more."""
        shape = (self._rows, *self._shape)
        self._file.flush()
        with self._file:
            if not math.prod(shape):  # the system maps no empty file
                return np.empty(shape, self._dtype)
            return np.memmap(self._file, self._dtype, "r", shape=shape).view(np.ndarray)


class TextWriter:
    """Writes the texts of a column, some at a time."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the column
        self._end = 0
        self._starts, self._sizes = ArrayWriter(), ArrayWriter()

    def __del__(self) -> None:
        """Give up what is written, where nobody asked for it."""
        self._file.close()

    def write(self, texts: "Sequence[str] | npt.NDArray[Any] | TextColumn") -> None:
        """Append texts."""
        for start in range(0, len(texts), _AT_ONCE):
            encoded = [text.encode(*_ENCODING) for text in texts[start : start + _AT_ONCE]]
            self._file.write(b"".join(encoded))
            sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
            self._starts.write(self._end + np.cumsum(sizes) - sizes)
            self._sizes.write(sizes)
            self._end += int(sizes.sum())

    def column(self) -> TextColumn:
        """Return all of it; nothing can be written any more."""
        self._file.flush()
        with self._file:
            content = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if self._end else b""
        return TextColumn(content, self._starts.array(), self._sizes.array())


class MemoryWriter:
    """As `ArrayWriter`, into memory that is taken once."""

    def __init__(self, rows: int) -> None:
        """Begin an array of so many rows."""
        self._rows = rows
        self._array: npt.NDArray[Any] | None = None
        self._end = 0

    def write(self, rows: npt.NDArray[Any]) -> None:
        """Append rows; all have one type and shape."""
        if self._array is None:
            self._array = np.empty((self._rows, *rows.shape[1:]), rows.dtype)
        self._array[self._end : self._end + len(rows)] = rows
        self._end += len(rows)

    def array(self) -> npt.NDArray[Any]:
        """Return all of it."""
        return np.empty(0) if self._array is None else self._array


def in_file(array: Any) -> bool:
    """Return whether a column lies in a file."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return isinstance(array, TextColumn | mmap.mmap)


def joined_columns(first: Any, second: Any) -> Any:
    """Return two columns of texts, or two of numbers, as one; in a file where one of them is."""
    if not (in_file(first) or in_file(second)):
        return np.concatenate([first, second])
    if first.dtype.kind != "O":
        numbers = ArrayWriter()
        for part in (first, second):
            numbers.write(part)
        return numbers.array()
    writer = TextWriter()
    writer.write(first)
    writer.write(second)
    return writer.column()
