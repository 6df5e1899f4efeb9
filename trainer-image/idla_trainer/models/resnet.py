"""A small residual network in the manner of ResNet for CIFAR: three stages of basic blocks."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.models.hyperparameters import Values

_STAGES = 3


def build_resnet(image: ImageSpec, classes: int, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Args:
        image: shape of an example, and the scale of its pixels.
        classes: width of the output.
        values: `blocks`, `width` and `dropout`.
    """
    import keras

    layers = keras.layers
    raw = keras.Input(image.shape, name="image")
    features = layers.Rescaling(1.0 / image.maximum)(raw)
    features = _normalized(features, int(values["width"]), kernel=3)
    features = layers.ReLU()(features)
    for stage in range(_STAGES):
        for block in range(int(values["blocks"])):
            stride = 2 if stage > 0 and block == 0 else 1
            features = _block(features, int(values["width"]) * 2**stage, stride)
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dropout(values["dropout"])(features)
    logits = layers.Dense(classes, name="logits")(features)
    return keras.Model(raw, layers.Softmax(name="probabilities")(logits), name="resnet")


def _block(features: Any, channels: int, stride: int) -> Any:
    import keras

    shortcut = features
    if stride != 1 or features.shape[-1] != channels:
        shortcut = _normalized(features, channels, kernel=1, stride=stride)
    inner = keras.layers.ReLU()(_normalized(features, channels, kernel=3, stride=stride))
    inner = _normalized(inner, channels, kernel=3)
    return keras.layers.ReLU()(keras.layers.Add()([inner, shortcut]))


def _normalized(features: Any, channels: int, *, kernel: int, stride: int = 1) -> Any:
    """Return a convolution with batch normalization, which the converter folds into one operation."""
    import keras

    convolution = keras.layers.Conv2D(
        channels, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )
    return keras.layers.BatchNormalization(momentum=0.9)(convolution(features))
