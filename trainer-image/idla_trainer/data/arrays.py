"""NPZ files: arrays `x` of images and `y` of labels."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.result import FailureReason

from idla_trainer.failures import TaskError

_ZIP, _NPY = b"PK", b"\x93NUMPY"
"""What the files of `numpy.savez` and `numpy.save` begin with."""
_GREY = 3
"""Dimensions of an array of grey images."""


def read_npz(path: Path) -> tuple[npt.NDArray[Any], list[str]]:
    """Return images [N, H, W, C], in the type that the file has, and the labels as texts. Nothing is unpickled.

    Raises:
        TaskError: unreadable, a missing array, or an array of another shape or type.
    """
    try:
        with path.open("rb") as file:
            if not file.read(len(_NPY)).startswith((_ZIP, _NPY)):
                raise _unreadable(path, "it is no zip archive of arrays")
            file.seek(0)
            loaded = np.load(file, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                raise _invalid(f"{path.name} is a single array; write x and y with numpy.savez")
            with loaded as arrays:
                missing = [name for name in ("x", "y") if name not in arrays.files]
                if missing:
                    held = ", ".join(sorted(arrays.files)) or "nothing"
                    raise _invalid(f"{path.name} lacks the array {missing[0]!r}; it holds {held}")
                images, labels = arrays["x"], arrays["y"]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError) as error:
        # NumPy's own words advise to unpickle, which would run whatever the file says.
        objects = "pickle" in str(error)
        why = "it holds Python objects, which are never read" if objects else str(error)
        raise _unreadable(path, why) from error
    return _images(images), _labels(labels, len(images))


def _images(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if images.dtype.kind not in "buif":
        raise _invalid(f"x has values of type {images.dtype}; pixels are numbers")
    grey = images.ndim == _GREY
    if not (grey or images.ndim == _GREY + 1) or 0 in images.shape[1:]:
        raise _invalid(f"x has the shape {list(images.shape)}; allowed: [N, H, W] or [N, H, W, C]")
    return images[..., np.newaxis] if grey else images


def _labels(labels: npt.NDArray[Any], examples: int) -> list[str]:
    if labels.ndim != 1 or len(labels) != examples:
        raise _invalid(f"y has the shape {list(labels.shape)}; allowed: [{examples}], one label for each image of x")
    if labels.dtype.kind == "S":
        return [label.decode("utf-8", "replace") for label in labels.tolist()]
    if labels.dtype.kind not in "buifU":
        raise _invalid(f"y has values of type {labels.dtype}; labels are whole numbers or texts")
    return [str(int(label)) if isinstance(label, bool) else str(label) for label in labels.tolist()]


def _unreadable(path: Path, why: str) -> TaskError:
    return _invalid(f"{path.name} is no readable NPZ file ({why}); write x and y with numpy.savez")


def _invalid(message: str) -> TaskError:
    return TaskError(FailureReason.DATA_INVALID, message)
