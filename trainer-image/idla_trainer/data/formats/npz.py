"""NPZ files: named arrays of equal length."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_preprocess.arrays import ArraysError, MissingArrayError, TooLargeError, read_arrays

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import EXACT, Column, objects
from idla_trainer.data.formats.refusals import empty, invalid, too_large, unreadable

_WRITE = "write x and y with numpy.savez"
_NUMBERS = "buif"


def read_npz(path: Path, memory: int, *, names: Collection[str] | None = None) -> dict[str, Column]:
    """Return the arrays of a file by name, all of one length. Nothing is unpickled.

    An array of one dimension becomes a column of numbers or of texts, another one stays as it is.

    Args:
        path: the file.
        memory: bytes that the arrays may take; a file that says that it takes more is not unpacked.
        names: the arrays that are wanted, others are not looked at; default: all.

    Raises:
        TaskError: unreadable, too large, no example, no array, not a wanted one, or arrays of different length.
    """
    with path.open("rb") as file:
        try:
            arrays = read_arrays(file, memory, names=names)
        except MissingArrayError as error:
            raise invalid(f"{path.name} {error}; {_WRITE}") from error
        except TooLargeError as error:
            raise too_large(path, error.size, memory) from error
        except ArraysError as error:
            raise unreadable(path, "NPZ", str(error), _WRITE) from error
    if not arrays:
        raise unreadable(path, "NPZ", "it is a zip archive without an array", f"{_WRITE}, or unpack it")
    _check_lengths(path, arrays)
    return {name: _column(name, array) for name, array in arrays.items()}


def _check_lengths(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    lengths = {name: len(array) if array.ndim else None for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or None in lengths.values():
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
        raise invalid(
            f"the arrays of {path.name} have the shapes {shapes}; all need the same first dimension, the examples"
        )
    if 0 in lengths.values():
        raise empty(f"the arrays of {path.name} hold no example")


def _column(name: str, array: npt.NDArray[Any]) -> Column:
    kind = array.dtype.kind
    if kind in _NUMBERS:
        return array if array.ndim > 1 else _numbers(array)
    if kind not in "US":
        raise invalid(f"{name} has values of type {array.dtype}; allowed: numbers and texts")
    if array.ndim > 1:
        raise invalid(f"{name} holds texts in the shape {list(array.shape)}; texts need the shape [N]")
    try:
        return objects(text.decode() if isinstance(text, bytes) else text for text in array.tolist())
    except UnicodeDecodeError as error:
        row = array.tolist().index(error.object)
        raise invalid(
            f"{name} has {quoted(repr(error.object))} in row {row} (counted from 0), which is no UTF-8; save texts as "
            "UTF-8, or as an array of str"
        ) from error


def _numbers(array: npt.NDArray[Any]) -> Column:
    if array.dtype.kind in "iu" and not -EXACT < int(array.min()) <= int(array.max()) < EXACT:
        return objects(map(str, array.tolist()))
    return array if array.dtype.kind == "b" else array.astype(np.float64)
