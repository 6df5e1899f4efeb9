"""A linear model of records: a sum of one curve for each number and one value for each category."""

from typing import Any

from idla_preprocess.tabular import TabularSpec

from idla_trainer.data.dataset import Examples
from idla_trainer.models.entry import LOGITS
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.tabular.features import EMBEDDING, NOISE, features
from idla_trainer.objective import Objective

PRIOR = Hyperparameter(
    "prior", 0.4, 0.01, 100, "deviation of the weights before any record is seen; a smaller one holds them nearer to 0",
    whole=False,
)  # fmt: skip
HYPERPARAMETERS = (NOISE, EMBEDDING, PRIOR)


def build_tabular_linear(preprocess: TabularSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model that is a generalized additive one (Hastie and Tibshirani, 1986); needs TensorFlow.

    Each number has a line and a piecewise-linear curve, and nothing sees two columns together: what a column adds to
    the answer can be read from the weights.

    Args:
        preprocess: the columns.
        objective: its shape is the width of the one layer.
        values: `noise` and `embedding`.
    """
    import keras

    (outputs,) = objective.shape
    inputs, seen = features(preprocess, noise=values["noise"], width=int(values["embedding"]))
    logits = keras.layers.Dense(outputs, kernel_initializer="zeros", name=LOGITS)(seen)
    return keras.Model(inputs, objective.finish(logits), name="tabular_linear")


def penalise(model: Any, values: Values, examples: int) -> None:
    """Give the weights of all that is seen a normal prior around 0, of which each example's loss bears its share.

    Its mode is the penalised maximum likelihood of ridge regression (Hoerl and Kennard, 1970), whatever the loss.

    Args:
        model: what `build_tabular_linear` returned.
        values: `prior`.
        examples: from which it learns, 1 or more.
    """
    import keras

    penalty = keras.regularizers.L2(1 / (2 * values["prior"] ** 2 * examples))
    for layer in model.layers:
        # A layer's own setting counts where it is copied, the weight's where it is trained.
        if layer.name == LOGITS:
            layer.kernel_regularizer = layer.kernel.regularizer = penalty
        elif isinstance(layer, keras.layers.Embedding):
            layer.embeddings_regularizer = layer.embeddings.regularizer = penalty


def begin_tabular_linear(model: Any, objective: Objective, examples: Examples, values: Values, *, seed: int) -> None:
    """Give the network the mode of the likelihood and the prior on the training examples.

    Args:
        model: a new one, with its penalties.
        objective: of the model.
        examples: to learn from.
        values: the hyperparameters; none is needed any more.
        seed: of the part that is looked at where there are very many.
    """
    from idla_trainer.models.tabular.closed_form import fit

    del values
    fit(model, objective, examples, seed=seed)
