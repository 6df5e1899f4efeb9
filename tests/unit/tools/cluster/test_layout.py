"""An image leaves the archive under its new name with the blobs that are wanted; old ones are forgotten whole."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tools.cluster.layout import Layout


class Folder:
    """A layout on disk, filled as skopeo does."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.blobs = root / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        self.index: list[dict[str, object]] = []

    def blob(self, content: str) -> str:
        digest = hashlib.sha256(content.encode()).hexdigest()
        (self.blobs / digest).write_text(content)
        return f"sha256:{digest}"

    def add(self, reference: str, *layers: str) -> list[str]:
        """Add an image and return the digests of manifest, configuration and layers."""
        described = [{"digest": self.blob(layer), "size": len(layer)} for layer in layers]
        config = self.blob(f"configuration of {reference}")
        manifest = self.blob(json.dumps({"config": {"digest": config}, "layers": described}))
        entry = {"digest": manifest, "size": 1, "annotations": {"org.opencontainers.image.ref.name": reference}}
        self.index.append(entry)
        (self.layout.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.index}))
        return [manifest, config, *(str(layer["digest"]) for layer in described)]

    def kept(self) -> set[str]:
        return {f"sha256:{path.name}" for path in self.blobs.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def read(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {entry.name: opened.extractfile(entry).read() for entry in opened}  # type: ignore[union-attr]  # all are files


def test_a_whole_image_under_another_name(folder: Folder) -> None:
    digests = folder.add("server-1", "base", "code")
    sink = io.BytesIO()
    size = folder.layout.stream("server-1", "docker.io/idla/server:dev", (), sink)
    content = read(sink.getvalue())
    index = json.loads(content.pop("index.json"))
    assert [entry["annotations"] for entry in index["manifests"]] == [
        {"io.containerd.image.name": "docker.io/idla/server:dev"}
    ]
    assert json.loads(content.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    assert set(content) == {f"blobs/{digest.replace(':', '/')}" for digest in digests}
    assert sum(map(len, content.values())) == size


def test_only_the_newest_of_its_kind_stays_and_what_others_share(folder: Folder) -> None:
    folder.add("server-1", "base", "packages", "old code")
    packages = folder.add("server-packages-7", "base", "packages")
    newest = folder.add("server-2", "base", "packages", "code")
    folder.layout.keep_newest("server-2")
    assert folder.kept() == {*packages, *newest}
    assert [folder.layout.manifest(name) for name in ("server-1", "server-2", "server-packages-7")] == [
        None, newest[0], packages[0]
    ]  # fmt: skip
