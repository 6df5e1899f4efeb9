"""LiteRT files of a Keras model, by TensorFlow's converter."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from idla_contract.task import CompressionMethod

REPRESENTATIVE = 300
"""Images by which the ranges of the activations are found."""


def float_model(model: Any) -> bytes:
    """Return the file without any compression."""
    return _converted(tf.lite.TFLiteConverter.from_keras_model(model))


def compressed_model(model: Any, method: CompressionMethod, images: npt.NDArray[np.float32]) -> bytes:
    """Return the compressed file; its input and output stay float32.

    Args:
        model: a Keras model.
        method: what is compressed.
        images: raw images [N, H, W, C] of the train split; evenly chosen ones give the ranges of the activations.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    match method:
        case CompressionMethod.DYNAMIC_RANGE:
            pass
        case CompressionMethod.INT8:
            converter.representative_dataset = lambda: _representative(images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        case _:
            assert_never(method)
    return _converted(converter)


def _converted(converter: Any) -> bytes:
    """Convert without the converter's chatter: the list of its captures, and a warning of what is wanted here."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        return bytes(converter.convert())


def _representative(images: npt.NDArray[np.float32]) -> Iterator[list[npt.NDArray[np.float32]]]:
    chosen = np.linspace(0, len(images) - 1, min(REPRESENTATIVE, len(images))).astype(int)
    for position in chosen:
        yield [images[position : position + 1]]
