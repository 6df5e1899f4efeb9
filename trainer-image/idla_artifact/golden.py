"""The golden file: raw inputs, and what the network answered where the artifact was made."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.artifact import GOLDEN
from idla_preprocess import Arrays
from idla_preprocess.arrays import ArraysError, unpack

from idla_artifact.errors import invalid

_INPUT, _VALUES = "inputs.", "values"


def golden_arrays(raw: Arrays, values: npt.NDArray[Any]) -> Arrays:
    """Return the arrays of the file: inputs by their names, texts as arrays of a fixed width, and the answers."""
    plain = {name: np.asarray(array).astype("U") if array.dtype.kind == "O" else array for name, array in raw.items()}
    return {**{f"{_INPUT}{name}": array for name, array in plain.items()}, _VALUES: values}


def read_golden(path: Path) -> tuple[Arrays, npt.NDArray[np.float64]]:
    """Return the raw inputs, texts as objects again, and the promised values.

    Raises:
        ModelError: the file cannot be read, or holds other arrays.
    """
    try:
        arrays = unpack(path.read_bytes())
        values = arrays.pop(_VALUES)
    except (ArraysError, KeyError, OSError) as error:
        raise invalid(f"{GOLDEN} cannot be read ({error})") from error
    if values.dtype.kind != "f":
        raise invalid(f"{GOLDEN} holds values of type {values.dtype}, expected floating-point numbers")
    return _inputs(arrays, values), values.astype(np.float64)


def _inputs(arrays: Arrays, values: npt.NDArray[np.floating]) -> Arrays:
    stray = next((name for name in arrays if not name.startswith(_INPUT)), None)
    if stray is not None:
        raise invalid(f"{GOLDEN} holds the array {stray!r}, allowed are {_VALUES} and {_INPUT}<name>")
    if not arrays:
        raise invalid(f"{GOLDEN} holds no inputs")
    if not all(array.ndim for array in (values, *arrays.values())):
        raise invalid(f"{GOLDEN} holds a single value where arrays of examples are expected")
    if not len(values) or any(len(array) != len(values) for array in arrays.values()):
        raise invalid(f"{GOLDEN} holds inputs of other lengths than its {len(values)} values")
    return {
        name.removeprefix(_INPUT): array.astype(object) if array.dtype.kind == "U" else array
        for name, array in arrays.items()
    }
