"""Folders of images: a folder for each class."""

import stat
from pathlib import Path

import numpy as np

from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.refusals import empty, invalid, too_large

ENDINGS = (".jpg", ".jpeg", ".png")
_OBJECT = 41
"""Bytes of a `bytes` object and the reference to it."""
_SHOWN = 3


def holds_classes(folder: Path) -> bool:
    """Return whether a folder holds a folder with an image."""
    return any(_images(entry) for entry in folder.iterdir() if _is_class(entry))


def read_image_folder(folder: Path, memory: int) -> dict[str, Column]:
    """Return the encoded images `image`, as `bytes`, and the names of their folders as `label`, in order of names.

    Args:
        folder: holds the folders of the classes.
        memory: bytes that the encoded images may take; files that take more are not read.

    Raises:
        TaskError: no image, too large, or something that is no image.
    """
    if not folder.is_dir():
        raise invalid(f"{folder.name} is no folder; an image folder holds a folder of images for each class")
    classes = [entry for entry in sorted(folder.iterdir()) if _is_class(entry)]
    files = [(path, entry.name) for entry in classes for path in _checked(entry)]
    if not files:
        nested = next((entry.name for entry in classes if any(map(_is_class, entry.iterdir()))), None)
        hint = f"; if {nested} is one part of the data, name it in the URI" if nested else ""
        raise empty(f"the folder {folder.name} holds no folder with {_listed(ENDINGS)} files{hint}")
    size = sum(path.stat().st_size + _OBJECT for path, _ in files)
    if size > memory:
        raise too_large(folder, size, memory)
    images = np.empty(len(files), dtype=object)
    labels = np.empty(len(files), dtype=object)
    for position, (path, label) in enumerate(files):
        images[position], labels[position] = path.read_bytes(), label
    return {"image": images, "label": labels}


def _is_class(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode) and not path.name.startswith((".", "__"))


def _images(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.name.lower().endswith(ENDINGS)]


def _checked(folder: Path) -> list[Path]:
    """Return the images of a class; hidden files and texts are no images, and links lead somewhere else."""
    for path in folder.iterdir():
        if path.is_dir() or path.name.startswith(".") or path.name.lower().endswith((*ENDINGS, ".txt", ".md")):
            continue
        raise invalid(f"{folder.name}/{path.name} ends in none of {_listed(ENDINGS)}; convert or remove it")
    found = [path for path in _images(folder) if not path.name.startswith(".")]
    for path in found:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise invalid(f"{folder.name}/{path.name} is a link or a special file; replace it by a plain file")
    return found


def _listed(endings: tuple[str, ...]) -> str:
    return ", ".join(endings)
