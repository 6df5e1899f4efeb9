"""The examples of a task, found by their URI and checked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from idla_contract.result import FailureReason
from idla_contract.task import DataFormat, DataSource
from idla_preprocess import ImageSpec, InputError, to_tensor
from idla_store import digest_of_path, fetch

from idla_trainer.data.arrays import read_npz
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.tables import read_csv
from idla_trainer.failures import TaskError
from idla_trainer.surroundings import memory_bytes

_ENDINGS = {".csv": DataFormat.CSV, ".csv.gz": DataFormat.CSV, ".npz": DataFormat.NPZ}


@dataclass(frozen=True, slots=True)
class Dataset:
    """All examples, in the order of the file."""

    digest: str
    images: npt.NDArray[np.float32]
    """Raw pixels [N, H, W, C]."""
    labels: npt.NDArray[np.int64]
    """Class numbers [N]."""
    classes: tuple[str, ...]
    maximum: float
    """Largest pixel."""

    @property
    def image_spec(self) -> ImageSpec:
        """Return what one example looks like."""
        height, width, channels = self.images.shape[1:]
        return ImageSpec(height=height, width=width, channels=channels, maximum=self.maximum)


def load_dataset(
    source: DataSource, *, data_mount: Path, samples: Path, work: Path, memory: int | None = None
) -> Dataset:
    """Fetch, read and check the examples.

    Args:
        source: where they are and how they are read.
        data_mount: where the claim of `pvc://` is mounted.
        samples: the folder of the samples.
        work: a folder for a download.
        memory: bytes that the examples may take; default: all that this process may use.

    Raises:
        StoreError: they cannot be fetched.
        TaskError: they cannot be used.
    """
    found = fetch(source.uri, data_mount=data_mount, samples_root=samples, into=work, digest=source.digest)
    digest = source.digest or digest_of_path(found, source.uri)
    path = _data_file(found)
    if path.stat().st_size == 0:
        raise TaskError(FailureReason.DATA_EMPTY, f"{path.name} is empty; it needs one example or more")
    limit = memory_bytes() if memory is None else memory
    if _format(path, source.format) is DataFormat.CSV:
        images, texts = read_csv(path, source.columns.label, limit)
    else:
        images, texts = read_npz(path, limit)
    return _checked(digest, images, texts)


def _checked(digest: str, images: npt.NDArray[np.generic], texts: list[str]) -> Dataset:
    if not texts:
        raise TaskError(FailureReason.DATA_EMPTY, "there is no example; at least five of each class are needed")
    labels, classes = encode_labels(texts)
    with np.errstate(over="ignore"):
        pixels = np.ascontiguousarray(images, dtype=np.float32)
    finite = np.isfinite(pixels).reshape(len(pixels), -1).all(axis=1)
    if not finite.all():
        example = int(np.argmin(finite))
        message = (
            f"{int(np.count_nonzero(~finite))} of {len(pixels)} examples have NaN, infinite or missing pixels; the "
            f"first is example {example} (counted from 0, label {classes[labels[example]]!r}). Mend or remove them"
        )
        raise TaskError(FailureReason.NOT_FINITE, message)
    maximum = float(pixels.max())
    if maximum <= 0:
        message = f"the largest pixel is {maximum:g}; pixels go from 0 to a maximum above 0"
        raise TaskError(FailureReason.DATA_INVALID, message)
    dataset = Dataset(digest, pixels, labels, classes, maximum)
    try:
        to_tensor(dataset.image_spec, pixels[:1])
    except InputError as error:
        raise TaskError(FailureReason.DATA_INVALID, f"the images cannot be used: {error}") from error
    return dataset


def _data_file(path: Path) -> Path:
    """Return the one data file that a path is or holds."""
    if path.is_file():
        return path
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and _ending(entry) is not None)
    if not files:
        message = f"the folder {path.name} holds no .csv, .csv.gz or .npz file; name a file or a folder with one"
        raise TaskError(FailureReason.DATA_EMPTY, message)
    if len(files) > 1:
        message = (
            f"the folder {path.name} holds {len(files)} data files ({files[0].name}, {files[1].name}, ...); name one"
        )
        raise TaskError(FailureReason.DATA_INVALID, message)
    return files[0]


def _format(path: Path, wanted: DataFormat) -> DataFormat:
    if wanted is not DataFormat.AUTO:
        return wanted
    ending = _ending(path)
    if ending is None:
        message = f"{path.name} ends in none of {', '.join(_ENDINGS)}; rename it or set data.format to CSV or NPZ"
        raise TaskError(FailureReason.DATA_INVALID, message)
    return _ENDINGS[ending]


def _ending(path: Path) -> str | None:
    return next((ending for ending in _ENDINGS if path.name.lower().endswith(ending)), None)
