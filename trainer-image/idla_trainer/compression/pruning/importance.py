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
    total: dict[int, float] = dict.fromkeys(_removable(analysis), 0.0)
    for batch in products:
        sums = _Sums(analysis)
        for entry in analysis.slots:
            if entry.produces and entry.weight in batch.get(entry.layer, {}):
                sums.add(entry.channels, _along(batch[entry.layer][entry.weight], entry.axis))
        for channel, change in sums.values().items():
            total[channel] += change**2
    return total


class _Sums:
    """Sums by channel."""

    def __init__(self, analysis: Analysis) -> None:
        self._sums: dict[int, float] = dict.fromkeys(_removable(analysis), 0.0)

    def add(self, channels: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> None:
        for channel, value in zip(channels.tolist(), values.tolist(), strict=True):
            if channel in self._sums:
                self._sums[channel] += value

    def values(self) -> dict[int, float]:
        return self._sums


def _removable(analysis: Analysis) -> list[int]:
    return [channel for group in analysis.families for channel in group.channels.tolist()]


def _along(array: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Return the sums over all axes but one."""
    total: npt.NDArray[Any] = array.sum(axis=tuple(other for other in range(array.ndim) if other != axis))
    return total
