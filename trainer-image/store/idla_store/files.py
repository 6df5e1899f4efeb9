"""Plain files: checked, hashed and copied."""

import hashlib
import os
import shutil
import stat
from pathlib import Path, PurePosixPath

from idla_store.errors import NotFoundError, RefusedError, UnreachableError


def hash_file(path: Path) -> str:
    """Return `sha256:<hex>` of a file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path) -> None:
    """Refuse what is no plain file.

    Raises:
        RefusedError: it is a link or a special file.
        OSError: it cannot be looked at.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise RefusedError(str(path), "it is a link or a special file", "replace it by a plain file")


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of a plain file durably.

    Raises:
        NotFoundError: there is none.
        RefusedError: it is a link or a special file.
        OSError: it cannot be read or written.
    """
    try:
        check_regular(source)
        with source.open("rb") as reader, target.open("wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.fsync(writer.fileno())
    except FileNotFoundError as error:
        raise NotFoundError(str(source), "there is no such file", "check the folder and its manifest") from error
    target.chmod(0o644)


def path_inside(uri: str, root: Path, relative: PurePosixPath) -> Path:
    """Return an existing path under the root; links may not lead out of it.

    Raises:
        StoreError: one of its kinds.
    """
    try:
        base = root.resolve(strict=True)
        path = (base / relative).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(uri, f"there is no {relative} in {root}", "check the name and what is stored") from error
    except (OSError, RuntimeError) as error:
        raise UnreachableError(uri, f"it cannot be read ({error})", "check the volume and its permissions") from error
    if not path.is_relative_to(base):
        raise RefusedError(uri, "a symbolic link leads out of the volume", "replace the link by the file itself")
    return path
