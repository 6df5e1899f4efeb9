"""Images and labels: folders of picture files, or columns of arrays, of picture files, of their paths or of pixels."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from idla_contract.task import DataFormat, DataSource

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column, padded_numbers
from idla_trainer.data.formats.format_detection import detect_format
from idla_trainer.data.formats.image_folder import ENDINGS, OTHER_ENDINGS, labelled_files
from idla_trainer.data.formats.npz import read_npz
from idla_trainer.data.formats.picture_files import content_of
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table, read_table
from idla_trainer.problems.columns import check_present, labels_of
from idla_trainer.problems.image.encoded_files import PictureFiles, decode_files

_ARRAYS = ("x", "y")
"""Of an NPZ file; others are not looked at."""
_LABELS = ("label", "y")
_SMALLEST = 2
"""Pixels of a side of an image that is written as a column for each pixel."""
_ENDS = 2
"""Columns of pixels that a message names."""
_MOST_CHANNELS = 4
"""Of colours with transparency or infrared: an image is no lower than that."""
_FLAT = 2
"""Dimensions of an array of images of which each is one line."""
_GREY = 3
"""Dimensions of an array of grey images."""


@dataclass(frozen=True, slots=True)
class Images:
    """What a file of images holds."""

    pixels: npt.NDArray[np.generic]
    """[N, H, W, C]."""
    labels: tuple[str, ...]
    files: PictureFiles | None = None
    """The picture files that the pixels came from, with those that were left out; None: they were numbers."""
    tests: npt.NDArray[np.bool_] | None = None
    """Which the data themselves say are the test split [N]; None: they say nothing."""
    warnings: tuple[str, ...] = ()
    """What the reader guessed."""


def read(path: Path, source: DataSource, memory: int) -> Images:
    """Return the images and labels of a file, of the one in a folder, or of a folder of images for each class.

    The label is the named column, else `label`, else `y`, else the last one. The images are the named column, else the
    one of arrays, of picture files or of their paths beside it; without such, every other column is a pixel of a square
    grey image. Paths begin at the folder that `path` is.

    Args:
        path: the file, folder or archive.
        source: format, delimiter, header and columns.
        memory: bytes that the columns may take, and the pixels of picture files as numbers of 32 bits; the files in
            a folder or archive are read one after another.

    Raises:
        TaskError: the file cannot be used, or holds no images.
    """
    kind, file = detect_format(path, source.format)
    if kind is DataFormat.IMAGE_FOLDER:
        found = labelled_files(file)
        folders = found.folders
        return _decoded(found, folders.labels, memory, tests=folders.tests, warnings=folders.warnings)
    return _in_table(_table(kind, file, path, source, memory), path, source, memory)


def _in_table(table: Table, path: Path, source: DataSource, memory: int) -> Images:
    label = source.columns.label or next((name for name in _LABELS if name in table.columns), list(table.columns)[-1])
    labels = labels_of(table, check_present(table, "label", label))
    columns = {name: values for name, values in table.columns.items() if name != label}
    name = _image_column(table, columns, source.columns.picture)
    if name is None:
        return Images(_squares(columns), tuple(labels), warnings=table.warnings)
    warnings, values = (*table.warnings, *_about_others(columns, name)), columns[name]
    if values.ndim > 1:
        return Images(_checked(name, values), tuple(labels), warnings=warnings)
    files: PictureFiles = _Bytes(values, labels)
    if not _holds_files(values):
        if not path.is_dir():
            raise invalid(
                f"the column {name!r} of {path.name} holds paths, such as {quoted(values[0])}; name the folder that "
                "holds both the file and the pictures, so that all of them are the data"
            )
        files = _Paths(path, tuple(map(str, values)))
    return _decoded(files, labels, memory, warnings=warnings)


def _decoded(
    files: PictureFiles, labels: Sequence[str], memory: int, *, tests: Sequence[bool] = (), warnings: Sequence[str]
) -> Images:
    """Return the pictures that can be decoded."""
    found = decode_files(files, memory)
    return Images(
        found.pixels,
        tuple(labels[place] for place in found.kept),
        files,
        np.array(tests, np.bool_)[found.kept] if len(tests) else None,
        (*warnings, *found.warnings),
    )


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Picture files in a column."""

    column: Column
    labels: Sequence[str]

    @property
    def names(self) -> Sequence[str]:
        return [f"image {place} (counted from 0, of {label!r})" for place, label in enumerate(self.labels)]

    def contents(self) -> Iterator[bytes | str]:
        return iter(self.column.tolist())


