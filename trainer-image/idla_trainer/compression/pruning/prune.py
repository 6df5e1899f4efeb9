"""Structured pruning: the least important channels of a network leave it, and the network stays an ordinary one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_trainer.compression.network_graph import Call, Graph
from idla_trainer.compression.pruning.channels import Analysis, ChannelGroup, Numbers, WeightAxis
from idla_trainer.compression.pruning.layer_rules import WIDTH

Layers = Mapping[str, Mapping[str, npt.NDArray[Any]]]
"""Arrays by layer and weight."""
Scores = Mapping[int, float]
"""Importance by channel."""


def remove_channels(keras_graph: Any, analysis: Analysis, removed: Numbers) -> Any:
    """Return a new model that lacks the given channels; the one that was read is not changed.

    Where a removed channel was 0 for every input the outputs stay what they were (up to rounding). Otherwise the
    statistics of its batch normalizations are wrong until `recalibrate_batch_norm` has estimated them.
    """
    from idla_trainer.compression.keras_graph import Edit, rebuild

    arrays = slice_weights(analysis.weight_axes, keras_graph.weights(), removed)
    widths = resize_layers(keras_graph.graph, analysis, removed)
    edits = {name: Edit(widths.get(name), arrays.get(name)) for name in {*arrays, *widths}}
    return rebuild(keras_graph, edits)


def select_channels(groups: tuple[ChannelGroup, ...], scores: Scores, *, keep: float, multiple: int) -> Numbers:
    """Return the channels to remove: in each group the least important ones.

    Args:
        groups: the removable channels.
        scores: importance by channel.
        keep: share of the channels of each group that stay, 0 to 1.
        multiple: the number that stays is rounded up to a multiple of it: kernels of the runtime work on so many
            channels at once.

    Raises:
        ValueError: a share outside of 0 to 1.
    """
    if not 0 <= keep <= 1:
        raise ValueError(f"keep: found {keep}; allowed: a share from 0 to 1")
    removed = []
    for group in groups:
        wanted = max(1, int(np.ceil(keep * len(group.channels) / multiple)) * multiple)
        order = sorted(group.channels.tolist(), key=lambda channel: (scores[channel], channel))
        removed.extend(order[: max(0, len(order) - wanted)])
    return np.array(sorted(removed), dtype=np.int64)


def slice_weights(
    weight_axes: tuple[WeightAxis, ...], arrays: Layers, removed: Numbers
) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Return the weights that lose places on an axis, without them."""
    found: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for entry in weight_axes:
        stays = ~np.isin(entry.channels, removed)
        if stays.all():
            continue
        layer = found.setdefault(entry.layer, {})
        array = layer.get(entry.weight, arrays[entry.layer][entry.weight])
        layer[entry.weight] = np.compress(stays, array, axis=entry.axis)
    return found


def resize_layers(graph: Graph, analysis: Analysis, removed: Numbers) -> dict[str, dict[str, Any]]:
    """Return the settings that change by it: how wide the layers are."""
    found = {}
    for call in graph.calls:
        stays = ~np.isin(analysis.tensors[call.outputs[0]], removed)
        if not stays.all():
            settings = _settings(call, int(stays.sum()))
            if settings:
                found[call.layer] = settings
    return found


def _settings(call: Call, width: int) -> dict[str, Any]:
    if call.kind in WIDTH:
        return {WIDTH[call.kind]: width}
    if call.kind == "Reshape":
        target = tuple(call.config["target_shape"])
        return {"target_shape": target if target[-1] == -1 else (*target[:-1], width)}
    return {}
