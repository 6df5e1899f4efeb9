"""IDX files, MNIST's format: one file of images and one of labels, compressed by gzip or not."""

import math
import re
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np

from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.refusals import empty, invalid, unreadable

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_START = 4
_MOST_DIMENSIONS = 5
_GREY = 3
_PAIR = 2


def is_idx(path: Path) -> bool:
    """Return whether a file begins as an IDX file does."""
    try:
        with opened(path) as file:
            return _begin(file) is not None
    except DAMAGE:
        return False


def read_idx(path: Path, budget: Budget) -> dict[str, Column]:
    """Return images `x` [N, H, W, 1] or [N, ...] and labels `y` [N].

    Args:
        path: a folder with one file of each, or a file beside which the other lies under a name that is the same up to
            `images` or `labels`.
        budget: the memory that the arrays may take; a file that says that it takes more is not read.

    Raises:
        TaskError: unreadable, too large, no example, not one file of each, or files of different length.
    """
    first, second = _pair(path)
    one, other = _array(first, budget), _array(second, budget)
    images, labels = (one, other) if one.ndim > other.ndim else (other, one)
    if labels.ndim != 1 or images.ndim == 1:
        raise invalid(f"{first.name} and {second.name} are not one file of images and one of labels")
    if len(images) != len(labels):
        raise invalid(f"there are {len(images)} images and {len(labels)} labels; each image needs one label")
    if not len(labels):
        raise empty(f"{first.name} holds no example")
    return {"x": images[..., np.newaxis] if images.ndim == _GREY else images, "y": labels.astype(np.float64)}


def _pair(path: Path) -> tuple[Path, Path]:
    folder, stem = (path, "") if path.is_dir() else (path.parent, re.split("images|labels", path.name)[0])
    near = [entry for entry in sorted(folder.iterdir()) if entry.name.startswith(stem) and entry.is_file()]
    files = [entry for entry in near if is_idx(entry)]
    if len(files) != _PAIR:
        names = ", ".join(file.name for file in files) or "none"
        raise invalid(
            f"{path.name} stands for {len(files)} IDX files ({names}); name a folder with one of images and one of "
            "labels, or one of two files beside each other, such as train-images-idx3-ubyte and train-labels-idx1-ubyte"
        )
    return files[0], files[1]


def _begin(file: IO[bytes]) -> tuple[np.dtype[Any], int] | None:
    """Return the type of the numbers and how many dimensions they have; None: it is no IDX file."""
    start = file.read(_START)
    known = len(start) == _START and start[:2] == b"\0\0" and start[2] in _TYPES and 0 < start[3] <= _MOST_DIMENSIONS
    return (np.dtype(_TYPES[start[2]]), start[3]) if known else None


def _array(path: Path, budget: Budget) -> Column:
    try:
        with opened(path) as file:
            begin = _begin(file)
            if begin is None:
                why = f"it does not begin with two zeros, a type of numbers and up to {_MOST_DIMENSIONS} dimensions"
                raise unreadable(path, "IDX", why)
            dtype, dimensions = begin
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            size = math.prod(shape) * dtype.itemsize
            budget.take(size)
            content = file.read(size + 1)
    except (*DAMAGE, struct.error) as error:
        raise unreadable(path, "IDX", str(error)) from error
    if len(content) != size:
        why = (
            f"it tells of the shape {list(shape)}, {size} bytes, and holds {'more' if content[size:] else len(content)}"
        )
        raise unreadable(path, "IDX", why, "copy it again")
    return np.frombuffer(content, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))
