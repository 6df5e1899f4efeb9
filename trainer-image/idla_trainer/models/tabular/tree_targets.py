"""What trees learn of an objective, and how the logits are made of what they say."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Metric
from idla_preprocess import Array

from idla_trainer.failures import spec_invalid
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.regression import Regression

Numbers = npt.NDArray[np.float32]
_TWO = 2
_MOST_CODED = 16
"""Classes up to which a category has a number for each of them."""


@dataclass(frozen=True, slots=True, eq=False)
class TreeTarget:
    """An objective as trees see it."""

    loss: str
    """As XGBoost calls it."""
    labels: npt.NDArray[Any]
    """What is learned [N]."""
    margins: Numbers
    """What the trees add to [outputs]."""
    kernel: Numbers
    """By which the logits are made of the trees' sums [outputs, logits]."""
    bias: Numbers
    """[logits]."""

    @property
    def outputs(self) -> int:
        """Return how many numbers a leaf holds."""
        return len(self.margins)


def count_outputs(objective: Objective) -> int:
    """Return how many numbers a leaf holds: of two classes the logit of the second, else one for each logit."""
    (logits,) = objective.shape
    return 1 if logits == _TWO and isinstance(objective, Classification) else logits


def count_coded(objective: Objective) -> int:
    """Return how many numbers a category has for what it says of the answer."""
    outputs = count_outputs(objective)
    return outputs if outputs <= _MOST_CODED else 0


def target_of(objective: Objective, targets: Array, shown: Array) -> TreeTarget:
    """Return what trees learn.

    Args:
        objective: of the model.
        targets: of the training examples, by which the first answer is found, [N].
        shown: of the examples whose labels are wanted, [M].

    Raises:
        TaskError: the labels are to be smoothed, or trees know no such objective.
    """
    if isinstance(objective, Regression):
        return _regressed(objective, targets, shown)
    if not isinstance(objective, Classification):
        raise spec_invalid(f"model.builder: trees learn classes and values, not {type(objective).__name__}")
    if objective.smoothing:
        raise spec_invalid("training.labelSmoothing: boosted trees do not smooth labels; leave it out")
    counts = np.bincount(targets, minlength=objective.classes)
    shares = np.log((counts + 1) / (counts.sum() + objective.classes)).astype(np.float32)
    if objective.classes == _TWO:
        margin = shares[1:] - shares[0]
        kernel = np.array([[0, 1]], np.float32)
        return TreeTarget("binary:logistic", shown, margin, kernel, np.append(np.float32(0), margin))
    return TreeTarget("multi:softprob", shown, shares, np.eye(objective.classes, dtype=np.float32), shares)


def _regressed(objective: Regression, targets: Array, shown: Array) -> TreeTarget:
    absolute = objective.metric is Metric.MAE
    middle = float(np.median(targets)) if absolute else objective.center
    margin = np.array([(middle - objective.center) / objective.scale], np.float32)
    labels = (shown.astype(np.float64) - objective.center) / objective.scale
    loss = "reg:absoluteerror" if absolute else "reg:squarederror"
    return TreeTarget(loss, labels.astype(np.float32), margin, np.eye(1, dtype=np.float32), margin)


def coded_targets(objective: Objective, labels: npt.NDArray[Any]) -> Numbers:
    """Return by what the categories of examples with these labels [N] are coded, [N, `count_coded`]."""
    if isinstance(objective, Classification) and count_outputs(objective) > 1:
        return np.asarray(labels[:, None] == np.arange(count_coded(objective)), np.float32)
    return np.asarray(labels[:, None], np.float32)
