"""Weights from elsewhere are taken only with their digest, as plain numbers, and into the network they belong to."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from idla_contract.result import FailureReason
from idla_store import DigestMismatchError, NotFoundError, RefusedError
from idla_trainer.failures import TaskError
from idla_trainer.models.fine_tuning import Phase, freeze, phase_of
from idla_trainer.training import weights as module
from idla_trainer.training.weights import fetch_weights, read_weights, set_pretrained

from tests.forged import npz

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([7, 8, 9], np.float32)
HEAD_KERNEL = np.full((3, 4), 5, np.float32)
HEAD_BIAS = np.zeros(4, np.float32)


class Variable:
    """As much of a Keras variable as the trainer uses."""

    def __init__(self, path: str, *shape: int) -> None:
        self.path, self.name, self.shape = path, path.rpartition("/")[2], shape
        self.value: npt.NDArray[Any] = np.full(shape, -1, np.float32)

    def assign(self, value: npt.NDArray[Any]) -> None:
        assert value.shape == self.shape
        self.value = value


class Dense:
    """A layer; its class has the name of Keras's."""

    def __init__(self, name: str, *shape: int) -> None:
        self.name, self.trainable = name, True
        self.weights = [Variable(f"{name}/kernel", *shape), Variable(f"{name}/bias", shape[-1])] if shape else []


class Model:
    """Two layers with weights, of which the last one is the head."""

    def __init__(self, classes: int = 2, width: int = 3) -> None:
        self.layers = [Dense("pool"), Dense("first", 2, width), Dense("logits", width, classes)]
        self.weights = [weight for layer in self.layers for weight in layer.weights]

    def get_layer(self, name: str) -> Dense:
        return next(layer for layer in self.layers if layer.name == name)

    def values(self) -> list[Any]:
        return [weight.value.tolist() for weight in self.weights]


PLACED = npz(**{"0000": KERNEL, "0001": BIAS, "0002": HEAD_KERNEL, "0003": HEAD_BIAS})


def test_all_weights_but_those_of_the_last_layer_are_taken() -> None:
    model = Model()
    assert set_pretrained(model, read_weights(PLACED, "w")) == KERNEL.size + BIAS.size
    assert model.values() == [KERNEL.tolist(), BIAS.tolist(), [[-1, -1]] * 3, [-1, -1]]


MISFITS = {
    "fewer arrays": (npz(**{"0000": KERNEL}), Model(), "1 arrays there, 4 in this network"),
    "another width": (PLACED, Model(width=5), r"first/kernel has the shape \[2, 3\] there and \[2, 5\]"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_weights_of_another_network_are_refused_and_nothing_is_changed(name: str) -> None:
    content, model, found = MISFITS[name]
    before = model.values()
    with pytest.raises(TaskError, match=found) as caught:
        set_pretrained(model, read_weights(content, "pvc://c/w"))
    assert caught.value.reason is FailureReason.SPEC_INVALID
    assert str(caught.value).startswith("model.weights: pvc://c/w belongs to another network")
    assert model.values() == before


UNREADABLE = {
    "nothing": (b"", "not a zip"),
    "a text": (b"weights", "not a zip"),
    "half an archive": (PLACED[:200], "not a zip"),
    "other names": (npz(x=KERNEL), "its array 'x' is not named by a place"),
    "texts": (npz(**{"0000": np.array(["a"])}), "0000 holds what is no finite number"),
    "NaN": (npz(**{"0000": KERNEL, "0001": BIAS * np.nan}), "0001 holds what is no finite number"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_another_file_is_refused(name: str) -> None:
    content, found = UNREADABLE[name]
    with pytest.raises(TaskError) as caught:
        read_weights(content, "https://host/w")
    assert caught.value.reason is FailureReason.DATA_INVALID
    assert str(caught.value).startswith("model.weights: https://host/w is no file of weights (")
    assert found in str(caught.value)


def at(mount: Path, uri: str, sha256: str) -> bytes:
    return fetch_weights(uri, sha256, data_mount=mount, into=mount / "downloads")


def test_a_file_is_taken_only_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(PLACED)
    (tmp_path / "folder").mkdir()
    right = hashlib.sha256(PLACED).hexdigest()
    assert at(tmp_path, "pvc://claim/w.npz", right) == PLACED
    with pytest.raises(DigestMismatchError, match=f"its digest is sha256:{right}, expected sha256:{'0' * 64}"):
        at(tmp_path, "pvc://claim/w.npz", "0" * 64)
    with pytest.raises(NotFoundError):
        at(tmp_path, "pvc://claim/x.npz", right)
    with pytest.raises(RefusedError, match="it is no file"):
        at(tmp_path, "pvc://claim/folder", right)
    with pytest.raises(RefusedError, match="is not read in a cluster"):
        at(tmp_path, f"file://{tmp_path}/w.npz", right)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.npz").write_bytes(PLACED)
    monkeypatch.setattr(module, "MAXIMUM_BYTES", len(PLACED) - 1)
    with pytest.raises(RefusedError, match=f"it has {len(PLACED)} bytes"):
        at(tmp_path, "pvc://claim/w.npz", hashlib.sha256(PLACED).hexdigest())


@pytest.mark.parametrize(
    ("settings", "phases"),
    [
        ((2, 0.1), [Phase(frozen=True), Phase(frozen=True), Phase(rate=0.1)]),
        ((0, 1.0), [Phase(), Phase(), Phase()]),
        ((1, 0.0), [Phase(frozen=True)] * 3),
    ],
    ids=["two phases", "all at once", "never"],
)
def test_given_weights_rest_at_first(settings: tuple[int, float], phases: list[Phase]) -> None:
    values = dict(zip(("frozen_epochs", "fine_tune_rate"), settings, strict=True))
    assert [phase_of(values, epoch, pretrained=True) for epoch in range(3)] == phases
    assert [phase_of(values, epoch, pretrained=False) for epoch in range(3)] == [Phase()] * 3


def test_only_the_last_layer_learns_while_the_others_are_frozen() -> None:
    model = Model()
    freeze(model, frozen=True)
    assert [layer.name for layer in model.layers if layer.trainable] == ["pool", "logits"]
    freeze(model, frozen=False)
    assert all(layer.trainable for layer in model.layers)
