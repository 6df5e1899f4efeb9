"""Run as a program with TensorFlow: writes a tiny float32 LiteRT model and what Keras answers to some inputs."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

SHAPE = (4, 4, 1)
MAXIMUM = 16.0
CLASSES = 3


def main(folder: Path) -> None:
    keras.utils.set_random_seed(7)
    initializer = keras.initializers.RandomNormal(stddev=0.006)
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
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
    np.savez(folder / "golden.npz", inputs=inputs, probabilities=probabilities)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
