"""Quantization-aware training: the network computes with rounded weights and activations while it learns.

Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018:
weights are rounded symmetrically to 8 bits for each output channel, activations within a range that follows the
batches; the gradient passes the rounding as if it were not there.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from idla_trainer.compression.distill import Arrays
from idla_trainer.compression.keras_graph import Edit, Step, read_graph, rebuild
from idla_trainer.compression.quantization.folding import fold_batch_norm
from idla_trainer.models.prediction import LOGITS, feed
from idla_trainer.training.network import Rounding

LEVELS = 127
_BATCHES, _BATCH = 4, 64
_FOLLOWING = 0.95
"""Share of the old range that a batch leaves."""
_FUSED = frozenset({"ReLU", "ops.Relu", "ops.Relu6"})
"""The runtime computes them with the layer before: what lies between is never rounded."""
_ROUNDED = frozenset(
    {
        "Dense", "Conv1D", "Conv2D", "Conv1DTranspose", "Conv2DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
        "SeparableConv1D", "SeparableConv2D", "Activation", "LeakyReLU", "ELU", "PReLU", "Rescaling", "Concatenate",
        "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "BatchNormalization", "Dot",
        "GlobalAveragePooling1D", "GlobalAveragePooling2D", "AveragePooling1D", "AveragePooling2D",
        "ops.Add", "ops.Subtract", "ops.Multiply", *_FUSED,
    }
)  # fmt: skip
_PER_CHANNEL = frozenset({"kernel", "pointwise_kernel"})


@keras.saving.register_keras_serializable(package="idla")
class ActivationRange(keras.layers.Layer):  # type: ignore[misc]
    """Rounds what passes to 8 bits within a range that follows the batches of the training."""

    @override
    def build(self, input_shape: Any) -> None:
        """Make the two ends of the range; both 0 until a batch was seen."""
        self.low = self.add_weight(name="low", shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(name="high", shape=(), initializer="zeros", trainable=False)

    @override
    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the rounded values; the shape stays."""
        low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        if training:
            seen = high > low
            least = tf.minimum(tf.reduce_min(inputs), 0.0)
            most = tf.maximum(tf.reduce_max(inputs), 1e-6)
            low = tf.where(seen, _FOLLOWING * low + (1 - _FOLLOWING) * least, least)
            high = tf.where(seen, _FOLLOWING * high + (1 - _FOLLOWING) * most, most)
            self.low.assign(low)
            self.high.assign(high)
        rounded = tf.quantization.fake_quant_with_min_max_vars(inputs, low, tf.maximum(high, low + 1e-6))
        return tf.where(high > low, rounded, inputs)


def insert_ranges(model: Any) -> Any:
    """Return a new model that rounds its activations, batch normalizations folded; the given one is not changed."""
    keras_graph = read_graph(fold_batch_norm(model))
    wanted = _rounded(keras_graph)

    def surround(step: Step, output: Any) -> Any:
        place = step.call.outputs[0]
        return ActivationRange(name=f"{step.call.layer}_range_{place}")(output) if place in wanted else output

    return rebuild(keras_graph, {}, surround=surround)


def calibrate(model: Any, inputs: Arrays, *, seed: int) -> None:
    """Give the ranges of a model that `insert_ranges` made their first ends.

    Args:
        model: changed in place.
        inputs: train data by input name [N, ...].
        seed: of the choice of the examples, four batches at most.
    """
    order = np.random.default_rng(seed).permutation(len(next(iter(inputs.values()))))
    for start in range(0, min(len(order), _BATCHES * _BATCH), _BATCH):
        chosen = order[start : start + _BATCH]
        model(feed(model, {name: values[chosen] for name, values in inputs.items()}), training=True)


def strip_ranges(model: Any) -> Any:
    """Return a new model without the layers that `insert_ranges` put in; the weights are the learned ones."""
    keras_graph = read_graph(model)
    return rebuild(
        keras_graph,
        {call.layer: Edit(absent=True) for call in keras_graph.graph.calls if call.kind == "ActivationRange"},
    )


def round_weights(model: Any) -> Rounding:
    """Return what rounds the trainable values of a model as the runtime will hold them; the gradient passes."""
    axes = [_axes(model, variable) for variable in model.trainable_variables]

    def change(values: Sequence[Any]) -> list[Any]:
        return [
            value if over is None else _rounded_value(value, over) for value, over in zip(values, axes, strict=True)
        ]

    return change


def _rounded(keras_graph: Any) -> set[int]:
    """Return the tensors that the runtime holds in 8 bits."""
    graph = keras_graph.graph
    uses = Counter(tensor for call in graph.calls for tensor in call.inputs)
    fused = {call.inputs[0] for call in graph.calls if call.kind in _FUSED or _is_relu(call)}
    return {
        call.outputs[0]
        for call in graph.calls
        if call.kind in _ROUNDED
        and not (call.outputs[0] in fused and uses[call.outputs[0]] == 1)
        and call.outputs[0] not in graph.outputs
        and call.layer != LOGITS
    }


def _is_relu(call: Any) -> bool:
    return call.kind == "Activation" and call.config.get("activation") in {"relu", "relu6"}


def _axes(model: Any, variable: Any) -> tuple[int, ...] | None:
    """Return the axes over which a weight shares one scale; None where it is not rounded."""
    owner = next((layer for layer in model.layers if any(own is variable for own in layer.weights)), None)
    kind, rank = type(owner).__name__, len(variable.shape)
    if variable.name == "embeddings":
        return tuple(range(rank))
    if variable.name == "depthwise_kernel" or (kind.startswith("Depthwise") and variable.name == "kernel"):
        return tuple(range(rank - 2))
    if variable.name in _PER_CHANNEL and kind in _ROUNDED:
        kept = rank - 2 if kind.endswith("Transpose") else rank - 1
        return tuple(axis for axis in range(rank) if axis != kept)
    return None


def _rounded_value(value: Any, over: tuple[int, ...]) -> Any:
    scale = tf.maximum(tf.reduce_max(tf.abs(value), axis=over, keepdims=True) / LEVELS, np.finfo(np.float32).tiny)
    whole = tf.clip_by_value(tf.round(value / scale), -LEVELS, LEVELS) * scale
    return value + tf.stop_gradient(whole - value)
