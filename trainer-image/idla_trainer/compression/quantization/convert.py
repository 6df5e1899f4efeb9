"""LiteRT files of a Keras model, by TensorFlow's converter."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any, assert_never

import keras
import numpy as np
import tensorflow as tf
from idla_contract.task import CompressionMethod
from idla_preprocess import Array, Arrays
from tensorflow.lite.python.convert import ConverterError

from idla_trainer.compression.quantization.packing import pack_file
from idla_trainer.compression.quantization.served_form import rewrite_for_serving

REPRESENTATIVE = 300
"""Examples by which the ranges of the activations are found."""


class UnconvertibleError(Exception):
    """TensorFlow's converter makes no file of a network."""


def convert_float(model: Any) -> bytes:
    """Return the file without any compression."""
    return _converted(tf.lite.TFLiteConverter.from_keras_model(_listed(rewrite_for_serving(model))))


def convert_compressed(model: Any, method: CompressionMethod, inputs: Arrays) -> bytes:
    """Return the compressed file; its input and output stay float32.

    Args:
        model: a Keras model.
        method: what is compressed.
        inputs: the network's inputs by name for the train split, [N, ...] each; evenly chosen examples give the ranges
            of the activations.

    Raises:
        UnconvertibleError: the converter fails.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(_listed(rewrite_for_serving(model)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    match method:
        case CompressionMethod.DYNAMIC_RANGE:
            pass
        case CompressionMethod.FLOAT16:
            converter.target_spec.supported_types = [tf.float16]
        case CompressionMethod.INT8:
            converter.representative_dataset = lambda: _representative(inputs)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        case _:
            assert_never(method)
    return _converted(converter)


def _listed(model: Any) -> Any:
    """Return the model with a list of inputs: one with a dictionary is not converted."""
    return keras.Model(model.inputs, model.outputs[0]) if isinstance(model.input, dict) else model


def _converted(converter: Any) -> bytes:
    """Convert and pack, without the converter's chatter: the list of its captures, a warning of what is wanted here."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        try:
            content = bytes(converter.convert())
        except (ConverterError, RuntimeError, ValueError) as error:
            raise UnconvertibleError(f"TensorFlow cannot convert it ({error})") from error
    return pack_file(content)


def _representative(inputs: Arrays) -> Iterator[dict[str, Array]]:
    """Yield single examples by name: the file has its inputs in another order than the model."""
    examples = len(next(iter(inputs.values())))
    for position in np.linspace(0, examples - 1, min(REPRESENTATIVE, examples)).astype(int):
        yield {name: array[position : position + 1] for name, array in inputs.items()}
