"""Our reader of TFRecord files against the writer of TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_contract.task import DataSource
from idla_trainer.data.table import read_table

from tests.tfrecords import example

pytestmark = pytest.mark.trainer


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_what_tensorflow_writes_is_read(tmp_path: Path, compression: str) -> None:
    import tensorflow as tf

    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, size, np.uint8) for size in (0, 1, 3, 5, 64, 65, 1000, 70000)]
    encoded = [tf.io.encode_png(image.reshape(-1, 1, 1)).numpy() if image.size else b"" for image in images]
    numbers = generator.normal(size=(len(images), 3)).astype(np.float32)
    labels = generator.integers(-(1 << 40), 1 << 40, len(images))
    path = tmp_path / "d.tfrecord"
    options = tf.io.TFRecordOptions(compression_type=compression)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for image, row, label in zip(encoded, numbers, labels, strict=True):
            features = {
                "image": _feature(tf, "bytes", [image]),
                "numbers": _feature(tf, "float", row),
                "label": _feature(tf, "int64", [label]),
                "name": _feature(tf, "bytes", [f"é {label}".encode()]),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    found = read_table(path, DataSource(uri="pvc://c/d"), 1 << 24).columns
    assert found["image"].tolist() == encoded
    assert np.array_equal(found["numbers"], numbers)
    assert found["label"].tolist() == labels.tolist()
    assert found["name"].tolist() == [f"é {label}" for label in labels]


def test_the_records_of_the_unit_tests_are_tensorflows() -> None:
    import tensorflow as tf

    values = {"text": [b"x", b"\xc3\xa9"], "number": [1.5, -2.0], "whole": [1, -(1 << 40)], "nothing": []}
    features = {
        "text": _feature(tf, "bytes", values["text"]),
        "number": _feature(tf, "float", values["number"]),
        "whole": _feature(tf, "int64", values["whole"]),
        "nothing": tf.train.Feature(),
    }
    assert tf.train.Example.FromString(example(**values)) == tf.train.Example(
        features=tf.train.Features(feature=features)
    )


def _feature(tf: Any, kind: str, values: Any) -> Any:
    lists = {"bytes": tf.train.BytesList, "float": tf.train.FloatList, "int64": tf.train.Int64List}
    return tf.train.Feature(**{f"{kind}_list": lists[kind](value=values)})
