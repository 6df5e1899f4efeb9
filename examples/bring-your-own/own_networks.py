"""A network for records of numbers and categories, beside those that come with IDLA."""

from typing import Any

from idla_preprocess.tabular import TabularSpec
from idla_trainer.models.entry import Entry
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.objective import Objective


def build_perceptron(preprocess: TabularSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model with one hidden layer.

    Args:
        preprocess: the columns; fitted on the training split, so that their numbers are scaled.
        objective: the shape of the layer `logits`, and what is made of it: probabilities, or a value in its unit.
        values: `width`.
    """
    import keras  # not above: to look at a package must not take TensorFlow's seconds

    layers = keras.layers
    inputs, seen = [], []
    if preprocess.numbers:
        inputs.append(keras.Input((preprocess.width,), name="numbers"))
        seen.append(inputs[-1])
    if preprocess.categories:
        inputs.append(keras.Input((len(preprocess.categories),), dtype="int32", name="categories"))
        seen.append(layers.Flatten()(layers.Embedding(preprocess.table_size, 4)(inputs[-1])))
    features = seen[0] if len(seen) == 1 else layers.Concatenate()(seen)
    hidden = layers.Dense(int(values["width"]), activation="relu")(features)
    logits = layers.Dense(objective.shape[0], name="logits")(hidden)
    return keras.Model(inputs, objective.finish(logits), name="perceptron")


PERCEPTRON = Entry(
    build_perceptron,
    (Hyperparameter("width", 64, 1, 4096, "units of the hidden layer"),),
    TabularSpec,
)
