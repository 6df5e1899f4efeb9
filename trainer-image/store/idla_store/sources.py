"""Data sources: a URI becomes a path that can be read."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from idla_store.errors import DigestMismatchError, NotFoundError, RefusedError, UnreachableError
from idla_store.https import FetchPolicy, download
from idla_store.s3 import download_object

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_SCHEMES = "use sample://name, pvc://claim/path, https://host/path or s3://bucket/key"
_REMEDY_DIGEST = "correct the digest if the change is wanted, else restore the data"


def fetch(
    uri: str,
    *,
    data_mount: Path,
    samples_root: Path,
    into: Path,
    digest: str | None = None,
    policy: FetchPolicy | None = None,
) -> Path:
    """Return where the data of a URI can be read: in place, or for `https://` and `s3://` as a new file in `into`.

    Args:
        uri: `sample://name`, `pvc://claim/path`, `https://host/path`, `s3://bucket/key`, or `file:///path` where the
            policy allows it.
        data_mount: where the claim of `pvc://` is mounted.
        samples_root: the folder of the samples.
        into: the folder for downloads; made where it is missing.
        digest: `sha256:<hex>` that the data must have, as `digest_of_path` counts it.
        policy: what a fetch may do.

    Raises:
        StoreError: one of its kinds.
    """
    policy = policy or FetchPolicy()
    scheme = scheme_of(uri)
    if scheme == "sample":
        path = _sample(uri, samples_root)
    elif scheme == "pvc":
        path = claim_path(uri, data_mount)
    elif scheme == "https":
        path = _placed(uri, into, lambda partial: download(uri, partial, policy))
    elif scheme == "s3":
        path = _placed(uri, into, lambda partial: download_object(uri, partial, policy))
    elif scheme == "file":
        path = _file(uri, policy)
    else:
        raise RefusedError(uri, f"the scheme {scheme or '(none)'} is not known", _SCHEMES)
    if digest is not None:
        found = digest_of_path(path, uri)
        if found != digest:
            raise DigestMismatchError(uri, f"its digest is {found}, expected {digest}", _REMEDY_DIGEST)
    return path


def scheme_of(uri: str) -> str:
    """Return what stands before `://`, or an empty text."""
    return uri.split("://", maxsplit=1)[0] if "://" in uri else ""


def claim_path(uri: str, mount: Path) -> Path:
    """Return the existing path of `pvc://claim/path` under the mount of that claim.

    Raises:
        StoreError: malformed, outside of the mount, or not there.
    """
    claim, slash, inside = uri.removeprefix("pvc://").partition("/")
    if not uri.startswith("pvc://") or not _NAME.fullmatch(claim) or (slash and not inside):
        raise RefusedError(uri, "it does not name a claim and a path", "write pvc://claim/path")
    parts = inside.split("/") if inside else []
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise RefusedError(uri, "the path holds an empty part, `.` or `..`", "write a plain path inside the claim")
    return _inside(uri, mount, PurePosixPath(*parts))


def digest_of_path(path: Path, uri: str | None = None) -> str:
    """Return `sha256:<hex>` of a file's bytes, or of a folder's sorted list of names and file digests.

    Raises:
        RefusedError: something in the folder is neither a file nor a folder.
        UnreachableError: it cannot be read.
    """
    name = uri or str(path)
    try:
        if path.is_file():
            return hash_file(path)
        entries: dict[str, str] = {}
        for folder, folders, files in os.walk(path):
            for entry in sorted(folders + files):
                found = Path(folder, entry)
                kind = found.lstat().st_mode
                if stat.S_ISREG(kind):
                    entries[found.relative_to(path).as_posix()] = hash_file(found).removeprefix("sha256:")
                elif not stat.S_ISDIR(kind):
                    raise RefusedError(name, f"{entry} is a link or a special file", "replace it by a plain file")
    except OSError as error:
        raise UnreachableError(name, f"it cannot be read ({error})", "check the volume and its permissions") from error
    return "sha256:" + hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return `sha256:<hex>` of a file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _inside(uri: str, root: Path, relative: PurePosixPath) -> Path:
    """Return an existing path under the root; links may not lead out of it."""
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


def _sample(uri: str, root: Path) -> Path:
    name = uri.removeprefix("sample://")
    if not _NAME.fullmatch(name):
        raise RefusedError(uri, "it does not name a sample", "write sample://name")
    try:
        return _inside(uri, root, PurePosixPath(name))
    except NotFoundError as error:
        known = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        remedy = "use one of " + ", ".join(known) if known else "this image holds no samples"
        raise NotFoundError(uri, f"there is no sample {name}", remedy) from error


def _file(uri: str, policy: FetchPolicy) -> Path:
    if not policy.allow_file:
        raise RefusedError(uri, "file:// is not read in a cluster", _SCHEMES)
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.netloc or not path.is_absolute():
        raise RefusedError(uri, "it is not an absolute path on this machine", "write file:///path")
    if not path.exists():
        raise NotFoundError(uri, "there is no such path", "check it")
    return path


def _placed(uri: str, into: Path, download_to: Callable[[Path], None]) -> Path:
    """Download under a temporary name, so that the final name never has half a file."""
    into.mkdir(parents=True, exist_ok=True)
    path = re.split("[?#]", uri, maxsplit=1)[0].partition("://")[2].partition("/")[2]
    name = re.sub(r"[^A-Za-z0-9._-]", "_", PurePosixPath(path).name).lstrip(".")[-128:] or "data"
    target, partial = into / name, into / f".{name}.partial"
    try:
        download_to(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
