"""Weights that were learned elsewhere: fetched, checked against their digest, read as plain arrays, put into a network.

What is read is the `candidate/weights.npz` that a training leaves in its task's folder on the workflow's claim, so that
the network of one workflow goes on in the next, or an HDF5 file of Keras, whose layers are found by their names.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.artifact import digest_of
from idla_contract.task import DataSource, Weights
from idla_contract.uri import claim_of
from idla_preprocess.arrays import ArraysError, unpack
from idla_store import DigestMismatchError, FetchPolicy, RefusedError, fetch
from idla_store.errors import shown

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.failures import TaskError, spec_invalid

Arrays = Sequence[npt.NDArray[Any]]
HEAD = "logits"
"""The layer that belongs to one task alone; its weights are never taken over."""
MAXIMUM_BYTES = 2 * 2**30
"""Four times VGG16 with all its layers."""
_PLACE = re.compile(r"[0-9]{4,6}")
_HDF5 = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Weights of a file, in the order of the network's."""

    source: str
    """What an error calls the file."""
    placed: Arrays


@dataclass(frozen=True, slots=True, eq=False)
class KerasFile:
    """Weights of an HDF5 file, by layer; they are read when it is known which ones are wanted."""

    source: str
    """What an error calls the file."""
    content: bytes = field(repr=False)


def begin_with(
    model: Any, weights: Weights, data: DataSource, *, data_mount: Path, into: Path, policy: FetchPolicy | None = None
) -> int:
    """Fetch given weights and put all but those of the last layer into a network; return how many numbers.

    Args:
        model: a Keras model with fresh weights.
        weights: where they are, and their digest.
        data: a pod mounts no other claim than that of its data.
        data_mount: where that claim is mounted.
        into: a folder for downloads.
        policy: what a fetch may do. Default: public addresses.

    Raises:
        TaskError: on another claim, no file of weights, or weights of another network.
        StoreError: not there, not reachable, refused, too large, or with another digest.
    """
    claim, mounted = claim_of(weights.uri), claim_of(data.uri)
    if claim is not None and claim != mounted:
        has = f"the claim {mounted}" if mounted else "no claim"
        raise spec_invalid(
            f"model.weights.uri: found {weights.uri}, but this task mounts {has} for its data; put the file onto the "
            "claim of the data or give its https:// address"
        )
    content = fetch_weights(weights.uri, weights.sha256, data_mount=data_mount, into=into, policy=policy)
    return set_pretrained(model, read_weights(content, shown(weights.uri)))


def fetch_weights(uri: str, sha256: str, *, data_mount: Path, into: Path, policy: FetchPolicy | None = None) -> bytes:
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
        raise RefusedError(uri, "it is no file", "name a file of weights, .npz or .h5")
    size = path.stat().st_size
    if size > MAXIMUM_BYTES:
        raise RefusedError(uri, f"it has {size} bytes", f"a file of weights has at most {MAXIMUM_BYTES}")
    content = path.read_bytes()
    found = digest_of(content)
    if found != f"sha256:{sha256}":
        problem = f"its digest is {found}, expected sha256:{sha256}"
        raise DigestMismatchError(uri, problem, "correct weights.sha256 if this file is wanted, else restore the file")
    return content


def read_weights(content: bytes, source: str) -> Stored | KerasFile:
    """Return the weights of a file.

    Args:
        content: the file.
        source: what an error calls it, e.g. its URI.

    Raises:
        TaskError: it is no such file, damaged, or holds what is no weight.
    """
    if content.startswith(_HDF5):
        return KerasFile(source, content)
    try:
        return Stored(source, placed=_placed(unpack(content)))
    except ArraysError as error:
        raise _unreadable(source, error) from error


def set_pretrained(model: Any, stored: Stored | KerasFile) -> int:
    """Give a Keras model all weights of a file but those of its last layer, `logits`; return how many numbers.

    Args:
        model: the network that is trained, with fresh weights.
        stored: weights of the same network for the same or another task.

    Raises:
        TaskError: weights are missing or have another shape, or the file cannot be read; nothing was changed.
    """
    pairs = _by_layer(model, stored) if isinstance(stored, KerasFile) else _by_place(model, stored)
    for variable, array in pairs:
        variable.assign(array.astype(np.float32))
    return sum(array.size for _, array in pairs)


def _by_place(model: Any, stored: Stored) -> list[tuple[Any, npt.NDArray[Any]]]:
    head = {id(variable) for variable in model.get_layer(HEAD).weights}
    pairs = [pair for pair in zip(model.weights, stored.placed, strict=False) if id(pair[0]) not in head]
    for variable, array in pairs:
        if tuple(variable.shape) != array.shape:
            found = (
                f"{variable.path} has the shape {list(array.shape)} there and {list(variable.shape)} in this network"
            )
            raise _misfit(stored.source, found)
    if len(stored.placed) != len(model.weights):
        found = f"{len(stored.placed)} arrays there, {len(model.weights)} in this network"
        raise _misfit(stored.source, found)
    return pairs


def _by_layer(model: Any, stored: KerasFile) -> list[tuple[Any, npt.NDArray[Any]]]:
    from idla_trainer.training.keras_file import KerasFileError, OtherNetworkError, Wanted, read_layers

    numbers: Counter[str] = Counter()
    layers, wanted = [], []
    for layer in model.layers:
        kind = _snake_case(type(layer).__name__)
        key = f"{kind}_{numbers[kind]}" if numbers[kind] else kind
        numbers[kind] += 1
        if layer.weights and layer.name != HEAD:
            layers.append(layer)
            shapes = tuple(tuple(variable.shape) for variable in layer.weights)
            wanted.append(Wanted(name=layer.name, key=key, shapes=shapes))
    try:
        arrays = read_layers(stored.content, wanted)
    except KerasFileError as error:
        raise _unreadable(stored.source, error) from error
    except OtherNetworkError as error:
        raise _misfit(stored.source, str(error)) from error
    variables = [variable for layer in layers for variable in layer.weights]
    return list(zip(variables, (array for of_layer in arrays for array in of_layer), strict=True))


def _snake_case(kind: str) -> str:
    """Return the name of a kind of layers as files of Keras 3 have it: `Conv2D` is `conv2d`."""
    apart = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", apart).lower()


def _placed(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    other = [name for name in arrays if not _PLACE.fullmatch(name)]
    if other:
        raise ArraysError(f"its array {other[0]!r} is not named by a place such as 0000")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ArraysError(f"{name} holds what is no finite number")
    return [arrays[name] for name in sorted(arrays)]


def _unreadable(source: str, error: Exception) -> TaskError:
    return invalid(
        f"model.weights: {source} is no file of weights ({error}); give the candidate/weights.npz of a training, or an "
        "HDF5 file of weights as Keras writes it"
    )


def _misfit(source: str, found: str) -> TaskError:
    return spec_invalid(
        f"model.weights: {source} belongs to another network: {found}. Choose the builder, the hyperparameters "
        "and the kind of images that they were learned with"
    )
