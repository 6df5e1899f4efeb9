"""Folders and archives of images: a folder for each class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.picture_files import Content, files_in
from idla_trainer.data.formats.refusals import empty, invalid

ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png")
OTHER_ENDINGS = (".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""Of pictures that are not decoded: they count as pictures that cannot be used, and are named."""
_PICTURES = (*ENDINGS, *OTHER_ENDINGS)
_TRAIN = frozenset({"train", "training"})
_TEST = frozenset({"test", "testing"})
_PARTS = _TRAIN | _TEST | {"val", "valid", "validation"}
_MAC = "__MACOSX"
"""Folder that macOS adds to an archive, with a shadow of each file."""
_CLASS = 2
"""Parts of the path of a picture: its class and its name."""


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """Which files are pictures, by their paths alone."""

    places: tuple[int, ...]
    """Positions of the pictures among the files [N], ascending."""
    labels: tuple[str, ...]
    """The folder of each."""
    tests: tuple[bool, ...] = ()
    """Whether each stands in a folder of test pictures; empty where there is no such folder."""
    warnings: tuple[str, ...] = ()
    """What is left out, and how the folders were understood."""


@dataclass(frozen=True, slots=True)
class LabelledFiles:
    """Picture files with their classes."""

    path: Path
    names: tuple[str, ...]
    """Paths [N]."""
    folders: ClassFolders

    def contents(self) -> Iterator[Content]:
        """Yield what each file holds, or why it cannot be read; each pass reads them again, one after another."""
        places = frozenset(self.folders.places)
        for place, (_, read) in enumerate(files_in(self.path)):
            if place in places:
                yield read()


def holds_images(path: Path) -> bool:
    """Return whether a folder holds a folder with an image, or an archive an image."""
    least = _CLASS if path.is_dir() else 1
    paths = (_parts(name) for name, _ in files_in(path))
    return any(len(parts) >= least and parts[-1].lower().endswith(ENDINGS) for parts in paths)


def labelled_files(path: Path) -> LabelledFiles:
    """Return the pictures of a folder or archive, of a folder in the order of their names, else in the archive's.

    Raises:
        TaskError: no image, or folders that are not one for each class.
    """
    names = [name for name, _ in files_in(path)]
    found = class_folders(names, path.name)
    folders = [entry for entry in path.iterdir() if entry.is_dir()] if path.is_dir() else []
    bare = sorted(entry.name for entry in folders if not any(entry.iterdir()))
    found = replace(found, warnings=(*found.warnings, *_about("folders are empty and no class", bare)))
    return LabelledFiles(path, tuple(names[place] for place in found.places), found)


def class_folders(names: Sequence[str], folder: str) -> ClassFolders:
    """Return which files are pictures of which class.

    One folder around all of them does not count. Folders `train`, `val` and `test` (or `training`, `valid`,
    `validation`, `testing`) around the classes are parts: what stands in `test` is the test split.

    Args:
        names: paths of files, with `/` between folders.
        folder: what holds them, for messages.

    Raises:
        TaskError: no picture in a folder, classes within classes, or parts without one to learn from.
    """
    paths = {place: parts for place, name in enumerate(names) if (parts := _parts(name))}
    pictures = {place: parts for place, parts in paths.items() if parts[-1].lower().endswith(_PICTURES)}
    others = [names[place] for place in range(len(names)) if place not in pictures and _MAC not in names[place]]
    pictures = _unwrapped(pictures)
    with_parts = any(len(parts) > _CLASS for parts in pictures.values()) and all(
        parts[0].lower() in _PARTS for parts in pictures.values() if len(parts) > 1
    )
    depth = _CLASS + with_parts
    kept = {place: parts for place, parts in pictures.items() if len(parts) >= depth}
    if not kept:
        raise empty(
            f"{folder} holds no folder with {', '.join(ENDINGS)} files; put the pictures of each class into a folder "
            "of its own, or name them in a table (CSV, JSONL or Parquet) in the same folder"
        )
    deep = next((parts for parts in kept.values() if len(parts) > depth), None)
    if deep is not None:
        raise invalid(
            f"{'/'.join(deep)} stands in a folder within {deep[-3]}, so its class may be {deep[-3]!r} or {deep[-2]!r}; "
            "put all pictures of a class into one folder, or name the folder whose folders are the classes"
        )
    loose = [names[place] for place in pictures if place not in kept]
    warnings = (
        *_about("files are no pictures and are left out", others),
        *_about("pictures stand in no folder of a class and are left out", loose),
    )
    labels = tuple(parts[-2] for parts in kept.values())
    if not with_parts:
        return ClassFolders(tuple(kept), labels, warnings=warnings)
    told, tests = _parted([parts[0] for parts in kept.values()], folder)
    return ClassFolders(tuple(kept), labels, tests, (told, *warnings))


def _parts(name: str) -> list[str]:
    """Return the folders and the name of a file; none where one of them is hidden, or leads elsewhere."""
    parts = [part for part in name.split("/") if part != "."]
    hidden = any(not part or part.startswith(".") or part == _MAC for part in parts)
    return [] if hidden else parts


def _unwrapped(pictures: dict[int, list[str]]) -> dict[int, list[str]]:
    """Return the paths without the folders that stand around all of them."""
    while all(len(parts) > _CLASS for parts in pictures.values()) and len({p[0] for p in pictures.values()}) == 1:
        pictures = {place: parts[1:] for place, parts in pictures.items()}
    return pictures


def _parted(parts: Sequence[str], folder: str) -> tuple[str, tuple[bool, ...]]:
    """Return a sentence on the parts of the data, and for each picture whether it is for the test."""
    found = sorted(set(parts))
    if not any(part.lower() in _TRAIN for part in found):
        raise invalid(
            f"{folder} holds the folders {listed(found)} and none that is called train; name the folder whose folders "
            "are the classes"
        )
    tests = tuple(part.lower() in _TEST for part in parts)
    learned = listed([part for part in found if part.lower() not in _TEST])
    if not any(tests):
        return f"the pictures of {learned} are taken together and split by the shares of data.split", ()
    held_out = listed([part for part in found if part.lower() in _TEST])
    return f"the pictures of {held_out} are the test split, those of {learned} for training and validation", tests


def _about(sentence: str, names: Sequence[str]) -> tuple[str, ...]:
    return (f"{len(names)} {sentence}: {listed(names)}",) if names else ()
