"""Images and labels in the columns of a table: arrays of pixels, picture files, or a column for each pixel."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from idla_contract.task import DataFormat, DataSource

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column, padded_numbers
from idla_trainer.data.formats.format_detection import detect_format
from idla_trainer.data.formats.npz import read_npz
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table, read_table
from idla_trainer.problems.columns import check_present, labels_of
from idla_trainer.problems.image.encoded_files import decode_files

_ARRAYS = ("x", "y")
"""Of an NPZ file; others are not looked at."""
_LABELS = ("label", "y")
_MOST_CHANNELS = 4
"""Of colours with transparency or infrared: an image is no lower than that."""
_GREY = 3
"""Dimensions of an array of grey images."""


@dataclass(frozen=True, slots=True)
class Images:
    """What a file of images holds."""

    pixels: npt.NDArray[np.generic]
    """[N, H, W, C]."""
    labels: tuple[str, ...]
    files: tuple[bytes, ...] = ()
    """The picture files that the pixels came from, [N]; empty where they were numbers from the beginning."""
    warnings: tuple[str, ...] = ()
    """What the reader guessed."""


def read(path: Path, source: DataSource, memory: int) -> Images:
    """Return the images and labels of a file, of the one in a folder, or of a folder of images for each class.

    The label is the named column, else `label`, else `y`, else the last one. The images are the column of arrays or of
    picture files beside it; without such, every other column is a pixel of a square grey image.

    Args:
        path: the file or folder.
        source: format, delimiter, header and columns.
        memory: bytes that the columns may take, and the pixels of picture files as numbers of 32 bits.

    Raises:
        TaskError: the file cannot be used, or holds no images.
    """
    table = _table(path, source, memory)
    label = source.columns.label or next((name for name in _LABELS if name in table.columns), list(table.columns)[-1])
    labels = labels_of(table, check_present(table, "label", label))
    columns = {name: values for name, values in table.columns.items() if name != label}
    whole = [name for name, values in columns.items() if values.ndim > 1 or _holds_files(values)]
    if len(whole) > 1:
        raise invalid(f"the columns {listed(whole)} hold images or other arrays; one beside the labels is allowed")
    if not whole:
        return Images(_squares(columns), tuple(labels), warnings=table.warnings)
    values = columns[whole[0]]
    if values.ndim > 1:
        return Images(_checked(whole[0], values), tuple(labels), warnings=table.warnings)
    files = tuple(values.tolist())
    return Images(decode_files(files, labels, memory), tuple(labels), files)


def _table(path: Path, source: DataSource, memory: int) -> Table:
    kind, file = detect_format(path, source.format)
    if kind is DataFormat.NPZ:
        return Table(read_npz(file, memory, names=_ARRAYS))
    return read_table(path, source, memory, label=_LABELS)


def _holds_files(values: Column) -> bool:
    return values.dtype == object and isinstance(values[0], bytes)


def _checked(name: str, images: Column) -> npt.NDArray[np.generic]:
    grey = images.ndim == _GREY
    if not (grey or images.ndim == _GREY + 1) or 0 in images.shape[1:]:
        raise invalid(f"{name} has the shape {list(images.shape)}; allowed: [N, H, W] or [N, H, W, C]")
    if not grey and images.shape[1] <= _MOST_CHANNELS < min(images.shape[2:]):
        raise invalid(
            f"{name} has the shape {list(images.shape)}, which looks like [N, C, H, W], channels first; allowed: "
            f"[N, H, W] or [N, H, W, C]. Write {name}.transpose(0, 2, 3, 1)"
        )
    return images[..., np.newaxis] if grey else images


def _squares(columns: Mapping[str, Column]) -> npt.NDArray[np.float32]:
    """Return grey images [N, side, side, 1] of a column for each pixel."""
    if columns and all(values.dtype == object and padded_numbers(values) is None for values in columns.values()):
        raise invalid(
            f"there are no images beside the labels, only texts: {listed(list(columns))}; images are arrays x of the "
            "shape [N, H, W] or [N, H, W, C], picture files, or a column of numbers for each pixel"
        )
    pixels = {name: _pixels(name, values) for name, values in columns.items()}
    side = math.isqrt(len(columns))
    if side == 0 or side * side != len(columns):
        raise invalid(
            f"a line has {len(columns)} pixels beside the label; a column for each pixel is for square grey images, "
            "such as 64 pixels for 8 x 8. Use an NPZ file or picture files for other shapes"
        )
    with np.errstate(over="ignore"):
        stacked = np.stack(list(pixels.values()), axis=1, dtype=np.float32, casting="same_kind")
    return stacked.reshape(-1, side, side, 1)


def _pixels(name: str, values: Column) -> Column:
    """Return a column of numbers, of which some may have zeros before them."""
    found = padded_numbers(values) if values.dtype == object else values
    if found is None:
        place = next(place for place, cell in enumerate(values) if padded_numbers([cell]) is None)
        raise invalid(f"example {place} has the text {quoted(values[place])} as pixel {name}; pixels are numbers")
    return found
