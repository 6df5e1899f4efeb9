"""HDF5 files of weights as Keras users have them, read as numbers of layers alone; nothing is made of what they say.

Both layouts are read: `.h5` of Keras Applications and Keras 2, which has a group for each layer by name, and
`.weights.h5` of Keras 3, which has `layers/<kind>_<number>/vars`. Only arrays that the network has room for, by name
and shape, are unpacked: a file cannot take more memory than the network does. Links, arrays in other files and filters
that would load a library are refused. The library that parses the file is in C: a file is read only with its digest.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
"""Those of the library itself; others are looked for among the files of the machine."""
_DENSE = 2
"""Axes of the kernel of a dense layer."""

Shape = tuple[int, ...]
Datasets = Mapping[str, Sequence[Any]]


class KerasFileError(ValueError):
    """The file is no such file, or holds what is never read."""


class OtherNetworkError(ValueError):
    """The weights belong to another network; the message names the first layer that differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A layer that looks for its weights."""

    name: str
    key: str
    """Its kind and its number among those, e.g. `conv2d_1`: what early files of Keras 3 call it."""
    shapes: tuple[Shape, ...]


def read_layers(content: bytes, wanted: Sequence[Wanted]) -> list[list[npt.NDArray[np.float32]]]:
    """Return the weights of layers, each one's in the order of its shapes.

    Dense layers of the file that no layer wants are the last ones of another task, and left out.

    Args:
        content: the file.
        wanted: the layers, in the network's order.

    Raises:
        KerasFileError: no HDF5 file, damaged, no weights of layers, or what is never read.
        OtherNetworkError: a layer is missing, has other shapes, or is one that the network does not have.
    """
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            named, found = _layers(file)
            asked = [layer.name if named else layer.key for layer in wanted]
            for layer, name in zip(wanted, asked, strict=True):
                _check_layer(layer, name, found)
            _check_rest(found, asked, wanted)
            return [[_numbers(dataset) for dataset in found[name]] for name in asked]
    except (KerasFileError, OtherNetworkError):
        raise
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:  # what the library raises on damage
        raise KerasFileError(f"it cannot be read ({error})") from error


def _layers(file: Any) -> tuple[bool, Datasets]:
    """Return whether the layers are called by their names, and their arrays."""
    if "layers" in file:
        return _of_keras_3(_child(file, "layers", h5py.Group))
    return True, dict(_by_name(_child(file, "model_weights", h5py.Group) if "model_weights" in file else file))


def _of_keras_3(layers: Any) -> tuple[bool, Datasets]:
    keys = [key for key in layers if "vars" in _child(layers, key, h5py.Group)]
    groups = {key: _child(layers[key], "vars", h5py.Group) for key in keys}
    groups = {key: group for key, group in groups.items() if len(group)}
    names = {key: group.attrs.get("name") for key, group in groups.items()}
    named = all(isinstance(name, str) for name in names.values())
    return named, {
        str(names[key]) if named else key: [
            _child(group, str(place), h5py.Dataset) for place in range(len(group))
        ]
        for key, group in groups.items()
    }  # fmt: skip


def _by_name(root: Any) -> Iterator[tuple[str, list[Any]]]:
    if "layer_names" not in root.attrs:
        raise KerasFileError("it has neither the group 'layers' of Keras 3 nor the attribute 'layer_names' of Keras 2")
    for name in _texts(root.attrs["layer_names"]):
        group = _child(root, name, h5py.Group)
        arrays = []
        for weight in _texts(group.attrs.get("weight_names", ())):
            *way, last = weight.split("/")
            place = group
            for part in way:
                place = _child(place, part, h5py.Group)
            arrays.append(_child(place, last, h5py.Dataset))
        if arrays:
            yield name, arrays


def _texts(values: Any) -> list[str]:
    texts = [value.decode() if isinstance(value, bytes) else value for value in values]
    wrong = next((text for text in texts if not isinstance(text, str)), None)
    if wrong is not None:
        raise KerasFileError(f"it names a layer or an array by {type(wrong).__name__}, not by a text")
    return texts


def _child(group: Any, name: str, kind: type[Any]) -> Any:
    """Return a member of a group that lies in this very file."""
    link = group.get(name, getlink=True) if name and "/" not in name else None
    if link is None:
        raise KerasFileError(f"{name!r} is not there")
    if not isinstance(link, h5py.HardLink):
        raise KerasFileError(f"{name!r} is a link, which is not followed")
    member = group[name]
    if not isinstance(member, kind):
        raise KerasFileError(f"{name!r} is no {kind.__name__.lower()}")
    return member


def _check_layer(layer: Wanted, name: str, found: Datasets) -> None:
    if name not in found:
        raise OtherNetworkError(f"the layer {layer.name} has no weights there; it has {_some(found)}")
    shapes = tuple(tuple(dataset.shape or ()) for dataset in found[name])
    if shapes != layer.shapes:
        there, here = (", ".join(str(list(shape)) for shape in shown) for shown in (shapes, layer.shapes))
        raise OtherNetworkError(f"the layer {layer.name} has the shapes {there} there and {here} in this network")


def _check_rest(found: Datasets, asked: Sequence[str], wanted: Sequence[Wanted]) -> None:
    for name in sorted(set(found) - set(asked)):
        if len(found[name][0].shape or ()) != _DENSE:
            here = ", ".join(layer.name for layer in wanted)
            raise OtherNetworkError(f"the layer {name} is there and not in this network, which has {here}")


def _numbers(dataset: Any) -> npt.NDArray[np.float32]:
    """Return the numbers of an array whose shape is known to be a wanted one."""
    name, settings = dataset.name, dataset.id.get_create_plist()
    if dataset.dtype.kind != "f":
        raise KerasFileError(f"{name} holds {dataset.dtype}, allowed are floating-point numbers")
    if dataset.is_virtual or settings.get_external_count():
        raise KerasFileError(f"{name} lies in other files, which are not read")
    if any(settings.get_filter(place)[0] not in _FILTERS for place in range(settings.get_nfilters())):
        raise KerasFileError(f"{name} is packed by another method than gzip")
    if dataset.chunks and any(part > whole for part, whole in zip(dataset.chunks, dataset.shape, strict=True)):
        raise KerasFileError(f"{name} has pieces that are larger than the whole")
    array = np.asarray(dataset[()], np.float32)
    if not np.isfinite(array).all():
        raise KerasFileError(f"{name} holds what is no finite number")
    return array


def _some(found: Datasets, most: int = 8) -> str:
    names = sorted(found)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") if names else "no layer with weights"
