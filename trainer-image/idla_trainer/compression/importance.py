"""How much a channel matters, from the weights alone or from what the loss says of them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_trainer.compression.channels import Analysis, Graph

Layers = Mapping[str, Mapping[str, npt.NDArray[Any]]]
_KERNELS = frozenset({"kernel", "depthwise_kernel", "pointwise_kernel", "embeddings"})


class Importance(StrEnum):
    """By what channels are ordered."""

    L1 = "L1"
    """Sum of the absolute weights that make a channel (Li et al. 2017), batch normalization folded into them."""
    L2 = "L2"
    """Their squares."""
    GAMMA = "Gamma"
    """Scale of the batch normalization (Liu et al. 2017); channels without one by L1."""
    TAYLOR = "Taylor"
    """Square of the loss's first-order change when the channel goes (Molchanov et al. 2019); needs train data."""


def by_weights(graph: Graph, analysis: Analysis, arrays: Layers, kind: Importance) -> dict[int, float]:
    """Return the importance of every removable channel from the weights.

    Args:
        graph: the network.
        analysis: its channels.
        arrays: all weights.
        kind: `L1`, `L2` or `GAMMA`.

    Raises:
        ValueError: `TAYLOR`, which weights alone do not tell.
    """
    if kind is Importance.TAYLOR:
        raise ValueError("importance Taylor: weights alone do not tell it; use by_loss with train data")
    scales = _normalization(graph, arrays)
    power = 2 if kind is Importance.L2 else 1
    sums = _Sums(analysis)
    gammas: dict[int, float] = {}
    for slot in analysis.slots:
        array = arrays[slot.layer].get(slot.weight, np.zeros(0))
        if slot.produces and slot.weight in _KERNELS:
            sums.add(slot.channels, _along(np.abs(array) ** power, slot.axis) * _scale(scales, slot, power))
        elif slot.weight == "gamma":
            for channel, value in zip(slot.channels.tolist(), np.abs(array).tolist(), strict=True):
                gammas[channel] = gammas.get(channel, 0.0) + value
    found = sums.values()
    return (
        found if kind is not Importance.GAMMA else {channel: gammas.get(channel, found[channel]) for channel in found}
    )


def by_loss(analysis: Analysis, products: Iterable[Layers]) -> dict[int, float]:
    """Return the importance of every removable channel from the loss.

    Args:
        analysis: the network's channels.
        products: for each batch of train data every weight times its gradient.
    """
    total: dict[int, float] = dict.fromkeys(_removable(analysis), 0.0)
    for batch in products:
        sums = _Sums(analysis)
        for slot in analysis.slots:
            if slot.produces and slot.weight in batch.get(slot.layer, {}):
                sums.add(slot.channels, _along(batch[slot.layer][slot.weight], slot.axis))
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
    return [channel for family in analysis.families for channel in family.channels.tolist()]


def _along(array: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Return the sums over all axes but one."""
    total: npt.NDArray[Any] = array.sum(axis=tuple(other for other in range(array.ndim) if other != axis))
    return total


def _normalization(graph: Graph, arrays: Layers) -> dict[str, npt.NDArray[Any]]:
    """Return for each layer that a batch normalization follows by what that multiplies its channels."""
    maker = {output: call.layer for call in graph.calls for output in call.outputs}
    found = {}
    for call in graph.calls:
        own = arrays.get(call.layer, {})
        if call.kind == "BatchNormalization" and call.inputs[0] in maker and "moving_variance" in own:
            spread = np.sqrt(own["moving_variance"] + call.config.get("epsilon", 1e-3))
            found[maker[call.inputs[0]]] = np.abs(own.get("gamma", np.ones_like(spread))) / spread
    return found


def _scale(scales: Mapping[str, npt.NDArray[Any]], slot: Any, power: int) -> npt.NDArray[Any] | float:
    scale = scales.get(slot.layer)
    return scale**power if scale is not None and len(scale) == len(slot.channels) else 1.0
