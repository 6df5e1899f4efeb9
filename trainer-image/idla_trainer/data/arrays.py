"""NPZ files: arrays `x` of images and `y` of labels."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_preprocess.arrays import ArraysError, MissingArrayError, TooLargeError, read_arrays

from idla_trainer.data.formats.refusals import invalid, too_large, unreadable

_ZIP, _NPY = b"PK", b"\x93NUMPY"
"""What the files of `numpy.savez` and `numpy.save` begin with."""
_WRITE = "write x and y with numpy.savez"
_GREY = 3
"""Dimensions of an array of grey images."""


def read_npz(path: Path, memory: int) -> tuple[npt.NDArray[Any], list[str]]:
    """Return images [N, H, W, C], in the type that the file has, and the labels as texts. Nothing is unpickled.

    Args:
        path: the file.
        memory: bytes that the arrays may take; a file that says that it takes more is not unpacked.

    Raises:
        TaskError: unreadable, too large, a missing array, or an array of another shape or type.
    """
    with path.open("rb") as file:
        start = file.read(len(_NPY))
        if start == _NPY:
            raise invalid(f"{path.name} is a single array; {_WRITE}")
        if not start.startswith(_ZIP):
            raise unreadable(path, "NPZ", "it is no zip archive of arrays", _WRITE)
        try:
            arrays = read_arrays(file, memory, names=("x", "y"))
        except MissingArrayError as error:
            raise invalid(f"{path.name} {error}") from error
        except TooLargeError as error:
            raise too_large(path, error.size, memory) from error
        except ArraysError as error:
            raise unreadable(path, "NPZ", str(error), _WRITE) from error
    return checked_arrays(arrays["x"], arrays["y"])


def checked_arrays(images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], list[str]]:
    """Return images [N, H, W, C] and labels as texts of the arrays `x` and `y`.

    Raises:
        TaskError: an array of another shape or type.
    """
    images = _images(images)
    return images, _labels(labels, len(images))


def _images(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if images.dtype.kind not in "buif":
        raise invalid(f"x has values of type {images.dtype}; pixels are numbers")
    grey = images.ndim == _GREY
    if not (grey or images.ndim == _GREY + 1) or 0 in images.shape[1:]:
        raise invalid(f"x has the shape {list(images.shape)}; allowed: [N, H, W] or [N, H, W, C]")
    return images[..., np.newaxis] if grey else images


def _labels(labels: npt.NDArray[Any], examples: int) -> list[str]:
    if labels.ndim != 1 or len(labels) != examples:
        raise invalid(f"y has the shape {list(labels.shape)}; allowed: [{examples}], one label for each image of x")
    if labels.dtype.kind == "S":
        return [label.decode("utf-8", "replace") for label in labels.tolist()]
    if labels.dtype.kind not in "buifU":
        raise invalid(f"y has values of type {labels.dtype}; labels are whole numbers or texts")
    return [str(int(label)) if isinstance(label, bool) else str(label) for label in labels.tolist()]
