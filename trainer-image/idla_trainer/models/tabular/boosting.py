"""Gradient boosting of decision trees, by XGBoost."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.result import FailureReason
from typing_extensions import override

from idla_trainer.failures import TaskError
from idla_trainer.models.tabular.trees import Trees, read_trees

Numbers = npt.NDArray[np.float32]
_PATIENCE = 50
"""Trees in a row that may bring nothing before no more are grown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How trees are grown."""

    loss: str
    """As XGBoost calls it."""
    outputs: int
    """Numbers of a leaf."""
    trees: int
    """At most; without validation examples just so many."""
    rate: float
    """By which each tree is shrunk."""
    leaf_weight: float
    """Least sum of second derivatives in a leaf."""
    ridge: float
    example_share: float
    """Of the examples, drawn anew for each tree."""
    column_share: float
    """Of the columns, drawn anew for each split."""
    most_nodes: int | None = None
    """Splits and leaves of all trees at most; None: any number."""
    seed: int
    threads: int


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Examples as trees see them."""

    numbers: npt.NDArray[np.floating]
    """[N, F], none missing."""
    labels: npt.NDArray[Any]
    """[N]."""
    margins: npt.NDArray[np.floating]
    """What the trees add to, [N, outputs]."""
    weights: Numbers | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """Trees that were grown, and what they came to."""

    trees: Trees
    depth: int
    """That they might have."""
    loss: float
    """On the validation examples; infinite without any."""


def grow(
    train: Part,
    validation: Part | None,
    growth: Growth,
    depths: Sequence[int],
    *,
    seconds: float = math.inf,
    check: Callable[[], None] = lambda: None,
) -> Grown:
    """Return the trees, of the given depths those with the least validation loss among trees that are small enough.

    Args:
        train: to learn from.
        validation: to stop by, and to choose the depth by; None: there are `growth.trees` trees of the first depth.
        growth: how.
        depths: splits from root to leaf at most, one or more.
        seconds: after which no more trees are grown; each depth may take an equal share of what is left.
        check: called between two trees; what it raises ends the work.

    Raises:
        TaskError: not even one tree is small enough.
    """
    import xgboost

    matrix = _matrix(train, growth, None)
    other = None if validation is None else _matrix(validation, growth, matrix)
    ends, found = time.monotonic() + seconds, list[Grown | None]()
    wanted = depths if other is not None else depths[:1]
    for place, depth in enumerate(wanted):
        now = time.monotonic()
        until = now + (ends - now) / (len(wanted) - place)
        with xgboost.config_context(verbosity=0):
            found.append(_grown(matrix, other, growth, depth, _watch(until, check)))
    small = [entry for entry in found if entry is not None]
    if not small:
        message = f"not even one tree has at most {growth.most_nodes} splits and leaves; lower hyperparameters.depth"
        raise TaskError(FailureReason.CONSTRAINT_UNMET, message)
    return min(small, key=lambda entry: entry.loss)


def _grown(matrix: Any, other: Any, growth: Growth, depth: int, watch: Any) -> Grown | None:
    """Return the trees of a depth, as many as have the least loss; None: not even one is small enough."""
    import xgboost

    settings = {
        "tree_method": "hist",
        "objective": growth.loss,
        "base_score": 0.5 if growth.loss.endswith("logistic") else 0.0,
        "max_depth": depth,
        "eta": growth.rate,
        "min_child_weight": growth.leaf_weight,
        "lambda": growth.ridge,
        "subsample": growth.example_share,
        "colsample_bynode": growth.column_share,
        "seed": growth.seed,
        "nthread": growth.threads,
    }
    if growth.outputs > 1:
        settings |= {"num_class": growth.outputs, "multi_strategy": "multi_output_tree"}
    told: dict[str, Any] = {}
    booster = xgboost.train(
        settings,
        matrix,
        growth.trees,
        evals=[] if other is None else [(other, "validation")],
        early_stopping_rounds=None if other is None else _PATIENCE,
        evals_result=told,
        verbose_eval=False,
        callbacks=[watch],
    )
    trees = read_trees(booster.save_raw("json"), growth.outputs)
    small = trees.count_within(growth.most_nodes)
    if not small:
        return None
    if other is None:
        return Grown(trees.first(small), depth, math.inf)
    (losses,) = told["validation"].values()
    count = int(np.argmin(losses[:small])) + 1
    return Grown(trees.first(count), depth, losses[count - 1])


def _matrix(part: Part, growth: Growth, ref: Any) -> Any:
    import xgboost

    margins = part.margins if growth.outputs > 1 else part.margins[:, 0]
    return xgboost.QuantileDMatrix(
        part.numbers, part.labels, weight=part.weights, base_margin=margins, ref=ref, nthread=growth.threads
    )


def _watch(until: float, check: Callable[[], None]) -> Any:
    """Return what XGBoost asks after each tree: whether the time is over."""
    from xgboost.callback import TrainingCallback

    class Watch(TrainingCallback):
        @override
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            del model, epoch, evals_log
            check()
            return time.monotonic() >= until

    return Watch()
