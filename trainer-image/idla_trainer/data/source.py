"""Where the examples of a task are: fetched, checked and found in what was fetched."""

from dataclasses import dataclass
from pathlib import Path

from idla_contract.result import FailureReason
from idla_contract.task import DataFormat
from idla_store import digest_of_path, fetch

from idla_trainer.failures import TaskError

ENDINGS = {
    ".csv": DataFormat.CSV, ".tsv": DataFormat.CSV, ".jsonl": DataFormat.JSONL, ".ndjson": DataFormat.JSONL,
    ".npz": DataFormat.NPZ, ".parquet": DataFormat.PARQUET, ".tfrecord": DataFormat.TFRECORD,
}  # fmt: skip
"""Format by the ending of a file; `.gz` may follow."""
FOLDERS = {DataFormat.IDX, DataFormat.IMAGE_FOLDER}
"""Formats that are a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a pod looks for data."""

    data_mount: Path
    samples: Path
    downloads: Path


@dataclass(frozen=True, slots=True)
class Fetched:
    """Data that are on this machine."""

    path: Path
    """The file, or the folder of a format that is one."""
    digest: str


def fetched(uri: str, digest: str | None, wanted: DataFormat, origin: Origin) -> Fetched:
    """Return the data of an address.

    Raises:
        StoreError: they cannot be fetched.
        TaskError: there is no data file, more than one, or an empty one.
    """
    found = fetch(uri, data_mount=origin.data_mount, samples_root=origin.samples, into=origin.downloads, digest=digest)
    path = found if wanted in FOLDERS else _data_file(found)
    if path.is_file() and path.stat().st_size == 0:
        raise TaskError(FailureReason.DATA_EMPTY, f"{path.name} is empty; it needs one example or more")
    return Fetched(path, digest or digest_of_path(found, uri))


def format_of(path: Path, wanted: DataFormat) -> DataFormat:
    """Return the format of a file: the wanted one, or what its ending says.

    Raises:
        TaskError: it has no ending that is known.
    """
    if wanted is not DataFormat.AUTO:
        return wanted
    found = _ending(path)
    if found is None:
        message = (
            f"{path.name} ends in none of {', '.join(ENDINGS)} (with or without .gz); rename it or set data.format"
        )
        raise TaskError(FailureReason.DATA_INVALID, message)
    return ENDINGS[found]


def _data_file(path: Path) -> Path:
    """Return the one data file that a path is or holds."""
    if path.is_file():
        return path
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and _ending(entry) is not None)
    if not files:
        message = f"the folder {path.name} holds no file that ends in {', '.join(ENDINGS)}; name one that does"
        raise TaskError(FailureReason.DATA_EMPTY, message)
    if len(files) > 1:
        message = (
            f"the folder {path.name} holds {len(files)} data files ({files[0].name}, {files[1].name}, ...); name one"
        )
        raise TaskError(FailureReason.DATA_INVALID, message)
    return files[0]


def _ending(path: Path) -> str | None:
    name = path.name.lower().removesuffix(".gz")
    return next((ending for ending in ENDINGS if name.endswith(ending)), None)
