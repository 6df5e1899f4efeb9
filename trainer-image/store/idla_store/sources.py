"""Data sources: a URI becomes a path that can be read."""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from idla_contract.uri import scheme_of

from idla_store.claims import ClaimScheme
from idla_store.errors import DigestMismatchError, RefusedError, UnreachableError
from idla_store.files import hash_file
from idla_store.https import HttpsScheme
from idla_store.local_files import FileScheme
from idla_store.policy import FetchPolicy
from idla_store.s3 import S3Scheme
from idla_store.samples import SampleScheme
from idla_store.scheme import Scheme, Surroundings

SCHEMES: Mapping[str, Scheme] = {
    "sample": SampleScheme(),
    "pvc": ClaimScheme(),
    "https": HttpsScheme(),
    "s3": S3Scheme(),
    "file": FileScheme(),
}
"""Every scheme that there is; another one is a class and a line here."""
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
    here = Surroundings(claim_mount=data_mount, samples_root=samples_root, into=into, policy=policy or FetchPolicy())
    path = _scheme(uri, here.policy).locate(uri, here)
    if digest is not None:
        found = digest_of_path(path, uri)
        if found != digest:
            raise DigestMismatchError(uri, f"its digest is {found}, expected {digest}", _REMEDY_DIGEST)
    return path


def _scheme(uri: str, policy: FetchPolicy) -> Scheme:
    name = scheme_of(uri)
    found = SCHEMES.get(name)
    if found is None:
        forms = [each.form for each in SCHEMES.values() if policy.allow_file or not isinstance(each, FileScheme)]
        known = f"{', '.join(forms[:-1])} or {forms[-1]}"
        raise RefusedError(uri, f"the scheme {name or '(none)'} is not known", f"use {known}")
    return found


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
