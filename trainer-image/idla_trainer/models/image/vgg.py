"""A small plain network in the manner of VGG: pairs of convolutions, each followed by a pooling."""

from typing import Any

from idla_preprocess import ImageSpec

from idla_trainer.models.hyperparameters import Values
from idla_trainer.models.image.layers import convolution, head, scaled
from idla_trainer.objective import Objective


def build_vgg(image: ImageSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    Args:
        image: shape of an example, and the scale of its pixels.
        objective: what is learned; the shape of the output.
        values: `blocks`, `width`, `dense` and `dropout`.
    """
    import keras

    layers = keras.layers
    raw = keras.Input(image.shape, name="image")
    features = scaled(raw, image)
    for block in range(int(values["blocks"])):
        for _ in range(2):
            features = convolution(features, int(values["width"]) * 2**block)
        features = layers.MaxPooling2D(padding="same")(features)
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dense(int(values["dense"]), activation="relu", kernel_initializer="he_normal")(features)
    return head(raw, features, objective, values["dropout"], name="vgg")
