"""Files in a folder or an archive, read one after another; of an archive nothing is unpacked to the disk."""

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from idla_preprocess.decode import MAXIMUM_BYTES

from idla_trainer.data.formats.files import opened
from idla_trainer.data.formats.refusals import invalid, unreadable

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
MOST_FILES = 500_000
"""Of an archive: the names of more take hundreds of megabytes, and a small file can hold them."""
MOST_UNPACKED = 64 << 30
"""Bytes of a tar archive's files, which are all unpacked to pass them by."""
_LARGEST_READ = MAXIMUM_BYTES + 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_AGAIN = "copy it again, or unpack it and name the folder"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, tarfile.TarError, ValueError)

Content = bytes | str
"""What a file holds, cut behind the largest picture; a text says why it cannot be read."""


class Files(Protocol):
    """Named files."""

    @property
    def path(self) -> Path:
        """Return where they are."""
        ...

    def names(self) -> Iterator[str]:
        """Yield the path of each file inside, with `/` between folders.

        Raises:
            TaskError: they cannot be read, or are too many.
        """
        ...

    def contents(self, places: Sequence[int]) -> Iterator[Content]:
        """Yield what the files at these places among `names`, in ascending order, hold.

        Raises:
            TaskError: they cannot be read.
        """
        ...


def is_archive(path: Path) -> bool:
    """Return whether a file is called as an archive that can be read."""
    return path.name.lower().endswith(ARCHIVES)


def files_in(path: Path) -> Files:
    """Return the files of a folder or of an archive.

    Raises:
        TaskError: it is neither.
    """
    if path.is_dir():
        return _Folder(path)
    if not is_archive(path):
        raise invalid(
            f"{path.name} is no folder and no archive ({', '.join(ARCHIVES)}); an image folder holds a folder of "
            "images for each class"
        )
    return _Zip(path) if path.name.lower().endswith(".zip") else _Tar(path)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder; its files come in the order of their names."""

    path: Path

    def names(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.path):
            folders.sort()
            for name in sorted(files):
                yield Path(folder, name).relative_to(self.path).as_posix()

    def contents(self, places: Sequence[int]) -> Iterator[Content]:
        names = list(self.names())
        for place in places:
            yield content_of(self.path, names[place])


def content_of(folder: Path, name: str) -> Content:
    """Return what a file in a folder holds; a link is not followed.

    Raises:
        TaskError: it is no plain file.
    """
    path = folder / name
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISREG(kind):
            raise invalid(f"{name} is a link or a special file; replace it by a plain file")
        with path.open("rb") as file:
            return file.read(_LARGEST_READ)
    except (OSError, ValueError) as error:
        return f"a file that cannot be read ({getattr(error, 'strerror', error)})"


@dataclass(frozen=True, slots=True)
class _Zip:
    """A zip archive; its files come in the order of its list."""

    path: Path

    def names(self) -> Iterator[str]:
        with self._opened() as archive:
            yield from (info.filename.replace("\\", "/") for info in self._files(archive))

    def contents(self, places: Sequence[int]) -> Iterator[Content]:
        with self._opened() as archive:
            files = self._files(archive)
            for place in places:
                yield _unzipped(archive, files[place])

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            archive = zipfile.ZipFile(self.path)
        except _DAMAGE as error:
            raise unreadable(self.path, "zip", str(error), _AGAIN) from error
        with archive:
            yield archive

    def _files(self, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if len(files) > MOST_FILES:
            raise _too_many(self.path)
        return files


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Content:
    if info.flag_bits & _ENCRYPTED:
        return "an encrypted file"
    if info.compress_type not in _METHODS:  # of another one a few bytes may ask for gigabytes of memory
        return f"a file that is compressed by the method {info.compress_type}, not by deflate"
    try:
        with archive.open(info) as file:
            return file.read(_LARGEST_READ)
    except (*_DAMAGE, NotImplementedError, RuntimeError) as error:
        return f"a damaged file ({error})"


@dataclass(frozen=True, slots=True)
class _Tar:
    """A tar archive, compressed by gzip or not; its files come in its order. Links and devices are no files."""

    path: Path

    def names(self) -> Iterator[str]:
        for _, member in self._members():
            yield member.name

    def contents(self, places: Sequence[int]) -> Iterator[Content]:
        wanted = iter(places)
        following = next(wanted, None)
        for place, (archive, member) in enumerate(self._members()):
            if following is None:
                return
            if place == following:
                following = next(wanted, None)
                file = archive.extractfile(member)
                yield b"" if file is None else file.read(_LARGEST_READ)

    def _members(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        unpacked = 0
        try:
            with opened(self.path) as raw, tarfile.open(fileobj=_Bounded(raw), mode="r:") as archive:
                for count, member in enumerate(archive):
                    unpacked += member.size
                    if count >= MOST_FILES or unpacked > MOST_UNPACKED:
                        raise _too_many(self.path)
                    if member.isreg():
                        yield archive, member
        except _DAMAGE as error:
            raise unreadable(self.path, "tar", str(error), _AGAIN) from error


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


def _too_many(path: Path) -> Exception:
    return invalid(
        f"{path.name} unpacks to more than {MOST_FILES} files or {MOST_UNPACKED >> 30} GiB; unpack it and name the "
        "folder"
    )
