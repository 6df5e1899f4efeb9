"""Folders and archives of images: a folder for each class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.column_inference import Column, objects
from idla_trainer.data.formats.picture_files import Content, Files, files_in
from idla_trainer.data.formats.refusals import empty, invalid, too_large

ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png")
OTHER_ENDINGS = (".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""Of pictures that are not decoded: they count as pictures that cannot be used, and are named."""
_TRAIN = frozenset({"train", "training"})
_VALIDATION = frozenset({"val", "valid", "validation"})
_TEST = frozenset({"test", "testing"})
_PARTS = _TRAIN | _VALIDATION | _TEST
_OBJECT = 41
"""Bytes of a `bytes` object and the reference to it."""
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
    """Picture files with their classes; each pass over `contents` reads them again, one after another."""

    files: Files
    names: tuple[str, ...]
    """Paths [N]."""
    folders: ClassFolders

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes [N]."""
        return self.folders.labels

    def contents(self) -> Iterator[Content]:
        """Yield what each file holds, or why it cannot be read."""
        return self.files.contents(self.folders.places)


def holds_images(path: Path) -> bool:
    """Return whether a folder holds a folder with an image, or an archive an image."""
    least = _CLASS if path.is_dir() else 1
    return any(
        len(parts) >= least and parts[-1].lower().endswith(ENDINGS)
        for parts in map(_parts, files_in(path).names())
        if parts
    )


def labelled_files(path: Path) -> LabelledFiles:
    """Return the pictures of a folder or archive, of a folder in the order of their names, else in the archive's.

    Raises:
        TaskError: no image, or folders that are not one for each class.
    """
    files = files_in(path)
    names = list(files.names())
    found = class_folders(names, path.name)
    found = replace(found, warnings=(*found.warnings, *_about_bare(path)))
    return LabelledFiles(files, tuple(names[place] for place in found.places), found)


def read_image_folder(path: Path, memory: int) -> dict[str, Column]:
    """Return the encoded images `image`, as `bytes`, and the names of their folders as `label`.

    Args:
        path: a folder that holds the folders of the classes, or an archive of it.
        memory: bytes that the encoded images may take; files that take more are not read.

    Raises:
        TaskError: no image, too large, or a file that cannot be read.
    """
    found, images, size = labelled_files(path), list[bytes](), 0
    for name, content in zip(found.names, found.contents(), strict=True):
        if isinstance(content, str):
            raise invalid(f"{name} is {content}; mend or remove it")
        size += len(content) + _OBJECT
        if size > memory:
            raise too_large(path, size, memory)
        images.append(content)
    return {"image": objects(images), "label": objects(found.labels)}


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
    pictures = {place: parts for place, parts in paths.items() if _is_picture(parts[-1])}
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
    warnings = (*_about_others(others), *_about_loose(loose))
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


def _is_picture(name: str) -> bool:
    return name.lower().endswith((*ENDINGS, *OTHER_ENDINGS))


def _unwrapped(pictures: dict[int, list[str]]) -> dict[int, list[str]]:
    """Return the paths without the folders that stand around all of them."""
    while pictures and all(len(parts) > _CLASS for parts in pictures.values()):
        if len({parts[0] for parts in pictures.values()}) > 1:
            break
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


def _about_bare(path: Path) -> tuple[str, ...]:
    """Return which folders in a folder hold nothing, and so are no class."""
    if not path.is_dir():
        return ()
    bare = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not any(entry.iterdir()))
    return (f"{len(bare)} folders are empty and no class: {listed(bare)}",) if bare else ()


def _about_others(names: Sequence[str]) -> tuple[str, ...]:
    return (f"{len(names)} files are no pictures and are left out: {listed(names)}",) if names else ()


def _about_loose(names: Sequence[str]) -> tuple[str, ...]:
    count = len(names)
    return (f"{count} pictures stand in no folder of a class and are left out: {listed(names)}",) if names else ()
