"""Which files of a folder or an archive are pictures of which class, and archives that mean harm."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from idla_contract.task import DataFormat
from idla_trainer.data.formats import picture_files
from idla_trainer.data.formats.format_detection import detect_format
from idla_trainer.data.formats.image_folder import ClassFolders, class_folders, labelled_files

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

_LEFT = "files are no pictures and are left out"
ARRANGED: dict[str, tuple[list[str], ClassFolders]] = {
    "a folder for each class": (["cat/a.jpg", "dog/b.PNG"], ClassFolders((0, 1), ("cat", "dog"))),
    "one folder around": (["all/photos/cat/a.jpg", "all/photos/dog/b.png"], ClassFolders((0, 1), ("cat", "dog"))),
    "what macOS adds": (["p/cat/a.jpg", "__MACOSX/p/cat/._a.jpg", "p/dog/b.png"], ClassFolders((0, 2), ("cat", "dog"))),
    "other files": (
        ["cat/Thumbs.db", "cat/a.jpg", "dog/b.jpeg", "dog/.DS_Store", "read.me"],
        ClassFolders((1, 2), ("cat", "dog"), warnings=(f"3 {_LEFT}: 'cat/Thumbs.db', 'dog/.DS_Store', 'read.me'",)),
    ),
    "pictures of other formats are tried": (["cat/a.webp", "dog/b.heic"], ClassFolders((0, 1), ("cat", "dog"))),
    "a picture without a class": (
        ["a.jpg", "cat/a.jpg", "dog/b.jpg"],
        ClassFolders(
            (1, 2),
            ("cat", "dog"),
            warnings=("1 pictures stand in no folder of a class and are left out: 'a.jpg'",),
        ),
    ),
    "ways out": (
        ["../cat/a.jpg", "/cat/b.jpg", "cat/../../c.jpg", "./cat/d.jpg", "dog/e.jpg"],
        ClassFolders(
            (3, 4),
            ("cat", "dog"),
            warnings=(f"3 {_LEFT}: '../cat/a.jpg', '/cat/b.jpg', 'cat/../../c.jpg'",),
        ),
    ),
    "parts": (
        ["set/train/cat/a.jpg", "set/val/cat/b.jpg", "set/test/dog/c.jpg"],
        ClassFolders(
            (0, 1, 2),
            ("cat", "cat", "dog"),
            (False, False, True),
            ("the pictures of 'test' are the test split, those of 'train', 'val' for training and validation",),
        ),
    ),
    "parts without a test": (
        ["train/cat/a.jpg", "validation/dog/b.jpg"],
        ClassFolders(
            (0, 1),
            ("cat", "dog"),
            warnings=(
                "the pictures of 'train', 'validation' are taken together and split by the shares of data.split",
            ),
        ),
    ),
    "classes that are called as parts are": (["train/a.jpg", "test/b.jpg"], ClassFolders((0, 1), ("train", "test"))),
}


@pytest.mark.parametrize("name", ARRANGED)
def test_the_paths_tell_the_classes(name: str) -> None:
    names, expected = ARRANGED[name]
    assert class_folders(names, "photos") == expected


def test_an_empty_folder_is_no_class_and_told_of(tmp_path: Path) -> None:
    for name in ("cat", "dog", "owl"):
        (tmp_path / name).mkdir()
    for name in ("cat", "dog"):
        (tmp_path / name / "a.jpg").write_bytes(b"a")
    found = labelled_files(tmp_path)
    assert (found.labels, found.folders.warnings) == (("cat", "dog"), ("1 folders are empty and no class: 'owl'",))


UNCLEAR = {
    "nothing": [],
    "no folder": ["a.jpg", "b.jpg"],
    "no picture": ["cat/a.txt"],
    "classes in classes": ["cat/black/a.jpg", "cat/white/b.jpg", "dog/c.jpg"],
    "classes in the classes of parts": ["train/pet/cat/a.jpg", "test/pet/cat/b.jpg"],
    "parts without one to learn from": ["val/cat/a.jpg", "test/dog/b.jpg"],
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_names_no_classes_is_refused(name: str, golden: Golden) -> None:
    golden(refused(lambda: class_folders(UNCLEAR[name], "photos"))[1])


CONTENT = {
    "set/dog/b.png": b"b" * 2000,
    "set/cat/a.jpg": b"a",
    "set/cat/notes.txt": b"",
    "__MACOSX/set/cat/._a.jpg": b"-",
}


def zip_of(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.mkdir("set")
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def tar_of(path: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("set/cat/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar", "photos.tar.gz", "photos.TGZ"])
@pytest.mark.parametrize("alone", [True, False], ids=["the file", "its folder"])
def test_an_archive_is_read_where_it_lies(tmp_path: Path, name: str, *, alone: bool) -> None:
    make: Callable[..., Path] = zip_of if name.endswith("zip") else tar_of
    kind, path = detect_format(
        make(tmp_path / name, CONTENT) if alone else make(tmp_path / name, CONTENT).parent, DataFormat.AUTO
    )
    assert (kind, path) == (DataFormat.IMAGE_FOLDER, tmp_path / name)
    found = labelled_files(path)
    assert (found.names, found.labels) == (("set/dog/b.png", "set/cat/a.jpg"), ("dog", "cat"))
    assert found.folders.warnings == (f"1 {_LEFT}: 'set/cat/notes.txt'",)
    assert [list(found.contents()) for _ in range(2)] == 2 * [[b"b" * 2000, b"a"]]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_what_cannot_be_read_of_an_archive_is_said(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "p.zip", {"cat/a.jpg": b"plain words", "dog/b.jpg": b"x"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"plain words", b"other words"))
    assert list(labelled_files(path).contents()) == ["a damaged file (Bad CRC-32 for file 'cat/a.jpg')", b"x"]
    packed = zip_of(tmp_path / "p.zip", {"cat/a.jpg": b"a"}, zipfile.ZIP_LZMA)
    assert list(labelled_files(packed).contents()) == ["a file that is compressed by the method 14, not by deflate"]


def test_no_more_of_a_file_is_unpacked_than_a_picture_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "_LARGEST_READ", 10_240)
    for path in (
        zip_of(tmp_path / "p.zip", {"a/a.jpg": bytes(90_000)}),
        tar_of(tmp_path / "p.tgz", {"a/a.jpg": bytes(90_000)}),
    ):
        assert list(labelled_files(path).contents()) == [bytes(10_240)]


def bomb(path: Path) -> Path:
    """Write a tar archive with a name of 3 MB, as a header may tell of."""
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x" * 3_000_000))
    return path


def cut(path: Path) -> Path:
    tar_of(path, CONTENT)
    path.write_bytes(path.read_bytes()[:-40])
    return path


HARMFUL: dict[str, Callable[[Path], Path]] = {
    "many files": lambda folder: zip_of(folder / "p.zip", {f"cat/{number}.jpg": b"" for number in range(5)}),
    "many files in a tar": lambda folder: tar_of(folder / "p.tar", {f"cat/{number}.jpg": b"" for number in range(5)}),
    "many bytes": lambda folder: tar_of(folder / "p.tgz", {"cat/1.jpg": bytes(1 << 20), "cat/2.jpg": bytes(1 << 20)}),
    "an endless name": lambda folder: bomb(folder / "p.tgz"),
    "half a tar": lambda folder: cut(folder / "p.tgz"),
    "no zip": lambda folder: (folder / "p.zip", (folder / "p.zip").write_bytes(b"no zip"))[0],
}


@pytest.mark.parametrize("name", HARMFUL)
def test_an_archive_that_means_harm_is_refused(
    tmp_path: Path, name: str, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_files, "MOST_FILES", 4)
    monkeypatch.setattr(picture_files, "MOST_UNPACKED", (1 << 21) - 1)
    monkeypatch.setattr(picture_files, "_LARGEST_READ", 1 << 20)
    path = HARMFUL[name](tmp_path)
    golden(refused(lambda: labelled_files(path))[1])