@dataclass(frozen=True, slots=True)
class _Paths:
    """Picture files in a folder, of which a column holds the paths."""

    folder: Path
    names: Sequence[str]

    def contents(self) -> Iterator[bytes | str]:
        for name in self.names:
            inside = PurePosixPath(name.replace("\\", "/"))
            if inside.is_absolute() or ".." in inside.parts or not inside.parts:
                yield "a path that leads out of the folder of the data"
            else:
                yield content_of(self.folder, str(inside))


def _image_column(table: Table, columns: Mapping[str, Column], named: str | None) -> str | None:
    """Return the column of the images; None where every column is a pixel.

    Raises:
        TaskError: there are several, or the named one holds none.
    """
    if named is not None:
        values = columns.get(check_present(table, "picture", named))
        if values is None or (values.ndim == 1 and values.dtype != object):
            raise invalid(f"data.columns.picture: the column {named!r} holds no arrays, picture files or their paths")
        return named
    whole = [name for name, values in columns.items() if values.ndim > 1 or _holds_files(values)]
    whole = whole or [name for name, values in columns.items() if _holds_paths(values)]
    if len(whole) > 1:
        raise invalid(
            f"the columns {listed(whole)} hold images, their paths or other arrays; name one in data.columns.picture"
        )
    return whole[0] if whole else None


def _about_others(columns: Mapping[str, Column], image: str) -> tuple[str, ...]:
    others = [name for name in columns if name != image]
    return (f"the images are in {image!r}; nothing is learned from {listed(others)}",) if others else ()


def _table(kind: DataFormat, file: Path, path: Path, source: DataSource, memory: int) -> Table:
    if kind is DataFormat.NPZ:
        return Table(read_npz(file, memory, names=_ARRAYS))
    return read_table(path, source, memory, label=_LABELS)


def _holds_files(values: Column) -> bool:
    return values.dtype == object and isinstance(values[0], bytes)


def _holds_paths(values: Column) -> bool:
    """Return whether most cells end as the names of picture files do."""
    if values.dtype != object or values.ndim != 1:
        return False
    ended = sum(isinstance(cell, str) and cell.lower().endswith((*ENDINGS, *OTHER_ENDINGS)) for cell in values)
    return 2 * ended > len(values)


def _checked(name: str, images: Column) -> npt.NDArray[np.generic]:
    grey = images.ndim == _GREY
    if not (grey or images.ndim == _GREY + 1) or 0 in images.shape[1:]:
        side = math.isqrt(images.shape[1])
        flat = images.ndim == _FLAT and side > 1 and side * side == images.shape[1]
        cure = f". Write {name}.reshape(-1, {side}, {side})" if flat else ""
        raise invalid(f"{name} has the shape {list(images.shape)}; allowed: [N, H, W] or [N, H, W, C]{cure}")
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
            "shape [N, H, W] or [N, H, W, C], picture files, their paths, or a column of numbers for each pixel. Where "
            "the folders beside the table are the classes, set data.format: ImageFolder"
        )
    pixels = {name: _pixels(name, values) for name, values in columns.items()}
    side = math.isqrt(len(columns))
    if side < _SMALLEST or side * side != len(columns):
        ends = f" ({listed(list(columns), _ENDS)})" if columns else ""
        raise invalid(
            f"a line has {len(columns)} pixels beside the label{ends}; a column for each pixel is for square grey "
            "images, such as 64 pixels for 8 x 8. Leave other columns out of the file; paths of picture files need "
            "their endings; use an NPZ file or picture files for other shapes"
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
