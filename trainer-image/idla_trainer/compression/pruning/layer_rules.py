"""What each kind of layer does with channels, the last axis of its tensors."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from idla_trainer.compression.network_graph import Call, Shape
from idla_trainer.compression.pruning.channels import CoupledChannels, Found, Numbers, Rule, WeightAxis

_Tensors = Mapping[int, Numbers]
_Shapes = Mapping[int, Shape]
_MIXING = frozenset({"softmax", "log_softmax", "sparsemax", "glu"})
"""Activations whose channels depend on each other."""
_RECURRENT = MappingProxyType({"SimpleRNN": 1, "GRU": 3, "LSTM": 4})
"""Gates of a cell: how often its units lie side by side in the weights."""


def _mixes(call: Call, key: str = "activation") -> bool:
    activation = call.config.get(key)
    return not (activation is None or isinstance(activation, str)) or activation in _MIXING


def _keep_mixed(call: Call, coupled: CoupledChannels, outgoing: Numbers) -> None:
    if _mixes(call):
        coupled.keep(outgoing, f"the activation of {call.layer} mixes channels")


def _channels_first(call: Call) -> bool:
    return call.config.get("data_format") == "channels_first"


def _weight_axis(
    call: Call, weight: str, axis: int, channels: Numbers, *, produces: bool = False
) -> tuple[WeightAxis, ...]:
    """Return the axis along which channels lie, or none where the layer has no such weight (a missing bias)."""
    return (WeightAxis(call.layer, weight, axis, channels, produces),) if weight in call.weights else ()


def _linear(call: Call, coupled: CoupledChannels, tensors: _Tensors, _: _Shapes) -> Found | None:
    """Return the rule of a kernel [..., in, out], transposed [..., out, in], with a bias [out]."""
    if _channels_first(call) or call.config.get("groups", 1) != 1:
        return None
    if "kernel" not in call.weights or len(call.inputs) != 1:
        return None
    shape, incoming = call.weights["kernel"], tensors[call.inputs[0]]
    rank = len(shape)
    reads, makes = (rank - 1, rank - 2) if call.kind.endswith("Transpose") else (rank - 2, rank - 1)
    if shape[reads] != len(incoming):
        return None
    outgoing = coupled.fresh(shape[makes])
    _keep_mixed(call, coupled, outgoing)
    return Found(
        (outgoing,),
        _weight_axis(call, "kernel", reads, incoming)
        + _weight_axis(call, "kernel", makes, outgoing, produces=True)
        + _weight_axis(call, "bias", 0, outgoing, produces=True),
    )


def _depthwise(call: Call, coupled: CoupledChannels, tensors: _Tensors, _: _Shapes) -> Found | None:
    if _channels_first(call) or "kernel" not in call.weights:
        return None
    incoming = tensors[call.inputs[0]]
    outgoing = np.repeat(incoming, call.weights["kernel"][-1])
    _keep_mixed(call, coupled, outgoing)
    rank = len(call.weights["kernel"])
    return Found(
        (outgoing,),
        _weight_axis(call, "kernel", rank - 2, incoming, produces=True)
        + _weight_axis(call, "bias", 0, outgoing, produces=True),
    )


def _separable(call: Call, coupled: CoupledChannels, tensors: _Tensors, _: _Shapes) -> Found | None:
    depthwise = call.weights.get("depthwise_kernel")
    if _channels_first(call) or depthwise is None:
        return None
    incoming = tensors[call.inputs[0]]
    between = np.repeat(incoming, depthwise[-1])
    pointwise = call.weights["pointwise_kernel"]
    outgoing = coupled.fresh(pointwise[-1])
    _keep_mixed(call, coupled, outgoing)
    return Found(
        (outgoing,),
        _weight_axis(call, "depthwise_kernel", len(depthwise) - 2, incoming)
        + _weight_axis(call, "pointwise_kernel", len(pointwise) - 2, between)
        + _weight_axis(call, "pointwise_kernel", len(pointwise) - 1, outgoing, produces=True)
        + _weight_axis(call, "bias", 0, outgoing, produces=True),
    )


def _batch_normalization(call: Call, _: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    rank = len(shapes[call.inputs[0]]) + 1
    if len(call.inputs) != 1 or call.config.get("axis", -1) not in {-1, rank - 1}:
        return None
    channels = tensors[call.inputs[0]]
    found = (WeightAxis(call.layer, name, 0, channels, name in {"gamma", "beta"}) for name in call.weights)
    return Found((channels,), tuple(found))


def _prelu(call: Call, _: CoupledChannels, tensors: _Tensors, __: _Shapes) -> Found:
    channels = tensors[call.inputs[0]]
    shape = call.weights["alpha"]
    own = shape[-1] == len(channels) and len(channels) > 1
    return Found((channels,), _weight_axis(call, "alpha", len(shape) - 1, channels) if own else ())


def _embedding(call: Call, coupled: CoupledChannels, _: _Tensors, __: _Shapes) -> Found | None:
    if "embeddings" not in call.weights:
        return None
    outgoing = coupled.fresh(call.weights["embeddings"][-1])
    return Found((outgoing,), _weight_axis(call, "embeddings", 1, outgoing, produces=True))


def _recurrent(call: Call, coupled: CoupledChannels, tensors: _Tensors, _: _Shapes) -> Found | None:
    """Return the rule of a cell: a unit's gates lie `units` apart, and the state is read by the recurrent kernel."""
    if len(call.inputs) != 1 or len(call.outputs) != 1 or call.config.get("return_state"):
        return None
    incoming, gates = tensors[call.inputs[0]], _RECURRENT[call.kind]
    outgoing = coupled.fresh(call.config["units"])
    if _mixes(call) or _mixes(call, "recurrent_activation"):
        coupled.keep(outgoing, f"an activation of {call.layer} mixes channels")
    spread = np.tile(outgoing, gates)
    bias = len(call.weights.get("bias", (0,))) - 1
    return Found(
        (outgoing,),
        _weight_axis(call, "kernel", 0, incoming)
        + _weight_axis(call, "kernel", 1, spread, produces=True)
        + _weight_axis(call, "recurrent_kernel", 0, outgoing)
        + _weight_axis(call, "recurrent_kernel", 1, spread, produces=True)
        + _weight_axis(call, "bias", bias, spread, produces=True),
    )


