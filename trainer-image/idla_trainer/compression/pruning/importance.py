"""How much a channel matters, from what the loss says of its weights."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_trainer.compression.pruning.channels import Analysis

Layers = Mapping[str, Mapping[str, npt.NDArray[Any]]]


def rank_by_loss(analysis: Analysis, products: Iterable[Layers]) -> dict[int, float]:
    """Return the importance of every removable channel: the square of the loss's first-order change when it goes.

    By Molchanov et al. (2019), from batches of train data.

    Args:
        analysis: the network's channels.
        products: for each batch of train data every weight times its gradient.
    """
    total = np.zeros(1 + max((int(entry.channels.max()) for entry in analysis.weight_axes), default=0))
    for batch in products:
        change = np.zeros_like(total)
        for entry in analysis.weight_axes:
            if entry.produces and entry.weight in batch.get(entry.layer, {}):
                np.add.at(change, entry.channels, _along(batch[entry.layer][entry.weight], entry.axis))
        total += change**2
    return {channel: float(total[channel]) for group in analysis.groups for channel in group.channels.tolist()}


def _along(array: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Return the sums over all axes but one."""
    total: npt.NDArray[Any] = array.sum(axis=tuple(other for other in range(array.ndim) if other != axis))
    return total
