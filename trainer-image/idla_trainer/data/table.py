"""A data file of any format becomes a table: named columns of equal length."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from idla_contract.task import DataFormat, DataSource

from idla_trainer.data.formats.cells import Column
from idla_trainer.data.formats.csv_files import read_csv
from idla_trainer.data.formats.idx import is_idx, read_idx
from idla_trainer.data.formats.image_folder import holds_classes, read_image_folder
from idla_trainer.data.formats.jsonl import read_jsonl
from idla_trainer.data.formats.npz import read_npz
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.tfrecord import read_tfrecord, shards

_ENDINGS = {
    ".csv": DataFormat.CSV, ".tsv": DataFormat.CSV, ".jsonl": DataFormat.JSONL, ".ndjson": DataFormat.JSONL,
    ".npz": DataFormat.NPZ, ".parquet": DataFormat.PARQUET, ".tfrecord": DataFormat.TFRECORD,
    ".tfrecords": DataFormat.TFRECORD,
}  # fmt: skip
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_KNOWN = ", ".join(_ENDINGS)


@dataclass(frozen=True, slots=True)
class Table:
    """Examples by columns."""

    columns: Mapping[str, Column]
    """By name, in the order of the file, all of one length N. Numbers are float64 [N] with NaN where one is missing;
    texts are objects [N] of `str`, empty where one is missing; encoded images and other bytes are objects [N] of
    `bytes`; arrays [N, ...] keep their type."""
    named: bool = True
    """Whether the file names the columns; else their numbers, counted from 0, are the names."""

    @property
    def rows(self) -> int:
        """Return how many examples there are."""
        return len(next(iter(self.columns.values())))


def read_table(path: Path, source: DataSource, memory: int) -> Table:
    """Return the table of a data file or folder, whatever its format.

    Args:
        path: the file; or a folder with one data file, with the shards of one, with a pair of IDX files, or with a
            folder of images for each class.
        source: the format, where it is not told by the ending, the delimiter and the header of a CSV file.
        memory: bytes that the columns may take.

    Raises:
        TaskError: unknown or unreadable, too large, or without an example.
    """
    kind, found = _found(path, source.format)
    if found.is_file() and found.stat().st_size == 0:
        raise empty(f"{found.name} is empty; it needs one example or more")
    if kind is DataFormat.CSV:
        options = {"delimiter": source.delimiter or ("\t" if ".tsv" in found.suffixes else None)}
        columns, named = read_csv(found, memory, header=source.header, expected=_expected(source), **options)
        return Table(columns, named)
    return Table(_READERS[kind](found, memory))


def _refuse_parquet(path: Path, memory: int) -> dict[str, Column]:
    del memory
    raise invalid(f"{path.name} is a Parquet file, which is not read here; write it as CSV, JSONL or NPZ")


_READERS = {
    DataFormat.JSONL: read_jsonl,
    DataFormat.NPZ: read_npz,
    DataFormat.IDX: read_idx,
    DataFormat.IMAGE_FOLDER: read_image_folder,
    DataFormat.PARQUET: _refuse_parquet,
    DataFormat.TFRECORD: read_tfrecord,
}


def _expected(source: DataSource) -> set[str]:
    """Return the names of columns that the task asks for."""
    columns = source.columns
    single = (
        columns.label, columns.target, columns.text, columns.user, columns.item, columns.rating, columns.timestamp,
        columns.group,
    )  # fmt: skip
    return {name for name in (*single, *columns.features, *columns.categorical) if name is not None}


def _found(path: Path, wanted: DataFormat) -> tuple[DataFormat, Path]:
    """Return the format and the file or folder that is read by it."""
    if path.is_dir():
        return _in_folder(path, wanted)
    if wanted is not DataFormat.AUTO:
        return wanted, path
    kind = _told(path)
    if kind is None:
        if path.name.lower().endswith(_ARCHIVES):
            raise invalid(
                f"{path.name} is an archive, which is not unpacked here; unpack it and name the file or folder"
            )
        raise invalid(f"{path.name} ends in none of {_KNOWN}, with or without .gz; rename it or set data.format")
    return kind, path


def _in_folder(path: Path, wanted: DataFormat) -> tuple[DataFormat, Path]:
    if wanted in {DataFormat.IDX, DataFormat.IMAGE_FOLDER}:
        return wanted, path
    files = [entry for entry in sorted(path.iterdir()) if entry.is_file() and not entry.name.startswith(".")]
    kinds = {file: _told(file) for file in files}
    known = [file for file in files if kinds[file] is not None and wanted in {DataFormat.AUTO, kinds[file]}]
    if not known and wanted is not DataFormat.AUTO and len(files) == 1:
        return wanted, files[0]
    if known and all(kinds[file] is DataFormat.IDX for file in known):
        return DataFormat.IDX, path
    if known and shards(known):
        return DataFormat.TFRECORD, path
    if not known and wanted is DataFormat.AUTO and holds_classes(path):
        return DataFormat.IMAGE_FOLDER, path
    if not known:
        message = (
            f"the folder {path.name} holds no data file ({_KNOWN}, with or without .gz), no IDX file and no folder of "
            "images; name a file or a folder with one"
        )
        raise empty(message)
    if len(known) > 1:
        message = (
            f"the folder {path.name} holds {len(known)} data files ({known[0].name}, {known[1].name}, ...); name one"
        )
        raise invalid(message)
    return kinds[known[0]] or wanted, known[0]


def _told(path: Path) -> DataFormat | None:
    """Return the format that a file's ending or first bytes tell."""
    name = path.name.lower().removesuffix(".gz")
    kind = next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), None)
    if kind is None and shards([path]):
        return DataFormat.TFRECORD
    if kind is None and is_idx(path):
        return DataFormat.IDX
    return kind
