"""JPEG and PNG files of many sizes become one array of pixels, read and decoded one after another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from idla_preprocess import InputError
from idla_preprocess.decode import pixels_of, size_of

from idla_trainer.data.formats.refusals import invalid

LARGEST_SIDE = 128
"""Pixels of the longer side at most, which every network of the built-in library takes; photos are larger."""
MOST_BROKEN = 0.1
"""Share of the pictures that may be left out; more are no accident."""
_SHOWN = 5
_LONGEST = 80
"""Characters of a path that are shown, the last ones."""


class PictureFiles(Protocol):
    """Picture files that can be passed over again and again."""

    @property
    def names(self) -> Sequence[str]:
        """Return how messages name each, [N]."""
        ...

    def contents(self) -> Iterator[bytes | str]:
        """Yield what each holds; a text says why it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Decoded:
    """The pictures that could be decoded."""

    pixels: npt.NDArray[np.uint8]
    """[M, H, W, C], from 0 to 255."""
    kept: npt.NDArray[np.int64]
    """Which of the files they are, [M], ascending."""
    warnings: tuple[str, ...]
    """Which are left out, and why."""


def decode_files(files: PictureFiles, memory: int) -> Decoded:
    """Return the pixels of encoded images.

    All are stretched to the medians of their heights and widths, made smaller in proportion where a side is above
    `LARGEST_SIDE`. They are coloured where one of them is, else grey. Files that cannot be decoded are left out.

    Args:
        files: encoded images, one or more. They are passed over twice, for their sizes and for their pixels, and one
            is held at a time.
        memory: bytes that the pixels may take, as numbers of 32 bits; more are not unpacked.

    Raises:
        TaskError: more than `MOST_BROKEN` of the files are no image, or pixels that take more than the memory.
    """
    sizes, broken = list[tuple[int, int, int]](), list[str]()
    for name, content in zip(files.names, files.contents(), strict=True):
        try:
            sizes.append(size_of(_bytes(content)))
        except InputError as error:
            broken.append(_named(name, error))
    _check_broken(broken, len(files.names))
    shape = common_shape(sizes)
    _check_memory(len(sizes), shape, memory)
    return unpack_files(files, shape)


def unpack_files(files: PictureFiles, shape: tuple[int, int, int]) -> Decoded:
    """Return the pixels of encoded images, stretched to one shape, grey or coloured as it says.

    Raises:
        TaskError: more than `MOST_BROKEN` of the files are no image.
    """
    pixels = np.empty((len(files.names), *shape), np.uint8)
    kept, broken = list[int](), list[str]()
    for place, (name, content) in enumerate(zip(files.names, files.contents(), strict=True)):
        try:
            pixels[len(kept)] = pixels_of(_bytes(content), shape, reduced=True)
        except InputError as error:
            broken.append(_named(name, error))
        else:
            kept.append(place)
    _check_broken(broken, len(files.names))
    warnings = (f"{_told(broken, len(files.names))}; they are left out",) if broken else ()
    return Decoded(pixels[: len(kept)], np.array(kept, np.int64), warnings)


def common_shape(sizes: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Return height, width and channels for images of these heights, widths and channels."""
    heights, widths, channels = np.array(sizes).T
    height, width = float(np.median(heights)), float(np.median(widths))
    smaller = min(1.0, LARGEST_SIDE / max(height, width))
    return max(1, round(height * smaller)), max(1, round(width * smaller)), int(channels.max())


def _bytes(content: bytes | str) -> bytes:
    if isinstance(content, str):
        raise InputError("image", content, "a picture file")
    return content


def _named(name: str, error: InputError) -> str:
    return f"{name[-_LONGEST:]!r} ({error.found})"


def _check_broken(broken: Sequence[str], count: int) -> None:
    if len(broken) > MOST_BROKEN * count:
        raise invalid(
            f"{_told(broken, count)}. Up to {MOST_BROKEN:.0%} would be left out; mend or remove them, or write them as "
            "whole JPEG or PNG files"
        )


def _told(broken: Sequence[str], count: int) -> str:
    more = ", ..." if len(broken) > _SHOWN else ""
    return f"{len(broken)} of {count} pictures cannot be used: {', '.join(broken[:_SHOWN])}{more}"


def _check_memory(count: int, shape: tuple[int, int, int], memory: int) -> None:
    needed = count * int(np.prod(shape)) * np.dtype(np.float32).itemsize
    if needed > memory:
        height, width, channels = shape
        raise invalid(
            f"{count} images of {height} x {width} pixels and {channels} channels take {needed} bytes of memory, the "
            f"task has room for {memory}; raise spec.resources.limits.memory, or give it fewer or smaller images"
        )