def _same(call: Call, _: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    """Return the rule of a layer that treats each channel by itself and alike."""
    if len(call.inputs) != 1 or len(call.outputs) != 1 or _channels_first(call):
        return None
    channels, shape = tensors[call.inputs[0]], shapes[call.outputs[0]]
    return Found((channels,)) if shape and shape[-1] == len(channels) else None


def _activation(call: Call, coupled: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    return None if _mixes(call) else _same(call, coupled, tensors, shapes)


def _rescaling(call: Call, coupled: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    scalars = all(isinstance(call.config.get(key, 0), int | float) for key in ("scale", "offset"))
    return _same(call, coupled, tensors, shapes) if scalars and call.config.get("offset", 0) == 0 else None


def _elementwise(call: Call, coupled: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    """Return the rule of a merge in which channel meets channel; one that is spread over all is kept."""
    channels = [tensors[tensor] for tensor in call.inputs]
    width = shapes[call.outputs[0]][-1] if shapes[call.outputs[0]] else None
    wide = [numbers for numbers in channels if len(numbers) == width]
    if not wide or (call.kind.startswith("ops.") and len(call.inputs) != 2):  # noqa: PLR2004 - a binary operation
        return None
    for numbers in channels:
        if len(numbers) == width:
            coupled.tie(wide[0], numbers)
        else:
            coupled.keep(numbers, f"{call.layer} spreads it over all channels")
    return Found((wide[0],))


def _concatenate(call: Call, coupled: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found:
    rank = len(shapes[call.outputs[0]]) + 1
    channels = [tensors[tensor] for tensor in call.inputs]
    if call.config.get("axis", -1) in {-1, rank - 1}:
        return Found((np.concatenate(channels),))
    for numbers in channels[1:]:
        coupled.tie(channels[0], numbers)
    return Found((channels[0],))


def _dot(call: Call, coupled: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    """Return the rule of a product that sums over one axis of each of two tensors.

    Where it sums over the channels of both they are one; where it sums over another axis of one, its channels go on.
    """
    axes, ranks = call.config.get("axes"), [len(shapes[tensor]) + 1 for tensor in call.inputs]
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes or ())
    if len(pair) != 2 or call.config.get("normalize"):  # noqa: PLR2004 - one axis of each
        return None
    first, second = (tensors[tensor] for tensor in call.inputs)
    last = [axis % rank == rank - 1 for axis, rank in zip(pair, ranks, strict=True)]
    if all(last) and ranks == [2, 2]:
        coupled.tie(first, second)
        outgoing = coupled.fresh(1)
        coupled.keep(outgoing, f"{call.layer} gives one number")
        return Found((outgoing,))
    if not last[1]:
        coupled.keep(first, f"{call.layer} sums over it")
        return Found((second,))
    if not last[0] and ranks[1] == 2:  # noqa: PLR2004 - a vector
        coupled.keep(second, f"{call.layer} sums over it")
        return Found((first,))
    return None


def _flatten(call: Call, _: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    shape = shapes[call.inputs[0]]
    if _channels_first(call) or any(length is None for length in shape):
        return None
    channels = tensors[call.inputs[0]]
    return Found((np.tile(channels, int(np.prod(_known(shape)[:-1]))),))


def _reshape(call: Call, coupled: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    """Return the rule of a reshape after which the last axis still says alone which channel it is.

    Where it cuts the last axis into pieces, those of the same place in a piece become one channel.
    """
    before, after = shapes[call.inputs[0]], shapes[call.outputs[0]]
    channels = tensors[call.inputs[0]]
    if after and after[-1] == len(channels):
        return Found((channels,))
    if not after or any(length is None for length in (*before, *after)):
        return None
    places = np.broadcast_to(channels, _known(before)).reshape(-1, _known(after)[-1])
    if len(channels) % places.shape[1] == 0:
        for piece in channels.reshape(-1, places.shape[1])[1:]:
            coupled.tie(places[0], piece)
    elif not bool((places == places[0]).all()):
        return None
    return Found((places[0],))


def _permute(call: Call, coupled: CoupledChannels, tensors: _Tensors, shapes: _Shapes) -> Found | None:
    order: Any = call.config.get("dims", ())
    return _same(call, coupled, tensors, shapes) if order and order[-1] == len(order) else None


def _known(shape: Shape) -> tuple[int, ...]:
    return tuple(length for length in shape if length is not None)


_SAME = (
    "AveragePooling1D", "AveragePooling2D", "MaxPooling1D", "MaxPooling2D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D",
    "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D",
    "ReLU", "LeakyReLU", "ELU", "RepeatVector", "Identity", "SensorMixing",
    "ops.Relu", "ops.Relu6", "ops.Sigmoid", "ops.Silu", "ops.Tanh", "ops.Gelu", "ops.LeakyRelu", "ops.HardSwish",
)  # fmt: skip

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose"), _linear),
        **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
        **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
        "BatchNormalization": _batch_normalization,
        "PReLU": _prelu,
        "Embedding": _embedding,
        **dict.fromkeys(_RECURRENT, _recurrent),
        **dict.fromkeys(_SAME, _same),
        "Activation": _activation,
        "Rescaling": _rescaling,
        **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), _elementwise),
        **dict.fromkeys(("ops.Add", "ops.Subtract", "ops.Multiply", "ops.Maximum", "ops.Minimum"), _elementwise),
        "Concatenate": _concatenate,
        "Dot": _dot,
        "Flatten": _flatten,
        "Reshape": _reshape,
        "Permute": _permute,
    }
)
"""Kinds whose treatment of channels is known; pooling, dropout and the like leave a channel a channel."""

WIDTH = MappingProxyType(
    {
        "Dense": "units",
        **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose"), "filters"),
        **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), "filters"),
        "Embedding": "output_dim",
        **dict.fromkeys(_RECURRENT, "units"),
    }
)
"""Setting of a kind that says how many channels it makes."""
