"""Probabilities that mean what they say: one temperature, fitted on validation, folded into the last layer."""

from typing import Any

import numpy as np
import numpy.typing as npt

from idla_trainer.data.dataset import Examples

_PRIOR = 0.3
"""Deviation of the temperature's logarithm that is expected before any example is seen: few examples change little."""
_FARTHEST, _STEP, _PARTS = 1.5, 0.1, 21
"""Of the temperature's logarithm: the largest size, and the steps in which it is looked for, at first and at last."""


def temperature(logits: npt.NDArray[np.floating], targets: npt.NDArray[np.int64]) -> float:
    """Return the temperature by which logits are divided so that their softmax is calibrated (Guo et al., 2017).

    It minimizes the summed cross-entropy with a normal prior of deviation 0.3 on its logarithm, so that a small
    validation split does not make a model over- or under-confident by chance.

    Args:
        logits: [N, classes] on examples that the model was not trained on.
        targets: class numbers [N].

    Returns:
        From 0.22 to 4.5; 1 where nothing is to be changed.
    """
    wide, rows = logits.astype(np.float64), np.arange(len(targets))

    def cost(step: float) -> float:
        scaled = wide / np.exp(step)
        scaled -= scaled.max(axis=1, keepdims=True)
        losses = np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, targets]
        return float(losses.sum()) + step**2 / (2 * _PRIOR**2)

    coarse = min(np.arange(-_FARTHEST, _FARTHEST + _STEP, _STEP).tolist(), key=cost)
    fine = np.clip(coarse + np.linspace(-_STEP, _STEP, _PARTS), -_FARTHEST, _FARTHEST)
    return float(np.exp(min(fine.tolist(), key=cost)))


def calibrate(model: Any, validation: Examples) -> float:
    """Divide the logits of a classifier by its temperature.

    Args:
        model: a Keras model with a dense layer `logits`.
        validation: examples that no weight was fitted on, with class numbers as targets.

    Returns:
        The temperature.
    """
    from idla_trainer.models.prediction import cut_at_logits, predict

    found = temperature(predict(cut_at_logits(model), validation.inputs), validation.targets)
    soften(model, found)
    return found


def soften(model: Any, heat: float) -> None:
    """Divide the logits of a model by a temperature, in the weights of the layer `logits`; the classes stay."""
    from idla_trainer.models.prediction import LOGITS

    layer = model.get_layer(LOGITS)
    layer.set_weights([weight / np.float32(heat) for weight in layer.get_weights()])
