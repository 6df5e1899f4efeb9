"""Files in a folder or an archive, read one after another; of an archive nothing is unpacked to the disk."""

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Self

from idla_preprocess.decode import MAXIMUM_BYTES
from typing_extensions import override

from idla_trainer.data.formats.files import opened
from idla_trainer.data.formats.refusals import invalid, unreadable

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
MOST_FILES = 500_000
"""Of an archive: the names of more take hundreds of megabytes, and a small file can hold them."""
MOST_UNPACKED = 64 << 30
"""Bytes of a tar archive's files, which are all unpacked to pass them by."""
_LARGEST_READ = MAXIMUM_BYTES + 1
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, tarfile.TarError, ValueError)

Content = bytes | str
"""What a file holds, cut behind the largest picture; a text says why it cannot be read."""
Files = Iterator[tuple[str, Callable[[], Content]]]
"""The path of each file, with `/` between folders, and what reads it, until the next one is asked for."""


def is_archive(path: Path) -> bool:
    """Return whether a file is called as an archive that can be read."""
    return path.name.lower().endswith(ARCHIVES)


def files_in(path: Path) -> Files:
    """Return the files of a folder, in the order of their names, or of an archive, in its own order.

    Raises:
        TaskError: it is neither; while they are passed over: they cannot be read, or are too many.
    """
    if path.is_dir():
        return _in_folder(path)
    if not is_archive(path):
        raise invalid(
            f"{path.name} is no folder and no archive ({', '.join(ARCHIVES)}); an image folder holds a folder of "
            "images for each class"
        )
    return _in_zip(path) if path.name.lower().endswith(".zip") else _in_tar(path)


def content_of(folder: Path, name: str) -> Content:
    """Return what a file in a folder holds; a link is not followed.

    Raises:
        TaskError: it is no plain file.
    """
    path = folder / name
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise invalid(f"{name} is a link or a special file; replace it by a plain file")
        with path.open("rb") as file:
            return file.read(_LARGEST_READ)
    except (OSError, ValueError) as error:
        return f"a file that cannot be read ({getattr(error, 'strerror', error)})"


def _in_folder(path: Path) -> Files:
    for folder, folders, files in os.walk(path):
        folders.sort()
        for file in sorted(files):
            name = Path(folder, file).relative_to(path).as_posix()
            yield name, partial(content_of, path, name)


def _in_zip(path: Path) -> Files:
    with _refusing(path, "zip"), zipfile.ZipFile(path) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        _check_size(path, len(files), 0)
        for info in files:
            yield info.filename.replace("\\", "/"), partial(_unzip, archive, info)


def _unzip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Content:
    if info.flag_bits & _ENCRYPTED:
        return "an encrypted file"
    if info.compress_type not in _METHODS:  # of another one a few bytes may ask for gigabytes of memory
        return f"a file that is compressed by the method {info.compress_type}, not by deflate"
    try:
        with archive.open(info) as file:
            return file.read(_LARGEST_READ)
    except (*_DAMAGE, NotImplementedError, RuntimeError) as error:
        return f"a damaged file ({error})"


def _in_tar(path: Path) -> Files:
    """Return the files of an archive, compressed by gzip or not. Links and devices are none."""
    unpacked = 0
    with (
        _refusing(path, "tar"),
        opened(path) as raw,
        tarfile.open(fileobj=_Bounded(raw), mode="r:", tarinfo=_WholeHeader) as archive,
    ):
        for count, member in enumerate(archive, 1):
            unpacked += member.size
            _check_size(path, count, unpacked)
            if member.isreg():
                yield member.name, partial(_untar, path, archive, member)


def _untar(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Content:
    with _refusing(path, "tar"):
        file = archive.extractfile(member)
        return b"" if file is None else file.read(_LARGEST_READ)


class _WholeHeader(tarfile.TarInfo):
    """The head of a file in an archive; a damaged or missing one does not end the archive, as tarfile has it."""

    @classmethod
    @override
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the zeros at the end, which the stubs do not know
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class _Bounded:
    """A file of which no large part is read at once: a header may tell of a name of gigabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise ValueError(f"{size} bytes are to be read at once, allowed are {_LARGEST_READ}")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def _refusing(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise unreadable(path, kind, str(error), "copy it again, or unpack it and name the folder") from error


def _check_size(path: Path, files: int, unpacked: int) -> None:
    if files > MOST_FILES or unpacked > MOST_UNPACKED:
        raise invalid(
            f"{path.name} unpacks to more than {MOST_FILES} files or {MOST_UNPACKED >> 30} GiB; unpack it and name the "
            "folder"
        )
