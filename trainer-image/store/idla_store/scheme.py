"""What a scheme of addresses can do: the one interface behind which each of them is."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ClassVar

from idla_store.policy import FetchPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a process has beside an address."""

    claim_mount: Path
    """Where the claim of `pvc://` is mounted."""
    samples_root: Path
    """The folder of the samples."""
    into: Path
    """The folder for downloads; made where it is missing."""
    policy: FetchPolicy = field(default_factory=FetchPolicy)


class Scheme(ABC):
    """Data behind addresses of one scheme."""

    form: ClassVar[str]
    """How such an address is written."""

    @abstractmethod
    def locate(self, uri: str, here: Surroundings) -> Path:
        """Return where the data can be read: in place, or as a new file in `here.into`.

        Raises:
            StoreError: one of its kinds.
        """


class ArtifactScheme(Scheme):
    """A scheme whose addresses may also name the folder of an artifact."""

    @abstractmethod
    def take(self, uri: str, name: str, target: Path, here: Surroundings) -> None:
        """Write the bytes of one file of the folder to `target`.

        Raises:
            StoreError: one of its kinds.
            OSError: the file cannot be written.
        """


def placed(uri: str, into: Path, download_to: Callable[[Path], None]) -> Path:
    """Download under a temporary name, so that the final name never has half a file; return the final path."""
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
