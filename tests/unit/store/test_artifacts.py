import errno
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_contract.artifact import ArtifactManifest, FileEntry, digest_of
from idla_contract.lineage import Lineage
from idla_store import (
    DigestMismatchError,
    NotFoundError,
    RefusedError,
    StoreError,
    UnreachableError,
    fetch_artifact,
    publish,
    verify,
)

FILES = {"model.tflite": b"weights" * 50, "preprocess.json": b"{}"}
Fault = Callable[[Path], None]


def make(folder: Path, files: dict[str, bytes] = FILES) -> ArtifactManifest:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    lineage = Lineage(
        data_digest=digest_of(b""), template="t", image="i", seed=1, code_version="0", tensorflow_version="2"
    )
    entries = tuple(
        FileEntry(name=name, digest=digest_of(content), size_bytes=len(content)) for name, content in files.items()
    )
    return ArtifactManifest(
        task_type="ImageClassification",
        inputs=(),
        outputs=(),
        labels=("a", "b"),
        variant="Float32",
        files=entries,
        lineage=lineage,
    )


def cut_in_half(folder: Path) -> None:
    path = folder / "model.tflite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_byte(folder: Path) -> None:
    path = folder / "model.tflite"
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)


def flip_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"Float32", b"Float33"))


def remove_file(folder: Path) -> None:
    (folder / "preprocess.json").unlink()


def remove_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def add_file(folder: Path) -> None:
    (folder / "extra.bin").write_bytes(b"x")


def link_file(folder: Path) -> None:
    (folder / "preprocess.json").rename(folder.parent.parent / "elsewhere.json")
    (folder / "preprocess.json").symlink_to(folder.parent.parent / "elsewhere.json")


FAULTS = [
    (cut_in_half, DigestMismatchError),
    (flip_byte, DigestMismatchError),
    (flip_manifest, DigestMismatchError),
    (remove_file, NotFoundError),
    (remove_manifest, NotFoundError),
    (add_file, RefusedError),
    (link_file, RefusedError),
]


@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_a_damaged_artifact_is_recognised_not_fetched_and_repaired(
    tmp_path: Path, fault: Fault, error: type[StoreError]
) -> None:
    manifest = make(tmp_path / "work")
    store = tmp_path / "store"
    relative, digest, _ = publish(tmp_path / "work", store, manifest)
    fault(store / relative)
    with pytest.raises(error, match=r": .+; .+"):
        verify(store / relative, digest)
    if fault is not add_file:  # a fetch takes the listed files only
        with pytest.raises(error):
            fetch_artifact(f"pvc://claim/{relative}", digest, tmp_path / "model", mount=store)
    assert publish(tmp_path / "work", store, manifest)[1] == digest
    assert verify(store / relative, digest) == manifest
    assert [path.name for path in (store / "models").iterdir()] == [digest.replace(":", "-")]


def test_publishing_again_changes_nothing(tmp_path: Path) -> None:
    manifest = make(tmp_path / "work")
    first = publish(tmp_path / "work", tmp_path / "store", manifest)
    before = (tmp_path / "store" / first[0] / "model.tflite").stat()
    assert publish(tmp_path / "work", tmp_path / "store", manifest) == first
    assert (tmp_path / "store" / first[0] / "model.tflite").stat() == before
    assert first[2] == sum(path.stat().st_size for path in (tmp_path / "store" / first[0]).iterdir())


@pytest.mark.parametrize("fault", [cut_in_half, flip_byte, remove_file])
def test_a_damaged_source_is_not_published(tmp_path: Path, fault: Fault) -> None:
    manifest = make(tmp_path / "work")
    fault(tmp_path / "work")
    with pytest.raises(StoreError):
        publish(tmp_path / "work", tmp_path / "store", manifest)
    assert list((tmp_path / "store" / "models").iterdir()) == []


def test_a_fetch_goes_on_where_an_interrupted_one_left(tmp_path: Path) -> None:
    manifest = make(tmp_path / "work")
    relative, digest, _ = publish(tmp_path / "work", tmp_path / "store", manifest)
    into = tmp_path / "model"
    into.mkdir()
    (into / "model.tflite").write_bytes(b"half")
    assert fetch_artifact(f"pvc://claim/{relative}", digest, into, mount=tmp_path / "store") == manifest


@pytest.mark.parametrize("uri", ["file:///x", "models", "pvc://claim/../x", "pvc:///x", "s3://b/x"])
def test_artifacts_are_not_read_from_elsewhere(tmp_path: Path, uri: str) -> None:
    with pytest.raises(RefusedError):
        fetch_artifact(uri, digest_of(b""), tmp_path / "model", mount=tmp_path)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_]{0,8}", fullmatch=True), st.binary(max_size=64), min_size=1, max_size=3
    ),
    st.data(),
)
def test_any_change_of_any_byte_is_seen(files: dict[str, bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        manifest = make(root / "work", files)
        relative, digest, _ = publish(root / "work", root, manifest)
        assert verify(root / relative, digest) == manifest
        victim = data.draw(st.sampled_from(sorted((root / relative).iterdir())))
        content = bytearray(victim.read_bytes())
        position = data.draw(st.integers(0, len(content)))
        if position == len(content):
            content.append(0)
        else:
            content[position] ^= data.draw(st.integers(1, 255))
        victim.write_bytes(content)
        with pytest.raises(DigestMismatchError):
            verify(root / relative, digest)


def test_what_a_killed_publisher_left_is_removed_after_an_hour(tmp_path: Path) -> None:
    manifest = make(tmp_path / "work")
    models = tmp_path / "store" / "models"
    for name in (".sha256-old.x1", ".sha256-new.x2"):
        (models / name).mkdir(parents=True)
        (models / name / "model.tflite").write_bytes(b"half")
    two_hours_ago = time.time() - 7200
    os.utime(models / ".sha256-old.x1", (two_hours_ago, two_hours_ago))
    relative, _, _ = publish(tmp_path / "work", tmp_path / "store", manifest)
    assert sorted(path.name for path in models.iterdir()) == [".sha256-new.x2", Path(relative).name]


SYNCS = 5
"""Both files, the manifest, the folder, and the one above it when the artifact has its name."""


@pytest.mark.parametrize("written", range(SYNCS))
def test_a_store_that_is_full_at_any_moment_holds_no_half_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    source, store = tmp_path / "source", tmp_path / "store"
    manifest = make(source)
    sync, left = os.fsync, written

    def full(handle: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnreachableError, match="No space left on device"):
        publish(source, store, manifest)
    found = list(store.glob("models/*"))
    left = SYNCS
    relative, digest, _ = publish(source, store, manifest)
    assert found == ([store / relative] if written == SYNCS - 1 else [])
    verify(store / relative, digest)
