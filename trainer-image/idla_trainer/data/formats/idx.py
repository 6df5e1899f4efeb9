"""IDX files, MNIST's format: one file of images and one of labels, compressed by gzip or not."""

import math
import struct
from pathlib import Path

import numpy as np

from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.refusals import empty, invalid, too_large, unreadable

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_START = 4
_MOST_DIMENSIONS = 5
_GREY = 3
_PAIR = 2


def is_idx(path: Path) -> bool:
    """Return whether a file begins as an IDX file does."""
    try:
        with opened(path) as file:
            start = file.read(_START)
    except DAMAGE:
        return False
    return len(start) == _START and start[:2] == b"\0\0" and start[2] in _TYPES and 0 < start[3] <= _MOST_DIMENSIONS


def read_idx(path: Path, memory: int) -> dict[str, Column]:
    """Return images `x` [N, H, W, 1] or [N, ...] and labels `y` [N].

    Args:
        path: a folder with one file of each, or a file beside which the other lies under the same name with `images`
            in the place of `labels`, and `idx3` in that of `idx1`.
        memory: bytes that the arrays may take; a file that says that it takes more is not read.

    Raises:
        TaskError: unreadable, too large, no example, not one file of each, or files of different length.
    """
    first, second = _pair(path)
    one = _array(first, memory)
    other = _array(second, memory - one.nbytes)
    images, labels = (one, other) if one.ndim > other.ndim else (other, one)
    if labels.ndim != 1 or images.ndim == 1:
        raise invalid(f"{first.name} and {second.name} are not one file of images and one of labels")
    if len(images) != len(labels):
        raise invalid(f"there are {len(images)} images and {len(labels)} labels; each image needs one label")
    if not len(labels):
        raise empty(f"{first.name} holds no example")
    return {"x": images[..., np.newaxis] if images.ndim == _GREY else images, "y": labels.astype(np.float64)}


def _pair(path: Path) -> tuple[Path, Path]:
    if path.is_file():
        return path, _partner(path)
    files = [entry for entry in sorted(path.iterdir()) if entry.is_file() and is_idx(entry)]
    if len(files) != _PAIR:
        names = ", ".join(file.name for file in files) or "none"
        message = (
            f"the folder {path.name} holds {len(files)} IDX files ({names}); name a folder with one of images and "
            "one of labels, or one of the files"
        )
        raise invalid(message)
    return files[0], files[1]


def _partner(path: Path) -> Path:
    for mine, others in (("images", "labels"), ("labels", "images")):
        if mine in path.name:
            numbers = ("idx3", "idx1") if mine == "images" else ("idx1", "idx3")
            stem = path.name.replace(mine, others).replace(*numbers).removesuffix(".gz")
            found = [path.with_name(name) for name in (stem, f"{stem}.gz") if path.with_name(name).is_file()]
            if found:
                return found[0]
    message = (
        f"{path.name} has no partner: an IDX file of images needs one of labels beside it, such as "
        "train-images-idx3-ubyte and train-labels-idx1-ubyte"
    )
    raise invalid(message)


def _array(path: Path, memory: int) -> Column:
    try:
        with opened(path) as file:
            start = file.read(_START)
            if len(start) < _START or start[:2] != b"\0\0" or start[2] not in _TYPES:
                raise unreadable(path, "IDX", "it does not begin with two zeros and a type of numbers")
            dtype, dimensions = np.dtype(_TYPES[start[2]]), start[3]
            if not 0 < dimensions <= _MOST_DIMENSIONS:
                raise unreadable(path, "IDX", f"it tells of {dimensions} dimensions, allowed are {_MOST_DIMENSIONS}")
            told = file.read(4 * dimensions)
            shape = struct.unpack(f">{dimensions}I", told)
            size = math.prod(shape) * dtype.itemsize
            if size > memory:
                raise too_large(path, size, memory)
            content = file.read(size + 1)
    except (*DAMAGE, struct.error) as error:
        raise unreadable(path, "IDX", str(error)) from error
    if len(content) != size:
        held = "more" if len(content) > size else str(len(content))
        why = f"it tells of the shape {list(shape)}, {size} bytes, and holds {held}"
        raise unreadable(path, "IDX", why, "copy it again")
    return np.frombuffer(content, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))
