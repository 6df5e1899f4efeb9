"""A small network of fused inverted residuals (Fused-MBConv, Tan and Le 2021): accurate, small and fast when served."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.models.hyperparameters import Values
from idla_trainer.models.image.layers import convolution, head, scaled, stem
from idla_trainer.objective import Objective


def build_efficient(image: ImageSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Every block widens its features by one convolution of 3 x 3 and narrows them by one of 1 x 1.

    Args:
        image: shape of an example, and the scale of its pixels.
        objective: what is learned; the shape of the output.
        values: `width`, `stages`, `expansion` and `dropout`.
    """
    import keras

    width, stages = int(values["width"]), int(values["stages"])
    raw = keras.Input(image.shape, name="image")
    features = stem(scaled(raw, image), width)
    for stage in range(stages):
        features = _block(features, width * 2**stage, values["expansion"], stride=2 if stage else 1)
    features = convolution(features, width * 2**stages, kernel=1)
    return head(raw, features, objective, values["dropout"], name="efficient")


def _block(features: Any, channels: int, expansion: float, *, stride: int) -> Any:
    import keras

    inner = convolution(features, round(channels * expansion), stride=stride)
    inner = convolution(inner, channels, kernel=1, activated=False)
    return keras.layers.Add()([features, inner]) if inner.shape == features.shape else inner
