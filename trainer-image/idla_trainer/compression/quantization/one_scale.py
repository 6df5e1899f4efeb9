"""One scale for the weights of a dense layer instead of one for each of its channels, where that changes little.

A channel's scale and zero point take 12 bytes. Where a channel has 8 weights, as where a few numbers are spread to
many places, they are longer than the weights.
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.lite.python import schema_py_generated as schema

LARGEST_ERROR = 0.02
"""By which the weights of a channel may change in relation to its size, as the root mean square of the channels.

Small channels count as much as large ones: a layer after it may make them large again.
"""
LONGEST = 96
"""Weights of a channel; where there are more, its 12 bytes are less than an eighth and not worth a change."""
_WEIGHTS, _BIAS = 1, 2
"""Places among the inputs of a dense layer."""


def share_scales(graph: Any, buffers: Any, codes: list[int]) -> int:
    """Give int8 weights of dense layers one scale where it pays and changes them little; return how many got it.

    Args:
        graph: a subgraph of a LiteRT model; its tensors are changed in place.
        buffers: of the model, changed too.
        codes: of the model's operators, by their number.
    """
    uses = Counter(int(tensor) for operator in graph.operators for tensor in operator.inputs)
    shared = Counter(tensor.buffer for tensor in graph.tensors)
    changed = 0
    for operator in graph.operators:
        if codes[operator.opcodeIndex] != schema.BuiltinOperator.FULLY_CONNECTED:
            continue
        weights = graph.tensors[operator.inputs[_WEIGHTS]]
        if int(np.prod(weights.shape[1:])) > LONGEST:
            continue
        bias = _bias(graph, operator)
        alone = [operator.inputs[_WEIGHTS], *([] if bias is None else [operator.inputs[_BIAS]])]
        if any(uses[int(tensor)] != 1 or shared[graph.tensors[tensor].buffer] != 1 for tensor in alone):
            continue
        changed += _joined(weights, bias, buffers)
    return changed


def _bias(graph: Any, operator: Any) -> Any | None:
    """Return the bias of a layer if it is quantized by the scales of the weights."""
    if len(operator.inputs) <= _BIAS or operator.inputs[_BIAS] < 0:
        return None
    bias = graph.tensors[operator.inputs[_BIAS]]
    return bias if bias.type == schema.TensorType.INT32 else None


def _joined(weights: Any, bias: Any | None, buffers: Any) -> bool:
    scales, data = _scales(weights), buffers[weights.buffer].data
    if weights.type != schema.TensorType.INT8 or data is None or len(scales) < 2 or not scales.any():  # noqa: PLR2004
        return False
    held = data.view(np.int8).reshape(len(scales), -1).astype(np.float32) * scales[:, np.newaxis]
    scale = scales.max()
    whole = np.rint(held / scale)
    sizes = np.maximum(np.linalg.norm(held, axis=1), np.finfo(np.float32).tiny)
    if np.sqrt(np.mean(np.square(np.linalg.norm(whole * scale - held, axis=1) / sizes))) > LARGEST_ERROR:
        return False
    if bias is not None:
        offsets = buffers[bias.buffer].data
        if offsets is None or len(_scales(bias)) != len(scales):
            return False
        ratios = scales.astype(np.float64) / scale
        buffers[bias.buffer].data = _bytes(np.rint(offsets.view(np.int32) * ratios).astype(np.int32))
        _set_scale(bias, _scales(bias)[scales.argmax()])
    buffers[weights.buffer].data = _bytes(whole.astype(np.int8))
    _set_scale(weights, scale)
    return True


def _scales(tensor: Any) -> npt.NDArray[np.float32]:
    found = None if tensor.quantization is None else tensor.quantization.scale
    return np.zeros(0, np.float32) if found is None else np.asarray(found, np.float32)


def _set_scale(tensor: Any, scale: float) -> None:
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.zeros(1, np.int64)
    tensor.quantization.quantizedDimension = 0


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(array.tobytes(), np.uint8)
