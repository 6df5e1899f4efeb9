"""A neural network of records: several small networks side by side, which learn each for itself and answer together."""

from typing import Any

from idla_preprocess.tabular import TabularSpec

from idla_trainer.models.entry import LOGITS, MEMBERS
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.tabular.features import EMBEDDING, NOISE, features
from idla_trainer.objective import Objective

HYPERPARAMETERS = (
    Hyperparameter("members", 8, 1, 32, "small networks whose answers are averaged"),
    Hyperparameter("layers", 2, 1, 4, "dense layers of each"),
    Hyperparameter("width", 32, 4, 512, "units of each dense layer"),
    Hyperparameter("dropout", 0.2, 0, 0.9, "share of a layer's units that training leaves out", whole=False),
    NOISE,
    EMBEDDING,
)
_FEW = 500
"""Examples up to which the noise is as strong as it is asked for; of more it falls."""


def build_tabular_network(preprocess: TabularSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    An ensemble in one network in the manner of TabM (Gorishniy, Kotelnikov and Babenko, 2025): every member learns from
    every example by a loss of its own. The last layer of each sees the record itself as well, so that what is linear
    need not be learned by its units.

    Args:
        preprocess: the columns.
        objective: its shape is the width of the last layer.
        values: `members`, `layers`, `width`, `dropout`, `noise` and `embedding`.
    """
    import keras

    layers = keras.layers
    (outputs,) = objective.shape
    inputs, seen = features(preprocess, noise=values["noise"], width=int(values["embedding"]))
    members = [_member(seen, outputs, values) for _ in range(int(values["members"]))]
    mean = layers.GlobalAveragePooling1D()(layers.Concatenate(axis=1, name=MEMBERS)(members))
    logits = layers.Dense(outputs, kernel_initializer="identity", name=LOGITS, trainable=False)(mean)
    return keras.Model(inputs, objective.finish(logits), name="tabular_network")


def calm_noise(model: Any, values: Values, examples: int) -> None:
    """Let the noise of a new network fall with the number of examples: among many it hides what they tell apart.

    Args:
        model: what `build_tabular_network` returned.
        values: `noise`.
        examples: from which it learns, 1 or more.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.GaussianNoise):
            layer.stddev = values["noise"] * min(1.0, _FEW / examples)


def _member(seen: Any, outputs: int, values: Values) -> Any:
    import keras

    layers = keras.layers
    hidden = seen
    for _ in range(int(values["layers"])):
        hidden = layers.Dense(int(values["width"]), activation="relu", kernel_initializer="he_normal")(hidden)
        hidden = layers.Dropout(values["dropout"])(hidden)
    return layers.Reshape((1, outputs))(layers.Dense(outputs)(layers.Concatenate()([seen, hidden])))
