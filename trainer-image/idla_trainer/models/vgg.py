"""A small plain network in the manner of VGG: pairs of convolutions, each followed by a pooling."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.models.hyperparameters import Values


def build_vgg(image: ImageSpec, classes: int, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Args:
        image: shape of an example, and the scale of its pixels.
        classes: width of the output.
        values: `blocks`, `width`, `dense` and `dropout`.
    """
    import keras

    layers = keras.layers
    raw = keras.Input(image.shape, name="image")
    features = layers.Rescaling(1.0 / image.maximum)(raw)
    for block in range(int(values["blocks"])):
        for _ in range(2):
            features = _convolution(features, int(values["width"]) * 2**block)
        features = layers.MaxPooling2D(padding="same")(features)
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dense(int(values["dense"]), activation="relu", kernel_initializer="he_normal")(features)
    features = layers.Dropout(values["dropout"])(features)
    logits = layers.Dense(classes, name="logits")(features)
    return keras.Model(raw, layers.Softmax(name="probabilities")(logits), name="vgg")


def _convolution(features: Any, channels: int) -> Any:
    import keras

    convolution = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False, kernel_initializer="he_normal")
    features = keras.layers.BatchNormalization(momentum=0.9)(convolution(features))
    return keras.layers.ReLU()(features)
