"""Files after packing: the same answers, fewer bytes, and what the runtime asks of a file."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from idla_artifact.runtime import Runtime
from idla_trainer.compression.quantization.packing import pack_file
from tensorflow.lite.python import schema_py_generated as schema

pytestmark = [pytest.mark.trainer, pytest.mark.filterwarnings("ignore")]
layers = keras.layers
WIDE = 600


def network(spread: float) -> Any:
    """Return a network with a dense layer from few numbers to many, whose channels differ in size by a factor."""
    keras.utils.set_random_seed(7)
    waves = keras.Input((8,), name="waves")
    wide = layers.Dense(WIDE, bias_initializer="normal", name="wide")
    narrow = layers.Dense(3, name="logits")
    model = keras.Model(waves, narrow(layers.ReLU()(wide(waves))))
    sizes = np.geomspace(1.0, spread, WIDE)
    wide.kernel.assign(wide.kernel.value.numpy() * sizes)
    narrow.kernel.assign(narrow.kernel.value.numpy() / sizes[:, np.newaxis])
    return model


def examples() -> npt.NDArray[np.float32]:
    return np.random.default_rng(8).normal(size=(40, 8)).astype(np.float32)


def converted(model: Any, method: str) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if method != "Float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if method == "Int8":
        converter.representative_dataset = lambda: ([row[np.newaxis]] for row in examples())
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return bytes(converter.convert())


def answers(path: Path, content: bytes) -> npt.NDArray[np.float32]:
    path.write_bytes(content)
    return Runtime(path).predict({"waves": examples()})


def scales(content: bytes) -> int:
    """Return the number of scales of the largest weights."""
    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)).subgraphs[0]
    weights = max(
        (tensor for tensor in graph.tensors if tensor.type == schema.TensorType.INT8),
        key=lambda tensor: int(np.prod(tensor.shape)) if list(tensor.shape) == [WIDE, 8] else 0,
    )
    return len(weights.quantization.scale)


@pytest.mark.parametrize(
    ("method", "spread", "kept_scales", "error"),
    [
        ("Float32", 1.0, None, 0.0),
        ("DynamicRange", 1.0, 1, 0.01),
        ("Int8", 1.0, 1, 0.05),
        ("DynamicRange", 1000.0, WIDE, 0.0),
        ("Int8", 1000.0, WIDE, 0.0),
    ],
)
def test_a_packed_file_is_smaller_and_answers_the_same(
    method: str, spread: float, kept_scales: int | None, error: float, tmp_path: Path
) -> None:
    before = converted(network(spread), method)
    after = pack_file(before)
    assert len(after) < len(before)
    assert pack_file(after) == after
    if kept_scales is not None:
        assert (scales(before), scales(after)) == (WIDE, kept_scales)
    one, other = answers(tmp_path / "before.tflite", before), answers(tmp_path / "after.tflite", after)
    assert np.abs(other - one).max() <= error * np.abs(one).max()


def test_constants_begin_where_the_runtime_wants_them() -> None:
    content = pack_file(converted(network(1.0), "DynamicRange"))
    model = schema.Model.GetRootAs(content, 0)
    base = np.frombuffer(content, np.uint8).ctypes.data
    starts = [
        model.Buffers(place).DataAsNumpy().ctypes.data - base
        for place in range(model.BuffersLength())
        if model.Buffers(place).DataLength()
    ]
    assert starts
    assert {start % 16 for start in starts} == {0}


def test_a_channel_costs_a_scale_and_a_zero_point() -> None:
    before = converted(network(1.0), "DynamicRange")
    assert len(before) - len(pack_file(before)) > WIDE * (4 + 8)
