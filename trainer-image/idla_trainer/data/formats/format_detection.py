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
    if kind is not None:
        return kind, path
    if path.name.lower().removesuffix(".gz").endswith(".json"):
        return DataFormat.JSONL, path  # in a folder such a file describes the data more often than it is them
    if is_archive(path) and path.stat().st_size and holds_images(path):
        return DataFormat.IMAGE_FOLDER, path
    check_kind(path, DataFormat.CSV)
    raise invalid(f"{path.name} ends in none of {_KNOWN}, with or without .gz; rename it or set data.format")


def _in_folder(path: Path, wanted: DataFormat) -> tuple[DataFormat, Path]:
    if wanted in {DataFormat.IDX, DataFormat.IMAGE_FOLDER}:
        return wanted, path
    files = _visible_files(path)
    known = {file: kind for file in files if (kind := _told(file)) and wanted in {DataFormat.AUTO, kind}}
    kinds = set(known.values())
    # Names of parts differ in numbers alone, so that none of them is called a test or another table.
    parts = len(kinds) == 1 and kinds < _IN_PARTS and len({_NUMBER.sub("", file.name) for file in known}) == 1
    if known and (kinds == {DataFormat.IDX} or parts or shards(list(known))):
        return kinds.pop(), path
    if len(known) == 1:
        return kinds.pop(), next(iter(known))
    if known:
        first, second, *_ = known
        raise invalid(
            f"the folder {path.name} holds {len(known)} data files ({first.name}, {second.name}, ...); name one, "
            "or give parts of one table names that differ in numbers alone"
        )
    if wanted is not DataFormat.AUTO and len(files) == 1:
        return wanted, files[0]
    for place in (path, *(file for file in files if len(files) == 1 and is_archive(file))):
        if wanted is DataFormat.AUTO and holds_images(place):
            return DataFormat.IMAGE_FOLDER, place
    raise empty(
        f"the folder {path.name} holds no data file ({_KNOWN}, with or without .gz), no IDX file and no folder of "
        "images; name a file or a folder with one"
    )


def _visible_files(folder: Path) -> Sequence[Path]:
    return [entry for entry in sorted(folder.iterdir()) if entry.is_file() and not entry.name.startswith(".")]


def _told(path: Path) -> DataFormat | None:
    """Return the format that a file's ending or first bytes tell."""
    name = path.name.lower().removesuffix(".gz")
    for ending, kind in _ENDINGS.items():
        if name.endswith(ending):
            return kind
    if shards([path]):
        return DataFormat.TFRECORD
    return DataFormat.IDX if is_idx(path) else None
