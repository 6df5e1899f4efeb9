"""VGG16 (Simonyan and Zisserman 2015) as Keras Applications builds it, for weights that were learned elsewhere."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.image.layers import head
from idla_trainer.objective import Objective

SMALLEST = 32
"""Pixels of a side at least: five poolings leave one."""
HYPERPARAMETERS = (
    Hyperparameter("blocks", 5, 1, 5, "first blocks of convolutions that are kept, each halving the image"),
    Hyperparameter("width", 64, 4, 256, "channels of the first block; the next ones double them, up to eight times"),
)
"""Their defaults make VGG16."""
_CONVOLUTIONS = (2, 2, 3, 3, 3)
"""Convolutions of each block."""
_WIDEST = 8
"""Blocks double the channels up to this many times those of the first."""
_MEANS = (103.939, 116.779, 123.68)
"""Of blue, green and red over ImageNet, which the published weights expect subtracted."""
_GREY, _COLOURED = 1, 3


def build_pretrained_vgg(image: ImageSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Pixels become what the published weights of Keras Applications expect: blue, green and red, from 0 to 255 without
    the means of ImageNet. Grey images are the same in all three, and an image with a side below 32 pixels is enlarged.
    Features are averaged over the image, so that images of any size can be used. Layers have the names that they have
    in Keras Applications.

    Args:
        image: shape of an example, and the scale of its pixels.
        objective: what is learned; the shape of the output.
        values: `blocks`, `width` and `dropout`.

    Raises:
        TaskError: images have other channels than 1 or 3.
    """
    import keras

    raw = keras.Input(image.shape, name="image")
    features = _prepared(raw, image)
    for block, convolutions in enumerate(_CONVOLUTIONS[: int(values["blocks"])], start=1):
        channels = int(values["width"]) * min(2 ** (block - 1), _WIDEST)
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            features = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(features)
        features = keras.layers.MaxPooling2D(name=f"block{block}_pool")(features)
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
        features = keras.layers.Concatenate()([features] * _COLOURED)
    elif image.channels == _COLOURED:
        features = keras.layers.Concatenate()([features[..., 2:3], features[..., 1:2], features[..., 0:1]])
    else:
        raise invalid(f"pretrained-vgg: images have {image.channels} channels; allowed: 1 (grey) or 3 (coloured)")
    return keras.layers.Rescaling(255.0 / image.maximum, [-mean for mean in _MEANS])(features)
