"""Which files of a folder or an archive are pictures of which class, and archives that mean harm."""

import gzip
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
BOTH = ("cat", "dog")
PARTED = "the pictures of 'test' are the test split, those of 'train', 'val' for training and validation"
TOGETHER = "the pictures of 'train', 'validation' are taken together and split by the shares of data.split"
LOOSE = "1 pictures stand in no folder of a class and are left out: 'a.jpg'"
ARRANGED: dict[str, tuple[list[str], ClassFolders]] = {
    "a folder for each class": (["cat/a.jpg", "dog/b.PNG"], ClassFolders((0, 1), BOTH)),
    "one folder around": (["all/photos/cat/a.jpg", "all/photos/dog/b.png"], ClassFolders((0, 1), BOTH)),
    "what macOS adds": (["p/cat/a.jpg", "__MACOSX/p/cat/._a.jpg", "p/dog/b.png"], ClassFolders((0, 2), BOTH)),
    "other files": (
        ["cat/Thumbs.db", "cat/a.jpg", "dog/b.jpeg", "dog/.DS_Store", "read.me"],
        ClassFolders((1, 2), BOTH, warnings=(f"3 {_LEFT}: 'cat/Thumbs.db', 'dog/.DS_Store', 'read.me'",)),
    ),
    "pictures of other formats are tried": (["cat/a.webp", "dog/b.heic"], ClassFolders((0, 1), BOTH)),
    "a picture without a class": (
        ["a.jpg", "cat/a.jpg", "dog/b.jpg"], ClassFolders((1, 2), BOTH, warnings=(LOOSE,)),
    ),
    "ways out": (
        ["../cat/a.jpg", "/cat/b.jpg", "cat/../../c.jpg", "./cat/d.jpg", "dog/e.jpg"],
        ClassFolders((3, 4), BOTH, warnings=(f"3 {_LEFT}: '../cat/a.jpg', '/cat/b.jpg', 'cat/../../c.jpg'",)),
    ),
    "parts": (
        ["set/train/cat/a.jpg", "set/val/cat/b.jpg", "set/test/dog/c.jpg"],
        ClassFolders((0, 1, 2), ("cat", "cat", "dog"), (False, False, True), (PARTED,)),
    ),
    "parts without a test": (
        ["train/cat/a.jpg", "validation/dog/b.jpg"], ClassFolders((0, 1), BOTH, warnings=(TOGETHER,)),
    ),
    "classes that are called as parts are": (["train/a.jpg", "test/b.jpg"], ClassFolders((0, 1), ("train", "test"))),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRANGED)
def test_the_paths_tell_the_classes(name: str) -> None:
    names, expected = ARRANGED[name]
    assert class_folders(names, "photos") == expected


def test_an_empty_folder_is_no_class_and_told_of_and_a_link_is_refused(tmp_path: Path, golden: Golden) -> None:
    for name in ("cat", "dog", "owl"):
        (tmp_path / name).mkdir()
    (tmp_path / "cat/.a.jpg").write_bytes(b"hidden")
    (tmp_path / "cat/a.jpg").write_bytes(b"a")
    (tmp_path / "dog/a.jpg").symlink_to("../cat/a.jpg")
    found = labelled_files(tmp_path)
    assert (found.folders.labels, found.folders.warnings) == (
        ("cat", "dog"), (f"1 {_LEFT}: 'cat/.a.jpg'", "1 folders are empty and no class: 'owl'"),
    )  # fmt: skip
    golden(refused(lambda: list(found.contents()))[1])


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
    "set/dog/b.png": b"b" * 2000, "set/cat/a.jpg": b"a", "set/cat/notes.txt": b"", "__MACOSX/set/cat/._a.jpg": b"-",
}  # fmt: skip


