"""Arrays of NPZ files that nobody vouches for: nothing is unpickled, nothing unpacked before its size is known."""

import errno
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Collection
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
_ENDING = ".npy"
_ENCRYPTED = 1
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError, RuntimeError)
"""What zipfile and numpy raise where bytes are not what they should be."""


class ArraysError(ValueError):
    """The file is no NPZ of plain arrays; the message says what was found."""


class MissingArrayError(ArraysError):
    """An array is not in the file."""


class TooLargeError(ArraysError):
    """The arrays take more bytes unpacked than is allowed."""

    def __init__(self, size: int, maximum: int) -> None:
        super().__init__(f"its arrays take {size} bytes unpacked, allowed are {maximum}")
        self.size = size


def read_arrays(file: IO[bytes], maximum_bytes: int, *, names: Collection[str] | None = None) -> Arrays:
    """Return arrays of an NPZ file.

    Args:
        file: the file, which can be sought.
        maximum_bytes: how many bytes the arrays may take unpacked, all of them together.
        names: the arrays that are wanted, others are not looked at; default: all.

    Raises:
        MissingArrayError: a wanted array is not there.
        TooLargeError: they take more bytes; none of them was unpacked.
        ArraysError: no zip archive, damaged, encrypted, an array of Python objects, or a size that is not true.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive)
            wanted = sorted(members) if names is None else list(names)
            missing = [name for name in wanted if name not in members]
            if missing:
                held = ", ".join(sorted(members)) or "nothing"
                raise MissingArrayError(f"lacks the array {missing[0]!r}; it holds {held}")
            size = sum(members[name].file_size for name in wanted)
            if size > maximum_bytes:
                raise TooLargeError(size, maximum_bytes)
            return {name: _read(archive, name, members[name]) for name in wanted}
    except ArraysError:
        raise
    except _DAMAGE as error:
        raise ArraysError(str(error)) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a damaged archive leads before the beginning of its file
            raise
        raise ArraysError("its directory leads out of it") from error


def unpack(content: bytes) -> Arrays:
    """Return all arrays of an NPZ file of ours, which `numpy.savez` wrote: it is as large as what it holds.

    Raises:
        ArraysError: as `read_arrays` says, or something in it is no array.
    """
    file = io.BytesIO(content)
    arrays = read_arrays(file, len(content))
    with zipfile.ZipFile(file) as archive:
        stray = next((name for name in archive.namelist() if not name.endswith(_ENDING)), None)
    if stray is not None:
        raise ArraysError(f"it holds {stray!r}, which is no array")
    return arrays


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays' places by name, without what is no array."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(_ENDING)
        if name == info.filename:
            continue
        if name in found:
            raise ArraysError(f"it holds {name!r} twice")
        found[name] = info
    return found


def _read(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    if info.flag_bits & _ENCRYPTED or info.compress_type not in _PACKED:
        raise ArraysError(f"{name} is encrypted or packed by another method than numpy's")
    with archive.open(info) as member:
        _check_header(name, member, info.file_size)
    with archive.open(info) as member:
        array: npt.NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
    return array


def _check_header(name: str, member: IO[bytes], size: int) -> None:
    """Make sure that an array is as large as its file: numpy makes room for whatever the header tells."""
    try:
        read = _HEADERS[np.lib.format.read_magic(member)]
        shape, _, dtype = read(member)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        # numpy's own words advise to trust the file.
        raise ArraysError(f"{name} has no header of an array") from error
    if dtype.hasobject:
        raise ArraysError(
            f"{name} holds Python objects, which are never read; write numbers, or texts by {name}.astype(str)"
        )
    told, held = math.prod(shape) * dtype.itemsize, size - member.tell()
    if min(shape, default=0) < 0 or told != held:
        raise ArraysError(f"{name} tells of the shape {list(shape)} of {dtype}, {told} bytes, and holds {held}")
