"""Run as a program with TensorFlow: writes a tiny float32 LiteRT model and what Keras answers to some inputs."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

SHAPE = (4, 4, 1)
MAXIMUM = 16.0
CLASSES = 3


def reading_a_file() -> bytes:
    """Return a model that has TensorFlow read a file of the machine and answers its bytes."""

    def read(images: tf.Tensor) -> tf.Tensor:
        content = tf.io.decode_raw(tf.io.read_file("/etc/passwd"), tf.uint8)
        return tf.cast(content[:CLASSES], tf.float32)[tf.newaxis] + tf.reduce_sum(images)

    concrete = tf.function(read).get_concrete_function(tf.TensorSpec((1, *SHAPE), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    converted: bytes = converter.convert()
    return converted


def main(folder: Path) -> None:
    keras.utils.set_random_seed(7)
    initializer = keras.initializers.RandomNormal(stddev=0.006)
    model = keras.Sequential(
        [
            keras.Input(SHAPE, name="image"),
            keras.layers.Rescaling(1 / MAXIMUM, offset=-0.5),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Rescaling(1000.0),  # pixels near the end of float32 become infinite here
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES, activation="softmax", kernel_initializer=initializer),
        ]
    )
    inputs = np.random.default_rng(7).uniform(0, MAXIMUM, (12, *SHAPE)).round().astype(np.float32)
    probabilities = model(inputs).numpy()
    (folder / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    np.savez(folder / "golden.npz", **{"inputs.image": inputs, "values": probabilities})
    np.savez(folder / "preprocess.npz")
    (folder / "reads-a-file.tflite").write_bytes(reading_a_file())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
