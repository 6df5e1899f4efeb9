"""Training on weights that were learned elsewhere: at first the new last layer alone, then all layers, slowly."""

from dataclasses import dataclass
from typing import Any

from idla_trainer.models.entry import LOGITS
from idla_trainer.models.hyperparameters import Hyperparameter, Values

FROZEN_EPOCHS, FINE_TUNE_RATE = "frozen_epochs", "fine_tune_rate"
HYPERPARAMETERS = (
    Hyperparameter(FROZEN_EPOCHS, 5, 0, 10_000, "epochs in which given weights stay and only the last layer learns"),
    Hyperparameter(FINE_TUNE_RATE, 1, 0, 1, "share of the learning rate after them; 0: they stay", whole=False),
)  # fmt: skip
"""Settings of every network that begins with given weights; without `weights` they are refused."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What an epoch trains."""

    frozen: bool = False
    """Whether only the last layer learns."""
    rate: float = 1.0
    """Share of the schedule's learning rate."""


def phase_of(values: Values, epoch: int, *, pretrained: bool) -> Phase:
    """Return what an epoch, counted from 0, trains.

    Args:
        values: hyperparameters, with `frozen_epochs` and `fine_tune_rate`.
        epoch: counted from 0.
        pretrained: whether the network began with given weights.
    """
    if not pretrained:
        return Phase()
    rate = values[FINE_TUNE_RATE]
    if epoch < values[FROZEN_EPOCHS] or rate == 0:
        return Phase(frozen=True)
    return Phase(rate=rate)


def freeze(model: Any, *, frozen: bool) -> None:
    """Let only the last layer of a Keras model learn, or all of it again.

    It counts for functions that are traced afterwards. A frozen batch normalization uses the means that it was given.
    """
    for layer in model.layers:
        if layer.weights:
            layer.trainable = not frozen or layer.name == LOGITS
