"""HDF5 files of Keras are read as numbers of the layers that are wanted; whatever else they hold is refused."""

import io
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from idla_trainer.training.keras_file import KerasFileError, OtherNetworkError, Wanted, read_layers

from tests.golden import Golden

FIRST = np.arange(36, dtype=np.float32).reshape(3, 3, 1, 4)
SECOND = np.arange(144, dtype=np.float32).reshape(3, 3, 4, 4) / 7
BIAS = np.array([1, 2, 3, 4], np.float32)
WANTED = (
    Wanted(name="block1_conv1", key="conv2d", shapes=((3, 3, 1, 4), (4,))),
    Wanted(name="block1_conv2", key="conv2d_1", shapes=((3, 3, 4, 4), (4,))),
)
Layers = dict[str, tuple[npt.NDArray[Any], ...]]
LAYERS: Layers = {"block1_conv1": (FIRST, BIAS), "block1_conv2": (SECOND, BIAS + 1)}
HEAD: Layers = {"fc1": (np.ones((4, 2), np.float32), np.zeros(2, np.float32))}


def written(write: Callable[[Any], Any]) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        write(file)
    return content.getvalue()


def keras_2(root: Any, layers: Layers, *, suffix: str = "_W_1:0", way: str = "") -> None:
    """Write the layout of Keras Applications, whose layers without weights have empty groups."""
    root.attrs["layer_names"] = [b"input_1", *(name.encode() for name in layers)]
    root.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
    for name, arrays in layers.items():
        names = [f"{way}{name}{suffix}", f"{way}{name}_b_1:0"]
        root.create_group(name).attrs["weight_names"] = [text.encode() for text in names]
        for text, array in zip(names, arrays, strict=True):
            root[name].create_dataset(text, data=array)


def keras_3(root: Any, layers: Layers, *, named: bool = True, **packing: Any) -> None:
    counts = {"conv2d": 0, "dense": 0}
    for name, arrays in layers.items():
        kind = "conv2d" if arrays[0].ndim == 4 else "dense"
        key = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1
        group = root.create_group(f"layers/{key}/vars")
        if named:
            group.attrs["name"] = name
        for place, array in enumerate(arrays):
            group.create_dataset(str(place), data=array, **packing)
    root.create_group("layers/input_layer/vars")
    root.create_group("optimizer/vars").create_dataset("0", data=3)


GZIP: dict[str, Any] = {"compression": "gzip", "shuffle": True, "fletcher32": True}
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "of Keras Applications": lambda file: keras_2(file, LAYERS),
    "of Keras 2, nested names": lambda file: keras_2(file, LAYERS, suffix="/kernel:0", way="deep/"),
    "a whole model of Keras 2": lambda file: keras_2(file.create_group("model_weights"), LAYERS | HEAD),
    "of Keras 3": lambda file: keras_3(file, LAYERS | HEAD),
    "of Keras 3 in another order": lambda file: keras_3(file, dict(reversed(LAYERS.items()))),
    "of early Keras 3, without names": lambda file: keras_3(file, LAYERS | HEAD, named=False),
    "packed by gzip": lambda file: keras_3(file, LAYERS, **GZIP),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_weights_of_the_wanted_layers(name: str) -> None:
    found = read_layers(written(LAYOUTS[name]), WANTED)
    for arrays, wanted in zip(found, LAYERS.values(), strict=True):
        for array, value in zip(arrays, wanted, strict=True):
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, value)


WIDER: tuple[npt.NDArray[Any], ...] = (np.zeros((3, 3, 1, 8), np.float32), np.zeros(8, np.float32))
OTHERS: dict[str, Callable[[Any], Any]] = {
    "other channels": lambda file: keras_2(file, LAYERS | {"block1_conv1": WIDER}),
    "a layer too few": lambda file: keras_2(file, {"block1_conv1": LAYERS["block1_conv1"]}),
    "a layer too many": lambda file: keras_3(file, LAYERS | {"block1_conv3": LAYERS["block1_conv2"]}),
    "other names": lambda file: keras_3(file, {"stem": LAYERS["block1_conv1"]}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_weights_of_another_network_name_the_first_layer_that_differs(name: str, golden: Golden) -> None:
    with pytest.raises(OtherNetworkError) as refusal:
        read_layers(written(OTHERS[name]), WANTED)
    golden(str(refusal.value))


def changed(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return what writes a file whose first kernel, `0`, is written by the change."""

    def write(file: Any) -> None:
        keras_3(file, LAYERS)
        group = file["layers/conv2d/vars"]
        del group["0"]
        change(group)

    return write


def virtual(group: Any) -> None:
    layout = h5py.VirtualLayout(FIRST.shape, "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", FIRST.shape)
    group.create_virtual_dataset("0", layout)


def linked(link: Any) -> Callable[[Any], None]:
    def write(group: Any) -> None:
        group["0"] = link

    return changed(write)


REFUSED: dict[str, Callable[[Any], Any]] = {
    "a link to another file": linked(h5py.ExternalLink("/etc/other.h5", "/x")),
    "a soft link": linked(h5py.SoftLink("/layers/conv2d_1/vars/0")),
    "parts of other files": changed(virtual),
    "numbers in another file": changed(
        lambda group: group.create_dataset("0", FIRST.shape, "f4", external=[("other.raw", 0, 144)])
    ),
    "another filter": changed(lambda group: group.create_dataset("0", data=FIRST, compression="lzf")),
    "whole numbers": changed(lambda group: group.create_dataset("0", data=FIRST.astype("i4"))),
    "NaN": changed(lambda group: group.create_dataset("0", data=FIRST * np.nan)),
    "a group for an array": changed(lambda group: group.create_group("0")),
    "pieces larger than the whole": changed(lambda group: group.create_dataset(
        "0", data=FIRST, chunks=(64, 64, 64, 64), maxshape=(None,) * 4, compression="gzip"
    )),
    "nothing of Keras": lambda file: file.create_dataset("x", data=FIRST),
    "names that are numbers": lambda file: file.attrs.update(layer_names=[1, 2]),
    "a way out": lambda file: file.attrs.update(layer_names=[b"../x"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_never_read_is_refused(name: str, golden: Golden) -> None:
    with pytest.raises(KerasFileError) as refusal:
        read_layers(written(REFUSED[name]), WANTED)
    golden(str(refusal.value))


@pytest.mark.parametrize("kept", [8, 100, 1000, -200])
def test_half_a_file_is_refused(kept: int) -> None:
    with pytest.raises(KerasFileError, match="it cannot be read"):
        read_layers(written(LAYOUTS["of Keras 3"])[:kept], WANTED)
