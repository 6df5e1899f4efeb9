"""What a Keras model predicts for many examples, and the part of it that makes its logits."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from idla_trainer.models import entry

LOGITS = entry.LOGITS
AT_ONCE = 512
"""Examples that are predicted together."""


def feed(model: Any, inputs: Mapping[str, Any]) -> Any:
    """Return inputs by name as the model wants them: one tensor, a list or a dictionary."""
    return keras.tree.pack_sequence_as(model.input, [inputs[tensor.name] for tensor in model.inputs])


def cut_at_logits(model: Any) -> Any:
    """Return the part of a model up to its layer "logits"; the weights are the same."""
    return keras.Model(model.input, model.get_layer(LOGITS).output)


def predict(model: Any, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """Return what a model predicts for all examples, [N, ...]; `inputs` are [N, ...] each, by name."""
    run = tf.function(lambda part: model(feed(model, part), training=False), reduce_retracing=True)
    count = len(next(iter(inputs.values())))
    parts = [
        run({name: values[start : start + AT_ONCE] for name, values in inputs.items()}).numpy()
        for start in range(0, count, AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float32)
