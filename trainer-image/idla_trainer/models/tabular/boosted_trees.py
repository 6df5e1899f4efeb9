"""Boosted trees of records, served as a network like any other."""

from typing import Any

import numpy as np
import numpy.typing as npt
from idla_preprocess.tabular import NUMBERS, TabularSpec
from idla_preprocess.tabular_columns import CATEGORIES

from idla_trainer.data.dataset import Examples
from idla_trainer.models.entry import LOGITS, Fitted, Learning
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.tabular.boosting import Growth, Part, grow
from idla_trainer.models.tabular.category_codes import CategoryCodes, fit_codes
from idla_trainer.models.tabular.tree_targets import (
    TreeTarget,
    coded_targets,
    count_coded,
    count_outputs,
    target_of,
)
from idla_trainer.objective import Objective

TREES, DEPTH, NODES = "trees", "depth", "nodes"
LEAF_WEIGHT, RIDGE = "leaf_weight", "ridge"
EXAMPLE_SHARE, COLUMN_SHARE = "example_share", "column_share"
HYPERPARAMETERS = (
    Hyperparameter(TREES, 1000, 1, 10_000, "trees at most; no more are grown where they bring nothing"),
    Hyperparameter(DEPTH, 0, 0, 14, "splits from root to leaf at most; 0: the best of 3, 6 and 9"),
    Hyperparameter(LEAF_WEIGHT, 2, 0, 1000, "least sum of second derivatives in a leaf", whole=False),
    Hyperparameter(RIDGE, 1, 0, 1000, "by which the values of leaves are drawn to 0", whole=False),
    Hyperparameter(EXAMPLE_SHARE, 0.7, 0.1, 1, "share of the examples that a tree sees", whole=False),
    Hyperparameter(COLUMN_SHARE, 0.6, 0.01, 1, "share of the columns that a split chooses from", whole=False),
    Hyperparameter(NODES, 10_000, 1, 100_000_000, "splits and leaves of all trees; the training finds how many"),
)
_DEPTHS = (3, 6, 9)
_MOST_CELLS = 20_000_000
"""Numbers of training examples from which trees are grown; of more a random part, since each tree looks at all."""
_NUMBER, _WHOLE = 4, 3
"""Bytes of a number, and numbers of a node beside what it says."""
_BESIDE = 16_384
"""Bytes of a file beside its trees."""


def build_boosted_trees(preprocess: TabularSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model of decision trees (Friedman 2001; Chen and Guestrin 2016, XGBoost); needs TensorFlow.

    Nothing of it is trained by descent.

    Args:
        preprocess: the columns.
        objective: its shape is the width of the last layer.
        values: `trees`, `depth` and `nodes` of trees that were grown.
    """
    import keras

    from idla_trainer.models.tabular.forest import Codes, Forest

    (logits,) = objective.shape
    inputs, seen = list[Any](), list[Any]()
    if preprocess.numbers:
        inputs.append(keras.Input((preprocess.width,), name=NUMBERS))
        seen.append(inputs[-1])
    if preprocess.categories:
        inputs.append(keras.Input((len(preprocess.categories),), dtype="int32", name=CATEGORIES))
        seen.append(Codes(preprocess.table_size, 1 + count_coded(objective), name="codes")(inputs[-1]))
    numbers = seen[0] if len(seen) == 1 else keras.layers.Concatenate(name="seen")(seen)
    forest = Forest(int(values[TREES]), int(values[NODES]), int(values[DEPTH]), count_outputs(objective), name="forest")
    last = keras.layers.Dense(logits, name=LOGITS, trainable=False)(forest(numbers))
    return keras.Model(inputs, objective.finish(last), name="boosted_trees")


def fit_boosted_trees(preprocess: TabularSpec, objective: Objective, values: Values, learning: Learning) -> Fitted:
    """Return trees grown from the training examples, as many and as deep as the validation examples ask for.

    Raises:
        TaskError: the labels are to be smoothed.
    """
    from idla_trainer.models.tabular.forest import bits_of, weights_of

    width = preprocess.width + len(preprocess.categories) * (1 + count_coded(objective))
    most = max(1, _MOST_CELLS // width)
    train, validation = (part.drawn(most, seed=learning.seed) for part in (learning.train, learning.validation))
    target = target_of(objective, learning.train.targets, train.targets)
    codes, coded = None, None
    if preprocess.categories:
        of = coded_targets(objective, target.labels)
        codes = fit_codes(train.inputs[CATEGORIES], of, preprocess.table_size, seed=learning.seed)
        coded = codes.training
    grown = grow(
        _part(train, target, coded),
        _validation(validation, learning.train, objective, codes) if len(validation) else None,
        _growth(target, values, learning),
        (int(values[DEPTH]),) if values[DEPTH] else _DEPTHS,
        seconds=learning.seconds,
        check=learning.check,
    )
    found = {TREES: len(grown.trees.roots), DEPTH: grown.depth, NODES: len(grown.trees.left)}
    table = [] if codes is None else [bits_of(codes.table)]
    return Fitted(found, (*table, *weights_of(grown.trees), target.kernel, target.bias))


def _growth(target: TreeTarget, values: Values, learning: Learning) -> Growth:
    return Growth(
        loss=target.loss,
        outputs=target.outputs,
        trees=int(values[TREES]),
        rate=learning.rate,
        leaf_weight=values[LEAF_WEIGHT],
        ridge=values[RIDGE],
        example_share=values[EXAMPLE_SHARE],
        column_share=values[COLUMN_SHARE],
        most_nodes=_most_nodes(learning.maximum_bytes, target.outputs),
        seed=learning.seed,
        threads=learning.threads,
    )


def _most_nodes(maximum_bytes: int | None, outputs: int) -> int | None:
    """Return how many splits and leaves fit into a file that is not compressed."""
    if maximum_bytes is None:
        return None
    return max(0, maximum_bytes - _BESIDE) // (_NUMBER * (_WHOLE + outputs))


def _validation(examples: Examples, train: Examples, objective: Objective, codes: CategoryCodes | None) -> Part:
    target = target_of(objective, train.targets, examples.targets)
    return _part(examples, target, None if codes is None else codes.of(examples.inputs[CATEGORIES]))


def _part(examples: Examples, target: TreeTarget, coded: npt.NDArray[np.float32] | None) -> Part:
    numbers = [examples.inputs[NUMBERS]] if NUMBERS in examples.inputs else []
    return Part(
        numbers=np.concatenate([*numbers, *([] if coded is None else [coded])], axis=1),
        labels=target.labels,
        margins=np.tile(target.margins, (len(examples), 1)),
        weights=examples.weights,
    )