def pack(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write an archive; a tar has a link besides."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.mkdir("set")
            for name, content in contents.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz", format=tarfile.GNU_FORMAT) as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("set/cat/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return path


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar", "photos.tar.gz", "photos.TGZ"])
@pytest.mark.parametrize("alone", [True, False], ids=["the file", "its folder"])
def test_an_archive_is_read_where_it_lies(tmp_path: Path, name: str, *, alone: bool) -> None:
    made = pack(tmp_path / name, CONTENT)
    kind, path = detect_format(made if alone else tmp_path, DataFormat.AUTO)
    assert (kind, path) == (DataFormat.IMAGE_FOLDER, made)
    found = labelled_files(path)
    assert (found.names, found.folders.labels) == (("set/dog/b.png", "set/cat/a.jpg"), ("dog", "cat"))
    assert found.folders.warnings == (f"1 {_LEFT}: 'set/cat/notes.txt'",)
    assert [list(found.contents()) for _ in range(2)] == 2 * [[b"b" * 2000, b"a"]]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_what_cannot_be_read_of_an_archive_is_said(tmp_path: Path) -> None:
    path = pack(tmp_path / "p.zip", {"cat/a.jpg": b"plain words", "dog/b.jpg": b"x"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"plain words", b"other words"))
    assert next(labelled_files(path).contents()) == "a damaged file (Bad CRC-32 for file 'cat/a.jpg')"
    packed = pack(tmp_path / "p.zip", {"cat/a.jpg": b"a"}, zipfile.ZIP_LZMA)
    assert list(labelled_files(packed).contents()) == ["a file that is compressed by the method 14, not by deflate"]
    locked = bytearray(pack(tmp_path / "p.zip", {"cat/a.jpg": b"a"}).read_bytes())
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(locked)
    assert list(labelled_files(path).contents()) == ["an encrypted file"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:1030] + b"x" + content[1031:], id="a broken head"),
        pytest.param(lambda content: content[:1024], id="cut before a file"),
        pytest.param(lambda content: content[:1100], id="cut in a head"),
    ],
)
@pytest.mark.parametrize("name", ["p.tar", "p.tgz"])
def test_a_damaged_archive_loses_no_pictures_without_a_word(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    whole = pack(tmp_path / "p.tar", {"cat/a.jpg": b"a", "dog/b.jpg": b"b"}).read_bytes()
    (tmp_path / name).write_bytes(damage(whole) if name == "p.tar" else gzip.compress(damage(whole)))
    said = refused(lambda: labelled_files(tmp_path / name))[1]
    assert said.startswith(f"{name} is no readable tar file (")
    assert said.endswith("; copy it again, or unpack it and name the folder")


def test_no_more_of_a_file_is_unpacked_than_a_picture_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "_LARGEST_READ", 10_240)
    for name in ("p.zip", "p.tgz"):
        path = pack(tmp_path / name, {"a/a.jpg": bytes(90_000)})
        assert list(labelled_files(path).contents()) == [bytes(10_240)]


FIVE = {f"cat/{number}.jpg": b"" for number in range(5)}
HARMFUL: dict[str, tuple[str, dict[str, bytes]]] = {
    "many files": ("p.zip", FIVE),
    "many files in a tar": ("p.tar", FIVE),
    "many bytes": ("p.tgz", {"cat/1.jpg": bytes(1 << 20), "cat/2.jpg": bytes(1 << 20)}),
    "an endless name": ("p.tgz", {"x" * 3_000_000: b""}),
}


@pytest.mark.parametrize("case", HARMFUL)
def test_an_archive_that_means_harm_is_refused(
    tmp_path: Path, case: str, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_files, "MOST_FILES", 4)
    monkeypatch.setattr(picture_files, "MOST_UNPACKED", (1 << 21) - 1)
    monkeypatch.setattr(picture_files, "_LARGEST_READ", 1 << 20)
    name, contents = HARMFUL[case]
    golden(refused(lambda: labelled_files(pack(tmp_path / name, contents)))[1])


@pytest.mark.parametrize("name", ["p.tgz", "p.zip"])
def test_a_part_of_an_archive_is_refused(tmp_path: Path, name: str, golden: Golden) -> None:
    path = pack(tmp_path / name, CONTENT)
    path.write_bytes(path.read_bytes()[:-40])
    golden(refused(lambda: labelled_files(path))[1])
