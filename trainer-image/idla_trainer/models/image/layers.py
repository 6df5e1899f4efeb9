"""What the networks for images have in common: the scaling of pixels, the stem, convolutions and the last layers."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.objective import Objective

SIDE = 12
"""Pixels that the shorter side keeps at least while the stem halves it; later stages halve it twice or more."""


def scaled(raw: Any, image: ImageSpec) -> Any:
    """Return pixels from 0 to 1."""
    import keras

    return keras.layers.Rescaling(1.0 / image.maximum)(raw)


def stem(features: Any, channels: int) -> Any:
    """Return the first convolutions: each halves the image, as long as `SIDE` pixels remain; at least one."""
    side = min(features.shape[1:3])
    if side < 2 * SIDE:
        return convolution(features, channels)
    while side >= 2 * SIDE:
        features = convolution(features, channels, stride=2)
        side = (side + 1) // 2
    return features


def convolution(features: Any, channels: int, *, kernel: int = 3, stride: int = 1, activated: bool = True) -> Any:
    """Return a convolution with batch normalization, which the converter folds into one operation."""
    import keras

    layer = keras.layers.Conv2D(
        channels, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )
    features = keras.layers.BatchNormalization(momentum=0.9)(layer(features))
    return keras.layers.ReLU()(features) if activated else features


def head(raw: Any, features: Any, objective: Objective, dropout: float, *, name: str) -> Any:
    """Return the model that averages the features over the image and answers with what the objective needs."""
    import keras

    if len(features.shape) > 2:  # noqa: PLR2004 -- [N, H, W, C]
        features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Dropout(dropout)(features)
    logits = keras.layers.Dense(objective.shape[0], name="logits")(features)
    return keras.Model(raw, objective.finish(logits), name=name)
