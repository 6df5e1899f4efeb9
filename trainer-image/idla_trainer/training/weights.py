"""Weights that were learned elsewhere: fetched, checked against their digest, read as plain arrays, put into a network.

What is read is the `candidate/weights.npz` that a training leaves in its task's folder on the workflow's claim, so that
the network of one workflow goes on in the next.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.artifact import digest_of
from idla_contract.result import FailureReason
from idla_preprocess.arrays import ArraysError, unpack
from idla_store import DigestMismatchError, FetchPolicy, RefusedError, fetch

from idla_trainer.failures import TaskError

Arrays = Sequence[npt.NDArray[Any]]
HEAD = "logits"
"""The layer that belongs to one task alone; its weights are never taken over."""
MAXIMUM_BYTES = 2 * 2**30
"""Four times VGG16 with all its layers."""
_PLACE = re.compile(r"[0-9]{4,6}")


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Weights of a file, in the order of the network's."""

    source: str
    """What an error calls the file."""
    placed: Arrays


def fetched(uri: str, sha256: str, *, data_mount: Path, into: Path, policy: FetchPolicy | None = None) -> bytes:
    """Return the bytes of a file of weights; they are the ones that the digest names.

    Args:
        uri: `pvc://claim/path` or `https://host/path`, or `file:///path` where the policy allows it.
        sha256: 64 hexadecimal digits.
        data_mount: where the claim of `pvc://` is mounted.
        into: a folder for downloads.
        policy: what a fetch may do.

    Raises:
        StoreError: not there, not reachable, refused, too large, or with another digest.
    """
    path = fetch(uri, data_mount=data_mount, samples_root=into, into=into, policy=policy)
    if not path.is_file():
        raise RefusedError(uri, "it is no file", "name a file of weights, .npz")
    size = path.stat().st_size
    if size > MAXIMUM_BYTES:
        raise RefusedError(uri, f"it has {size} bytes", f"a file of weights has at most {MAXIMUM_BYTES}")
    content = path.read_bytes()
    found = digest_of(content)
    if found != f"sha256:{sha256}":
        problem = f"its digest is {found}, expected sha256:{sha256}"
        raise DigestMismatchError(uri, problem, "correct weights.sha256 if this file is wanted, else restore the file")
    return content


def read_weights(content: bytes, source: str) -> Stored:
    """Return the weights of a file.

    Args:
        content: the file.
        source: what an error calls it, e.g. its URI.

    Raises:
        TaskError: it is no such file, damaged, or holds what is no weight.
    """
    try:
        return Stored(source, placed=_placed(unpack(content)))
    except ArraysError as error:
        message = (
            f"model.weights: {source} is no file of weights ({error}); give the candidate/weights.npz of a training"
        )
        raise TaskError(FailureReason.DATA_INVALID, message) from error


def set_pretrained(model: Any, stored: Stored) -> int:
    """Give a Keras model all weights of a file but those of its last layer, `logits`; return how many numbers.

    Args:
        model: the network that is trained, with fresh weights.
        stored: weights of the same network for the same or another task.

    Raises:
        TaskError: weights are missing or have another shape; nothing was changed.
    """
    pairs = _pairs(model, stored)
    for place, variable, array in pairs:
        if tuple(variable.shape) != array.shape:
            found = f"{place} has the shape {list(array.shape)} there and {list(variable.shape)} in this network"
            raise _misfit(stored, found)
    for _, variable, array in pairs:
        variable.assign(array.astype(np.float32))
    return sum(array.size for _, _, array in pairs)


def _pairs(model: Any, stored: Stored) -> list[tuple[str, Any, npt.NDArray[Any]]]:
    if len(stored.placed) != len(model.weights):
        raise _misfit(stored, f"{len(stored.placed)} arrays there, {len(model.weights)} in this network")
    head = {id(variable) for variable in model.get_layer(HEAD).weights}
    pairs = zip(model.weights, stored.placed, strict=True)
    return [(variable.path, variable, array) for variable, array in pairs if id(variable) not in head]


def _placed(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    other = [name for name in arrays if not _PLACE.fullmatch(name)]
    if other:
        raise ArraysError(f"its array {other[0]!r} is not named by a place such as 0000")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ArraysError(f"{name} holds what is no finite number")
    return [arrays[name] for name in sorted(arrays)]


def _misfit(stored: Stored, found: str) -> TaskError:
    message = (
        f"model.weights: {stored.source} belongs to another network: {found}. Choose the builder, the hyperparameters "
        "and the kind of images that they were learned with"
    )
    return TaskError(FailureReason.SPEC_INVALID, message)
