"""A folder of images in OCI layout: the archive that a new machine starts from, and what containerd is fed with.

A layer is kept once, however many images have it; containerd is handed only those that it lacks.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_REFERENCE = "org.opencontainers.image.ref.name"
_IMAGE_NAME = "io.containerd.image.name"


@dataclass(frozen=True)
class Layout:
    """The images in the folder `root`, each with a reference of its own."""

    root: Path

    def manifest(self, reference: str) -> str | None:
        """Return the digest (`sha256:…`) of the image's manifest, or None when there is no such image."""
        found = self._described(reference)
        return None if found is None else str(found["digest"])

    def stream(self, reference: str, name: str, present: Collection[str], sink: IO[bytes]) -> int:
        """Write the image as a tar archive in which it is called `name`, without the blobs in `present`.

        Returns:
            The bytes of the blobs that were written.

        Raises:
            KeyError: there is no such image.
        """
        described = self._described(reference)
        if described is None:
            raise KeyError(f"{self.root} has no image {reference}")
        annotated = {**described, "annotations": {_IMAGE_NAME: name}}
        size = 0
        with tarfile.open(fileobj=sink, mode="w|", bufsize=1 << 20) as archive:
            _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            _add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [annotated]}).encode())
            for digest in self._blobs(described):
                if digest not in present:
                    archive.add(self._blob(digest), f"blobs/{digest.replace(':', '/')}", recursive=False)
                    size += self._blob(digest).stat().st_size
        return size

    def keep_newest(self, reference: str) -> None:
        """Forget the other images whose reference is equal up to its last `-`, and every blob that no image has."""
        family = reference.rpartition("-")[0]
        index = self._index()
        kept = [
            entry
            for entry in index["manifests"]
            if (known := entry["annotations"][_REFERENCE]) == reference or known.rpartition("-")[0] != family
        ]
        (self.root / "index.json").write_text(json.dumps({**index, "manifests": kept}))
        used = {digest.partition(":")[2] for entry in kept for digest in self._blobs(entry)}
        for path in (self.root / "blobs" / "sha256").iterdir():
            if path.name not in used:
                path.unlink()

    def _index(self) -> dict[str, Any]:
        path = self.root / "index.json"
        empty = {"schemaVersion": 2, "manifests": []}
        index: dict[str, Any] = json.loads(path.read_text()) if path.exists() else empty
        return index

    def _described(self, reference: str) -> dict[str, Any] | None:
        found = [entry for entry in self._index()["manifests"] if entry["annotations"][_REFERENCE] == reference]
        return found[0] if found else None

    def _blobs(self, described: dict[str, Any]) -> Iterator[str]:
        """Yield the digests of the manifest, the configuration and the layers."""
        manifest = json.loads(self._blob(described["digest"]).read_text())
        yield described["digest"]
        yield manifest["config"]["digest"]
        yield from (layer["digest"] for layer in manifest["layers"])

    def _blob(self, digest: str) -> Path:
        return self.root / "blobs" / Path(*digest.split(":"))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
