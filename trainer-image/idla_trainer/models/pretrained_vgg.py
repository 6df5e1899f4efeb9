"""VGG16 (Simonyan and Zisserman 2015) as Keras Applications builds it, for weights that were learned elsewhere."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.models.hyperparameters import Values
from idla_trainer.models.image_layers import head
from idla_trainer.problems.objective import Objective

SMALLEST = 32
"""Pixels of a side: five poolings leave one."""
_WIDTH, _CONVOLUTIONS = 64, (2, 2, 3, 3, 3)
"""Channels of the first block of VGG16, and the convolutions of each block."""
_WIDEST = 8
"""Blocks double the channels up to this many times those of the first."""
_MEANS = (123.68, 116.779, 103.939)
"""Of red, green and blue over ImageNet, which the published weights expect subtracted."""
_GREY = 1


def build_pretrained_vgg(image: ImageSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Pixels become what the published weights of Keras Applications expect: blue, green and red, from 0 to 255 without
    the means of ImageNet, 32 pixels a side or more. Grey images show the same in all three. Features are averaged over
    the image, so that images of any size can be used.

    Args:
        image: shape of an example, and the scale of its pixels.
        objective: what is learned; the shape of the output.
        values: `blocks` and `width`, which with 5 and 64 make VGG16, and `dropout`.

    Raises:
        ValueError: images have other channels than 1 or 3.
    """
    import keras

    raw = keras.Input(image.shape, name="image")
    features = _prepared(raw, image)
    blocks, width = int(values["blocks"]), int(values["width"])
    if (blocks, width) == (len(_CONVOLUTIONS), _WIDTH):
        features = keras.applications.VGG16(include_top=False, weights=None, input_tensor=features).output
    else:
        features = _smaller(features, blocks, width)
    return head(raw, features, objective, values["dropout"], name="pretrained_vgg")


def _prepared(raw: Any, image: ImageSpec) -> Any:
    import keras

    features = raw
    side = min(image.height, image.width)
    if side < SMALLEST:
        times = SMALLEST / side
        size = max(SMALLEST, round(image.height * times)), max(SMALLEST, round(image.width * times))
        features = keras.layers.Resizing(*size, interpolation="bilinear")(features)
    if image.channels == _GREY:
        features = keras.layers.Concatenate()([features] * len(_MEANS))
    elif image.channels == len(_MEANS):
        features = keras.layers.Concatenate()([features[..., 2:3], features[..., 1:2], features[..., 0:1]])
    else:
        raise ValueError(f"pretrained-vgg: images have {image.channels} channels; allowed: 1 (grey) or 3 (colour)")
    offset = [-mean for mean in reversed(_MEANS)]
    return keras.layers.Rescaling(255.0 / image.maximum, offset)(features)


def _smaller(features: Any, blocks: int, width: int) -> Any:
    """Return the features of fewer or narrower blocks; layers have the names that VGG16's have."""
    import keras

    for block, convolutions in enumerate(_CONVOLUTIONS[:blocks], start=1):
        channels = width * min(2 ** (block - 1), _WIDEST)
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            layer = keras.layers.Conv2D(
                channels, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name
            )
            features = layer(features)
        features = keras.layers.MaxPooling2D(name=f"block{block}_pool")(features)
    return features
