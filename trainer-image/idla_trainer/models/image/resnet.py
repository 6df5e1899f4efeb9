"""A small residual network in the manner of ResNet for CIFAR (He et al. 2016): three stages of basic blocks."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.models.hyperparameters import Values
from idla_trainer.models.image.layers import convolution, head, scaled, stem
from idla_trainer.objective import Objective

_STAGES = 3


def build_resnet(image: ImageSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Images of 24 pixels a side and more are halved by the stem, until it would leave less than 12: most of the time of
    a network at full size goes into its first stage, which gains nothing by it.

    Args:
        image: shape of an example, and the scale of its pixels.
        objective: what is learned; the shape of the output.
        values: `blocks`, `width` and `dropout`.
    """
    import keras

    raw = keras.Input(image.shape, name="image")
    features = stem(scaled(raw, image), int(values["width"]))
    for stage in range(_STAGES):
        for block in range(int(values["blocks"])):
            stride = 2 if stage > 0 and block == 0 else 1
            features = _block(features, int(values["width"]) * 2**stage, stride)
    return head(raw, features, objective, values["dropout"], name="resnet")


def _block(features: Any, channels: int, stride: int) -> Any:
    import keras

    shortcut = features
    if stride != 1 or features.shape[-1] != channels:
        shortcut = convolution(features, channels, kernel=1, stride=stride, activated=False)
    inner = convolution(features, channels, stride=stride)
    inner = convolution(inner, channels, activated=False)
    return keras.layers.ReLU()(keras.layers.Add()([inner, shortcut]))
