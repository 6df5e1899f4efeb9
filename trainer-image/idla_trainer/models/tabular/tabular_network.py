"""A neural network of records: several small networks side by side, of which training leaves most out each time."""

from typing import Any

from idla_preprocess.tabular import TabularSpec

from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.tabular.features import EMBEDDING, NOISE, features
from idla_trainer.objective import Objective

HYPERPARAMETERS = (
    Hyperparameter("members", 8, 1, 32, "small networks whose answers are summed"),
    Hyperparameter("layers", 2, 1, 4, "dense layers of each"),
    Hyperparameter("width", 32, 4, 512, "units of each dense layer"),
    Hyperparameter("dropout", 0.2, 0, 0.9, "share of a layer's units that training leaves out", whole=False),
    Hyperparameter("member_dropout", 0.8, 0, 0.95, "share of the members that training leaves out", whole=False),
    NOISE,
    EMBEDDING,
)


def build_tabular_network(preprocess: TabularSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model; needs TensorFlow.

    An ensemble in one network in the manner of TabM (Gorishniy, Kotelnikov and Babenko, 2025), whose members are
    trained almost apart: each example's loss is that of the few members which a dropout of whole members leaves. The
    last layer sees the record itself as well, so that what is linear need not be learned by a member.

    Args:
        preprocess: the columns.
        objective: its shape is the width of the last layer.
        values: `members`, `layers`, `width`, `dropout`, `member_dropout`, `noise` and `embedding`.
    """
    import keras

    (outputs,) = objective.shape
    inputs, seen = features(preprocess, noise=values["noise"], width=int(values["embedding"]))
    members = [_member(seen, values) for _ in range(int(values["members"]))]
    logits = keras.layers.Dense(outputs, name="logits")(keras.layers.Concatenate(name="members")([seen, *members]))
    return keras.Model(inputs, objective.finish(logits), name="tabular_network")


def _member(seen: Any, values: Values) -> Any:
    import keras

    layers = keras.layers
    hidden = seen
    for _ in range(int(values["layers"])):
        hidden = layers.Dense(int(values["width"]), activation="relu", kernel_initializer="he_normal")(hidden)
        hidden = layers.Dropout(values["dropout"])(hidden)
    return layers.Dropout(values["member_dropout"], noise_shape=(None, 1))(hidden)
