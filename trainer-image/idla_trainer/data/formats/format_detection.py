"""Which format data are of, and which file of a folder is read."""

import re
from collections.abc import Sequence
from pathlib import Path

from idla_contract.task import DataFormat

from idla_trainer.data.formats.idx import is_idx
from idla_trainer.data.formats.image_folder import holds_images
from idla_trainer.data.formats.other_files import check_kind
from idla_trainer.data.formats.picture_files import is_archive
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.tfrecord import shards

_ENDINGS = {
    ".csv": DataFormat.CSV, ".tsv": DataFormat.CSV, ".jsonl": DataFormat.JSONL, ".ndjson": DataFormat.JSONL,
    ".npz": DataFormat.NPZ, ".parquet": DataFormat.PARQUET, ".tfrecord": DataFormat.TFRECORD,
    ".tfrecords": DataFormat.TFRECORD,
}  # fmt: skip
_IN_PARTS = frozenset({DataFormat.CSV, DataFormat.JSONL, DataFormat.PARQUET})
_NUMBER = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d+")
"""What the names of parts differ in: a counter, a UUID."""
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_KNOWN = ", ".join(_ENDINGS)


def detect_format(path: Path, wanted: DataFormat) -> tuple[DataFormat, Path]:
    """Return the format of data and the file or folder that is read by it.

    Args:
        path: a file; or a folder with one data file, with the shards or parts of one, with a pair of IDX files, with a
            folder of images for each class or with an archive of it; or such an archive.
        wanted: the format; `Auto`: what the ending, the first bytes or the folder's content tell.

    Raises:
        TaskError: none or several, an unknown one, a file without a byte, or one that is something else.
    """
    kind, found = _found(path, wanted)
    for file in data_files(found, kind) if kind in _IN_PARTS or found.is_file() else ():
        if file.stat().st_size == 0:
            raise empty(f"{file.name} is empty; it needs one example or more")
        check_kind(file, kind)
    return kind, found


def data_files(found: Path, kind: DataFormat) -> Sequence[Path]:
    """Return the files of what `detect_format` found: itself, or the parts in a folder in the order of their names."""
    return [found] if found.is_file() else [file for file in _visible_files(found) if _told(file) is kind]


def _found(path: Path, wanted: DataFormat) -> tuple[DataFormat, Path]:
    if path.is_dir():
        return _in_folder(path, wanted)
    if wanted is not DataFormat.AUTO:
        return wanted, path
    kind = _told(path)
    if kind is None and path.name.lower().removesuffix(".gz").endswith(".json"):
        return DataFormat.JSONL, path  # in a folder such a file describes the data more often than it is them
    if kind is None:
        if is_archive(path) and path.stat().st_size and holds_images(path):
            return DataFormat.IMAGE_FOLDER, path
        if path.name.lower().endswith(_ARCHIVES):
            raise invalid(
                f"{path.name} is an archive, which is not unpacked here; unpack it and name the file or folder"
            )
        check_kind(path, DataFormat.CSV)
        raise invalid(f"{path.name} ends in none of {_KNOWN}, with or without .gz; rename it or set data.format")
    return kind, path


def _in_folder(path: Path, wanted: DataFormat) -> tuple[DataFormat, Path]:
    if wanted in {DataFormat.IDX, DataFormat.IMAGE_FOLDER}:
        return wanted, path
    files = _visible_files(path)
    kinds = {file: _told(file) for file in files}
    known = [file for file in files if kinds[file] is not None and wanted in {DataFormat.AUTO, kinds[file]}]
    if not known and wanted is not DataFormat.AUTO and len(files) == 1:
        return wanted, files[0]
    told = {kinds[file] for file in known}
    whole = told == {DataFormat.IDX} or (len(told) == 1 and told < _IN_PARTS and _are_parts(known)) or shards(known)
    if known and whole:
        return next(kind for kind in told if kind), path
    if not known and wanted is DataFormat.AUTO and (pictures := _pictures(path, files)):
        return DataFormat.IMAGE_FOLDER, pictures
    if not known:
        message = (
            f"the folder {path.name} holds no data file ({_KNOWN}, with or without .gz), no IDX file and no folder of "
            "images; name a file or a folder with one"
        )
        raise empty(message)
    if len(known) > 1:
        message = (
            f"the folder {path.name} holds {len(known)} data files ({known[0].name}, {known[1].name}, ...); name one, "
            "or give parts of one table names that differ in numbers alone"
        )
        raise invalid(message)
    return kinds[known[0]] or wanted, known[0]


def _visible_files(folder: Path) -> Sequence[Path]:
    return [entry for entry in sorted(folder.iterdir()) if entry.is_file() and not entry.name.startswith(".")]


def _are_parts(files: Sequence[Path]) -> bool:
    """Return whether names differ in numbers alone, so that none of the files is called a test or another table."""
    return len({_NUMBER.sub("", file.name) for file in files}) == 1


def _pictures(path: Path, files: Sequence[Path]) -> Path | None:
    """Return what holds images: a folder of classes, or the one archive in a folder; None: neither does."""
    if holds_images(path):
        return path
    alone = len(files) == 1 and is_archive(files[0]) and holds_images(files[0])
    return files[0] if alone else None


def _told(path: Path) -> DataFormat | None:
    """Return the format that a file's ending or first bytes tell."""
    name = path.name.lower().removesuffix(".gz")
    kind = next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), None)
    if kind is None and shards([path]):
        return DataFormat.TFRECORD
    if kind is None and is_idx(path):
        return DataFormat.IDX
    return kind
