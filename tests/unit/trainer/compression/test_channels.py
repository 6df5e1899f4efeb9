"""The channels of networks that are written down without a framework: who shares them, and which may go."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from idla_trainer.compression.network_graph import Call, Graph, Shape
from idla_trainer.compression.pruning.channels import Analysis, CoupledChannels, Unprunable, analyse_channels
from idla_trainer.compression.pruning.importance import rank_by_loss
from idla_trainer.compression.pruning.layer_rules import RULES
from idla_trainer.compression.pruning.prune import resize_layers, select_channels, slice_weights


class Network:
    """A network that is written call by call."""

    def __init__(self, **inputs: Shape) -> None:
        self._names = dict(zip(inputs, range(len(inputs)), strict=True))
        self._shapes: dict[int, Shape] = dict(enumerate(inputs.values()))
        self._inputs = tuple(self._shapes)
        self._calls: list[Call] = []

    def call(self, kind: str, out: str, shape: Shape, *inputs: str, layer: str = "", **settings: Any) -> None:
        weights: Mapping[str, tuple[int, ...]] = settings.pop("weights", {})
        self._names[out] = len(self._names)
        self._shapes[self._names[out]] = shape
        taken = tuple(self._names[name] for name in inputs)
        self._calls.append(Call(layer or out, kind, settings, weights, taken, (self._names[out],)))

    def conv(self, out: str, given: str, size: int, *, kernel: int = 3, layer: str = "", **settings: Any) -> None:
        before = self._shapes[self._names[given]]
        weights = {"kernel": (kernel, kernel, before[-1], size), "bias": (size,)}
        self.call("Conv2D", out, (*before[:-1], size), given, layer=layer, weights=weights, **settings)

    def dense(self, out: str, given: str, size: int, **settings: Any) -> None:
        width = self._shapes[self._names[given]][-1]
        self.call("Dense", out, (size,), given, weights={"kernel": (width, size), "bias": (size,)}, **settings)

    def graph(self, *outputs: str) -> Graph:
        return Graph(tuple(self._calls), self._shapes, self._inputs, tuple(self._names[name] for name in outputs))

    def analysis(self, *outputs: str) -> Analysis:
        return analyse_channels(self.graph(*outputs), RULES)


def groups(analysis: Analysis) -> dict[tuple[str, ...], int]:
    return {group.layers: len(group.channels) for group in analysis.groups}


def test_a_chain_gives_a_family_a_layer_and_keeps_the_answer() -> None:
    net = Network(x=(8, 8, 3))
    net.conv("a", "x", 4)
    net.call("BatchNormalization", "n", (8, 8, 4), "a", axis=-1,
             weights=dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (4,)))  # fmt: skip
    net.call("ReLU", "r", (8, 8, 4), "n")
    net.call("Flatten", "f", (256,), "r")
    net.dense("d", "f", 6)
    net.dense("logits", "d", 2)
    found = net.analysis("logits")
    assert groups(found) == {("a", "n"): 4, ("d",): 6}
    assert found.kept == (Unprunable(("logits",), 2, "an output of the network"),)


def _residual(net: Network) -> None:
    net.conv("b", "a", 4)
    net.call("Add", "out", (8, 8, 4), "a", "b")


def _concatenated(net: Network) -> None:
    net.conv("b", "a", 2)
    net.call("Concatenate", "out", (8, 8, 6), "a", "b", axis=-1)


def _along_time(net: Network) -> None:
    net.conv("b", "a", 4)
    net.call("Concatenate", "out", (16, 8, 4), "a", "b", axis=1)


def _excited(net: Network) -> None:
    net.call("GlobalAveragePooling2D", "g", (4,), "a")
    net.dense("s", "g", 2)
    net.dense("e", "s", 4)
    net.call("Reshape", "t", (1, 1, 4), "e", target_shape=(1, 1, 4))
    net.call("Multiply", "out", (8, 8, 4), "a", "t")


def _depthwise(net: Network) -> None:
    net.call("DepthwiseConv2D", "out", (8, 8, 8), "a", weights={"kernel": (3, 3, 4, 2), "bias": (8,)})


def _unknown(net: Network) -> None:
    net.call("LayerNormalization", "out", (8, 8, 4), "a", weights={"gamma": (4,), "beta": (4,)})


def _grouped(net: Network) -> None:
    net.call("Conv2D", "out", (8, 8, 4), "a", weights={"kernel": (3, 3, 2, 4)}, groups=2)


def _spread(net: Network) -> None:
    net.conv("b", "a", 1)
    net.call("Multiply", "out", (8, 8, 4), "a", "b")


def _shared(net: Network) -> None:
    net.conv("b", "a", 4, layer="twice")
    net.conv("out", "b", 4, layer="twice")


def _constant_added(net: Network) -> None:
    net.call("ops.Add", "out", (8, 8, 4), "a")


def _mixed(net: Network) -> None:
    net.conv("out", "a", 5, activation="softmax")


_WHY = "what {} does with channels is not known"


@pytest.mark.parametrize(
    ("body", "width", "removable", "kept"),
    [
        pytest.param(_residual, 4, {("a", "b"): 4}, (), id="residual"),
        pytest.param(_concatenated, 6, {("a",): 4, ("b",): 2}, (), id="concatenation"),
        pytest.param(_along_time, 4, {("a", "b"): 4}, (), id="concatenation of another axis"),
        pytest.param(_excited, 4, {("a", "e"): 4, ("s",): 2}, (), id="squeeze and excite"),
        pytest.param(_depthwise, 8, {("a", "out"): 4}, (), id="depthwise"),
        pytest.param(_shared, 4, {("a", "twice"): 4}, (), id="layer called twice"),
        pytest.param(_unknown, 4, {}, (Unprunable(("a",), 4, _WHY.format("out (LayerNormalization)")),), id="unknown"),
        pytest.param(_grouped, 4, {}, (Unprunable(("a",), 4, _WHY.format("out (Conv2D)")),), id="grouped"),
        pytest.param(_constant_added, 4, {}, (Unprunable(("a",), 4, _WHY.format("out (ops.Add)")),), id="constant"),
        pytest.param(
            _spread, 4, {("a",): 4}, (Unprunable(("b",), 1, "out spreads it over all channels"),), id="spread"
        ),
        pytest.param(
            _mixed, 5, {("a",): 4}, (Unprunable(("out",), 5, "the activation of out mixes channels"),), id="mixed"
        ),
    ],
)  # fmt: skip
def test_channels_that_share_a_fate_are_one(
    body: Any, width: int, removable: dict[tuple[str, ...], int], kept: tuple[Unprunable, ...]
) -> None:
    net = Network(x=(8, 8, 3))
    net.conv("a", "x", 4)
    body(net)
    net.call("GlobalAveragePooling2D", "pool", (width,), "out")
    net.dense("logits", "pool", 2)
    found = net.analysis("logits")
    assert groups(found) == removable
    assert found.kept == (*kept, Unprunable(("logits",), 2, "an output of the network"))


def test_a_scalar_product_ties_two_embeddings() -> None:
    net = Network(user=(1,), item=(1,))
    for name, rows in (("user", 7), ("item", 9)):
        net.call("Embedding", f"{name}s", (1, 4), name, weights={"embeddings": (rows, 4)})
        net.call("Flatten", f"{name}_row", (4,), f"{name}s")
    net.call("Dot", "score", (1,), "user_row", "item_row", axes=1)
    assert groups(net.analysis("score")) == {("users", "items"): 4}


@pytest.mark.parametrize("order", [("weights", "vectors"), ("vectors", "weights")])
def test_a_weighted_sum_of_vectors_leaves_their_channels(order: tuple[str, str]) -> None:
    net = Network(ids=(9,), weights=(9,))
    net.call("Embedding", "vectors", (9, 4), "ids", weights={"embeddings": (7, 4)})
    net.call("Dot", "sums", (4,), *order, axes=1)
    net.dense("logits", "sums", 3)
    assert groups(net.analysis("logits")) == {("vectors",): 4}


def test_a_product_of_matrices_is_not_followed() -> None:
    net = Network(x=(5, 3))
    net.conv("a", "x", 4)
    net.call("Dot", "product", (5, 5), "a", "a", axes=(2, 2))
    net.dense("logits", "product", 3)
    assert groups(net.analysis("logits")) == {}


def test_units_of_a_recurrent_layer_are_removable() -> None:
    net = Network(x=(12, 3))
    shapes = {"kernel": (3, 15), "recurrent_kernel": (5, 15), "bias": (2, 15)}
    net.call("GRU", "cell", (5,), "x", units=5, weights=shapes, activation="tanh", recurrent_activation="sigmoid")
    net.dense("logits", "cell", 2)
    found = net.analysis("logits")
    assert groups(found) == {("cell",): 5}
    arrays = {"cell": {name: np.ones(shape) for name, shape in shapes.items()}, "logits": {"kernel": np.ones((5, 2))}}
    cut = slice_weights(found.weight_axes, arrays, found.groups[0].channels[:2])
    assert {name: array.shape for name, array in cut["cell"].items()} == {
        "kernel": (3, 9), "recurrent_kernel": (3, 9), "bias": (2, 9),
    }  # fmt: skip
    assert cut["logits"]["kernel"].shape == (3, 2)


def test_the_least_important_channels_go() -> None:
    net = Network(x=(8, 8, 3))
    net.conv("a", "x", 4, kernel=1)
    net.call("Flatten", "f", (256,), "a")
    net.dense("logits", "f", 2)
    graph = net.graph("logits")
    found = analyse_channels(graph, RULES)
    kernel = np.broadcast_to(np.array([3.0, 1.0, 4.0, 2.0]), (1, 1, 3, 4))
    arrays = {"a": {"kernel": kernel, "bias": np.arange(4.0)}, "logits": {"kernel": np.arange(512.0).reshape(256, 2)}}
    scores = dict(zip(found.groups[0].channels.tolist(), [9.0, 3.0, 12.0, 6.0], strict=True))
    removed = select_channels(found.groups, scores, keep=0.5, multiple=1)
    cut = slice_weights(found.weight_axes, arrays, removed)
    assert cut["a"]["bias"].tolist() == [0.0, 2.0]
    assert cut["logits"]["kernel"].shape == (128, 2)
    assert np.array_equal(
        cut["logits"]["kernel"], arrays["logits"]["kernel"].reshape(64, 4, 2)[:, [0, 2]].reshape(-1, 2)
    )
    assert resize_layers(graph, found, removed) == {"a": {"filters": 2}}


def test_a_channel_matters_as_the_loss_changes_when_it_goes() -> None:
    net = Network(x=(8, 8, 1))
    net.conv("a", "x", 2, kernel=1)
    net.conv("out", "a", 1)
    found = net.analysis("out")
    products = [{"a": {"kernel": np.array([[[[0.5, -2.0]]]])}}, {"a": {"kernel": np.array([[[[1.0, 1.0]]]])}}]
    assert list(rank_by_loss(found, products).values()) == [1.25, 5.0]


@pytest.mark.parametrize(
    ("keep", "multiple", "left"), [(1.0, 1, 10), (0.5, 1, 5), (0.5, 4, 8), (0.0, 1, 1), (0.0, 4, 1), (0.51, 8, 8)]
)
def test_the_number_that_stays_is_rounded_up(keep: float, multiple: int, left: int) -> None:
    net = Network(x=(3,))
    net.dense("d", "x", 10)
    net.dense("logits", "d", 2)
    found = net.analysis("logits")
    scores = {int(channel): float(channel) for channel in found.groups[0].channels}
    removed = select_channels(found.groups, scores, keep=keep, multiple=multiple)
    assert found.groups[0].channels.tolist()[10 - left :] == sorted(set(found.groups[0].channels) - set(removed))


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"keep: found 1\.5; allowed: a share from 0 to 1"):
        select_channels((), {}, keep=1.5, multiple=1)


def test_a_reason_outlives_a_tie() -> None:
    ties = CoupledChannels()
    first, second = ties.fresh(1), ties.fresh(1)
    ties.keep(second, "asked for")
    ties.tie(first, second)
    assert ties.reason(int(ties.roots(first)[0])) == "asked for"


def test_places_of_pieces_that_a_reshape_cuts_become_one_channel() -> None:
    net = Network(x=(3,))
    net.dense("calendar", "x", 20)
    net.call("Reshape", "rows", (5, 4), "calendar", target_shape=(5, 4))
    net.call("Dense", "logits", (5, 2), "rows", weights={"kernel": (4, 2), "bias": (2,)})
    found = net.analysis("logits")
    assert groups(found) == {("calendar",): 4}
    gone = found.groups[0].channels[[1]]
    arrays = {"calendar": {"kernel": np.tile(np.arange(20.0), (3, 1)), "bias": np.arange(20.0)}}
    cut = slice_weights(found.weight_axes, arrays | {"logits": {"kernel": np.arange(8.0).reshape(4, 2)}}, gone)
    assert cut["calendar"]["bias"].tolist() == [place for place in range(20) if place % 4 != 1]
    assert cut["logits"]["kernel"].tolist() == [[0.0, 1.0], [4.0, 5.0], [6.0, 7.0]]
    assert resize_layers(net.graph("logits"), found, gone) == {
        "calendar": {"units": 15},
        "rows": {"target_shape": (5, 3)},
    }


def test_a_reshape_that_mixes_channels_keeps_them() -> None:
    net = Network(x=(2, 3))
    net.call("Dense", "made", (2, 6), "x", weights={"kernel": (3, 6), "bias": (6,)})
    net.call("Reshape", "rows", (3, 4), "made", target_shape=(3, 4))
    net.call("Dense", "logits", (3, 2), "rows", weights={"kernel": (4, 2), "bias": (2,)})
    assert net.analysis("logits").kept[0].reason == "what rows (Reshape) does with channels is not known"
