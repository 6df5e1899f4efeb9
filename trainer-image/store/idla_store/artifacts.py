"""Artifact folders: published whole or not at all, and verified by every reader."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from idla_contract.artifact import MANIFEST, ArtifactManifest, canonical_bytes, digest_of
from idla_contract.paths import STORE_MOUNT, artifact_folder
from idla_contract.uri import scheme_of
from pydantic import ValidationError

from idla_store.errors import DigestMismatchError, NotFoundError, RefusedError, StoreError, UnreachableError
from idla_store.files import check_regular, copy_file, hash_file
from idla_store.policy import FetchPolicy
from idla_store.scheme import ArtifactScheme, Surroundings
from idla_store.sources import SCHEMES

_MANIFEST_LIMIT = 1 << 20
_ABANDONED_SECONDS = 3600
_PUBLISH_AGAIN = "publish the artifact again"


def publish(folder: Path, store_root: Path, manifest: ArtifactManifest) -> tuple[str, str, int]:
    """Copy an artifact into the store under its digest; the folder appears whole or not at all.

    An intact artifact that is there already is left as it is; a damaged one is replaced.

    Args:
        folder: holds the files that the manifest lists; other files stay behind.
        store_root: the root of the store.
        manifest: becomes `manifest.json`.

    Returns:
        The folder relative to the root, the artifact's digest, and the size of all its files in bytes.

    Raises:
        NotFoundError: a listed file is missing.
        DigestMismatchError: a listed file has other bytes than the manifest says.
        UnreachableError: the store cannot be written.
    """
    content = canonical_bytes(manifest)
    digest = digest_of(content)
    relative = artifact_folder(digest)
    size = len(content) + sum(entry.size_bytes for entry in manifest.files)
    target = store_root / relative
    if _is_intact(target, digest):
        return relative, digest, size
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for entry in manifest.files:
                copy_file(folder / entry.name, work / entry.name)
            _write(work / MANIFEST, content)
            work.chmod(0o755)
            sync_folder(work)
            verify(work, digest)
            _move(work, target, digest)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        problem = f"the store cannot be written ({error})"
        raise UnreachableError(str(target), problem, "check the volume, its free space and its permissions") from error
    return relative, digest, size


def verify(folder: Path, digest: str, *, names: Collection[str] | None = None) -> ArtifactManifest:
    """Return the manifest of an artifact folder after every byte of the folder was found to be as promised.

    Args:
        folder: the artifact folder.
        digest: the artifact's digest.
        names: the files that the reader knows; default: any.

    Raises:
        NotFoundError: the folder, its manifest or a listed file is missing.
        DigestMismatchError: the manifest or a file has other bytes.
        RefusedError: a name that the manifest does not list or the reader does not know, a link or a special file, or
            an unreadable manifest.
        UnreachableError: something cannot be read.
    """
    try:
        return _verify(folder, digest, names)
    except FileNotFoundError as error:
        raise NotFoundError(str(folder), f"there is no {error.filename}", _PUBLISH_AGAIN) from error
    except OSError as error:
        problem = f"it cannot be read ({error})"
        raise UnreachableError(str(folder), problem, "check the volume and its permissions") from error


def fetch_artifact(
    uri: str,
    digest: str,
    into: Path,
    *,
    mount: Path = Path(STORE_MOUNT),
    policy: FetchPolicy | None = None,
    names: Collection[str] | None = None,
) -> ArtifactManifest:
    """Copy an artifact folder into `into` and verify it there; only then may it be used.

    Args:
        uri: `pvc://claim/folder` or `https://host/folder`.
        digest: the artifact's digest.
        into: an empty folder, or one that an interrupted fetch left; made where it is missing.
        mount: where the claim of `pvc://` is mounted.
        policy: what a fetch may do.
        names: the files that the reader knows, default: any; of an artifact with another one no file is fetched.

    Raises:
        StoreError: one of its kinds.
    """
    policy = policy or FetchPolicy()
    scheme = _artifact_scheme(uri)

    def take(name: str, limit: int) -> None:
        target = into / name
        target.unlink(missing_ok=True)
        smaller = dataclasses.replace(policy, maximum_bytes=min(limit, policy.maximum_bytes))
        # Samples are never artifacts, so their root is never looked at.
        here = Surroundings(claim_mount=mount, samples_root=into, into=into, policy=smaller)
        scheme.take(uri, name, target, here)

    try:
        into.mkdir(parents=True, exist_ok=True)
        take(MANIFEST, _MANIFEST_LIMIT)
        manifest = _read_manifest(into, digest, uri, names)
        for entry in manifest.files:
            take(entry.name, entry.size_bytes)
    except OSError as error:
        problem = f"it cannot be copied to {into} ({error})"
        raise UnreachableError(uri, problem, "check both volumes, free space and permissions") from error
    return verify(into, digest, names=names)


def _artifact_scheme(uri: str) -> ArtifactScheme:
    found = SCHEMES.get(scheme_of(uri))
    if isinstance(found, ArtifactScheme):
        return found
    forms = [scheme.form for scheme in SCHEMES.values() if isinstance(scheme, ArtifactScheme)]
    problem = f"artifacts are not read from {scheme_of(uri) or 'a URI without a scheme'}"
    raise RefusedError(uri, problem, f"use {' or '.join(forms)}, the path that of the folder")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _verify(folder: Path, digest: str, names: Collection[str] | None) -> ArtifactManifest:
    manifest = _read_manifest(folder, digest, str(folder), names)
    sizes = {entry.name: entry.size_bytes for entry in manifest.files}
    for path in sorted(folder.iterdir()):
        if path.name != MANIFEST and path.name not in sizes:
            problem = f"it holds {path.name}, which the manifest does not list"
            raise RefusedError(str(folder), problem, "remove it or " + _PUBLISH_AGAIN)
    for entry in manifest.files:
        path = folder / entry.name
        check_regular(path)
        found_size = path.lstat().st_size
        if found_size != entry.size_bytes:
            problem = f"{entry.name} has {found_size} bytes, expected {entry.size_bytes}"
            raise DigestMismatchError(str(folder), problem, _PUBLISH_AGAIN)
        found = hash_file(path)
        if found != entry.digest:
            problem = f"{entry.name} has the digest {found}, expected {entry.digest}"
            raise DigestMismatchError(str(folder), problem, _PUBLISH_AGAIN)
    return manifest


def _read_manifest(folder: Path, digest: str, uri: str, names: Collection[str] | None) -> ArtifactManifest:
    path = folder / MANIFEST
    check_regular(path)
    if path.lstat().st_size > _MANIFEST_LIMIT:
        raise RefusedError(uri, f"{MANIFEST} is larger than {_MANIFEST_LIMIT} bytes", _PUBLISH_AGAIN)
    content = path.read_bytes()
    found = digest_of(content)
    if found != digest:
        problem = f"{MANIFEST} has the digest {found}, expected {digest}"
        raise DigestMismatchError(uri, problem, "correct the digest, or " + _PUBLISH_AGAIN)
    try:
        manifest = ArtifactManifest.model_validate_json(content)
    except ValidationError as error:
        raise RefusedError(uri, f"{MANIFEST} cannot be understood ({error})", _PUBLISH_AGAIN) from error
    unknown = sorted(entry.name for entry in manifest.files if names is not None and entry.name not in names)
    if unknown and names is not None:
        problem = (
            f"{MANIFEST} lists {', '.join(unknown)}, which nobody here reads; allowed are {', '.join(sorted(names))}"
        )
        raise RefusedError(uri, problem, _PUBLISH_AGAIN)
    return manifest


def _is_intact(folder: Path, digest: str) -> bool:
    try:
        verify(folder, digest)
    except StoreError:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o644)


def _sweep(models: Path) -> None:
    """Remove what killed publishers left; a folder that was touched within the hour may belong to a living one."""
    for rest in models.glob(".sha256-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - rest.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(rest, ignore_errors=True)


def _move(work: Path, target: Path, digest: str) -> None:
    """Give the finished folder its name; what is there and damaged goes first."""
    try:
        work.rename(target)
    except OSError:
        if _is_intact(target, digest):
            return  # another publisher was faster
        _set_aside(target)
        work.rename(target)


def _set_aside(target: Path) -> None:
    trash = Path(tempfile.mkdtemp(prefix=f".{target.name}.damaged.", dir=target.parent))
    with contextlib.suppress(FileNotFoundError):
        target.rename(trash / target.name)
    shutil.rmtree(trash, ignore_errors=True)
