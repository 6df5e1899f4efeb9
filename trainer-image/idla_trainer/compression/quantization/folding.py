"""Batch normalization folded into the layer before it, as the converter does it too."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_trainer.compression.keras_graph import Edit, Weights, read_graph, rebuild
from idla_trainer.compression.network_graph import Call, Graph

_KERNELS = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D"), "kernel"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), "pointwise_kernel"),
}


def fold_batch_norm(model: Any) -> Any:
    """Return a new model without the batch normalizations that directly follow a linear layer.

    In use it answers what the given model answers, up to rounding; it is not changed.
    """
    keras_graph = read_graph(model)
    weights = keras_graph.weights()
    edits: dict[str, Edit] = {}
    for layer, normalization in _pairs(keras_graph.graph):
        edits[layer.layer] = _merged(layer, normalization, weights)
        edits[normalization.layer] = Edit(absent=True)
    return rebuild(keras_graph, edits)


def _pairs(graph: Graph) -> list[tuple[Call, Call]]:
    """Return the layers and the normalizations that alone read them."""
    readers = Counter(tensor for call in graph.calls for tensor in call.inputs) + Counter(graph.outputs)
    uses = Counter(call.layer for call in graph.calls)
    makers = {call.outputs[0]: call for call in graph.calls}
    found = []
    for call in graph.calls:
        maker = makers.get(call.inputs[0]) if call.kind == "BatchNormalization" else None
        if maker is None or maker.kind not in _KERNELS or maker.config.get("activation") != "linear":
            continue
        if readers[maker.outputs[0]] == 1 and uses[maker.layer] == uses[call.layer] == 1:
            found.append((maker, call))
    return found


def _merged(layer: Call, normalization: Call, weights: Mapping[str, Weights]) -> Edit:
    own, other = weights[layer.layer], weights[normalization.layer]
    mean = other["moving_mean"]
    scale = other.get("gamma", np.ones_like(mean)) / np.sqrt(other["moving_variance"] + normalization.config["epsilon"])
    name = _KERNELS[layer.kind]
    kernel: npt.NDArray[Any] = own[name]
    spread = scale.reshape(kernel.shape[-2:]) if layer.kind.startswith("Depthwise") else scale
    bias = (own.get("bias", np.zeros_like(mean)) - mean) * scale + other.get("beta", np.zeros_like(mean))
    return Edit({"use_bias": True}, {name: kernel * spread, "bias": bias})
