"""JPEG and PNG files of many sizes become one array of pixels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from idla_preprocess import InputError
from idla_preprocess.decode import pixels_of, size_of

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.failures import TaskError

LARGEST_SIDE = 224
"""Pixels of the longer side at most; photos are larger, and no network here learns more from more."""


def decode_files(files: Sequence[bytes], labels: Sequence[str], memory: int) -> npt.NDArray[np.uint8]:
    """Return the pixels [N, H, W, C] of encoded images, from 0 to 255.

    All are stretched to the medians of their heights and widths, made smaller in proportion where a side is above
    `LARGEST_SIDE`. They are coloured where one of them is, else grey.

    Args:
        files: encoded images, one or more.
        labels: of each, for errors.
        memory: bytes that the pixels may take, as numbers of 32 bits; more are not unpacked.

    Raises:
        TaskError: a file that is no image, or pixels that take more than the memory.
    """
    try:
        sizes = [size_of(content, field=_named(place, labels)) for place, content in enumerate(files)]
        shape = common_shape(sizes)
    except InputError as error:
        raise _unusable(error) from error
    _check_memory(len(files), shape, memory)
    return unpack_files(files, labels, shape)


def unpack_files(files: Sequence[bytes], labels: Sequence[str], shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Return the pixels [N, H, W, C] of encoded images, stretched to one shape, grey or coloured as it says.

    Raises:
        TaskError: a file that is no image.
    """
    pixels = np.empty((len(files), *shape), np.uint8)
    try:
        for place, content in enumerate(files):
            pixels[place] = pixels_of(content, shape, field=_named(place, labels))
    except InputError as error:
        raise _unusable(error) from error
    return pixels


def common_shape(sizes: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Return height, width and channels for images of these heights, widths and channels."""
    heights, widths, channels = np.array(sizes).T
    height, width = float(np.median(heights)), float(np.median(widths))
    smaller = min(1.0, LARGEST_SIDE / max(height, width))
    return max(1, round(height * smaller)), max(1, round(width * smaller)), int(channels.max())


def _unusable(error: InputError) -> TaskError:
    return invalid(f"the images cannot be used: {error}")


def _check_memory(count: int, shape: tuple[int, int, int], memory: int) -> None:
    needed = count * int(np.prod(shape)) * np.dtype(np.float32).itemsize
    if needed > memory:
        height, width, channels = shape
        raise invalid(
            f"{count} images of {height} x {width} pixels and {channels} channels take {needed} bytes of memory, the "
            f"task has room for {memory}; raise spec.resources.limits.memory, or give it fewer or smaller images"
        )


def _named(place: int, labels: Sequence[str]) -> str:
    return f"image {place} (counted from 0, of {labels[place]!r})"
