"""Where the examples of a task are: fetched and checked."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from idla_store import FetchPolicy, digest_of_path, fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a pod looks for data."""

    data_mount: Path
    samples: Path
    downloads: Path
    policy: FetchPolicy | None = None
    """What a fetch may do, and with which keys. Default: public addresses, no keys."""


def fetch_data(uri: str, digest: str | None, origin: Origin) -> tuple[Path, str]:
    """Return the file or folder with the data of an address, and their digest.

    Raises:
        StoreError: they cannot be fetched, or have another digest.
    """
    found = fetch(
        uri,
        data_mount=origin.data_mount,
        samples_root=origin.samples,
        # A folder of its own: training and test data may have the same name.
        into=origin.downloads / hashlib.sha256(uri.encode()).hexdigest()[:16],
        digest=digest,
        policy=origin.policy,
    )
    return found, digest or digest_of_path(found, uri)
