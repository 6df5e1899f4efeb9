"""Which channels of a network belong together: what is removed from one layer must go from all that share it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from idla_trainer.compression.network_graph import Call, Graph, Shape

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class WeightAxis:
    """An axis of a weight along which channels lie."""

    layer: str
    weight: str
    axis: int
    channels: Numbers
    """For each place on the axis its channel."""
    produces: bool
    """Whether the weight makes the channels; else it reads them."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelGroup:
    """Channels that play the same part: made by the same weights, and removable one by one."""

    layers: tuple[str, ...]
    channels: Numbers


@dataclass(frozen=True, slots=True)
class Unprunable:
    """Channels that are left alone, and why."""

    layers: tuple[str, ...]
    channels: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """All that is known of the channels of a network."""

    weight_axes: tuple[WeightAxis, ...]
    tensors: Mapping[int, Numbers]
    """For each place on a tensor's last axis its channel."""
    groups: tuple[ChannelGroup, ...]
    kept: tuple[Unprunable, ...]


@dataclass(slots=True)
class CoupledChannels:
    """Channels by number, those coupled with each other being one (union-find)."""

    _parents: list[int] = field(default_factory=list)
    _reasons: dict[int, str] = field(default_factory=dict)

    def fresh(self, count: int) -> Numbers:
        """Return the numbers of new channels."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def tie(self, first: Iterable[int], second: Iterable[int]) -> None:
        """Make channels one, pair by pair."""
        for one, other in zip(first, second, strict=True):
            low, high = sorted((self._root(int(one)), self._root(int(other))))
            if low != high:
                self._parents[high] = low
                if high in self._reasons:
                    self._reasons.setdefault(low, self._reasons[high])

    def keep(self, channels: Iterable[int], reason: str) -> None:
        """Forbid that channels be removed; the first reason is remembered."""
        for channel in channels:
            self._reasons.setdefault(self._root(int(channel)), reason)

    def roots(self, channels: Numbers) -> Numbers:
        """Return for each channel the one that stands for all coupled with it."""
        return np.array([self._root(int(channel)) for channel in channels], dtype=np.int64)

    def reason(self, root: int) -> str | None:
        """Return why a channel must be kept, or None."""
        return self._reasons.get(root)

    def _root(self, channel: int) -> int:
        while self._parents[channel] != channel:
            self._parents[channel] = self._parents[self._parents[channel]]
            channel = self._parents[channel]
        return channel


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a rule says of a call: the channels that come out, and where the weights hold channels."""

    outputs: tuple[Numbers, ...]
    weight_axes: tuple[WeightAxis, ...] = ()


Rule = Callable[[Call, CoupledChannels, Mapping[int, Numbers], Mapping[int, Shape]], Found | None]
"""Says what a call does with channels; None where it cannot tell."""


def analyse_channels(graph: Graph, rules: Mapping[str, Rule]) -> Analysis:
    """Return the groups of removable channels of a network, and those kept with the reason.

    A channel may go only where every layer that makes it or reads it is understood (Fang et al., DepGraph, CVPR 2023,
    whose groups these are; here for each channel by itself, so that concatenations and repetitions need no case).

    Args:
        graph: the network.
        rules: what each kind of layer does with channels. A kind that is missing keeps all it touches.
    """
    coupled = CoupledChannels()
    tensors: dict[int, Numbers] = {}
    for tensor in graph.inputs:
        tensors[tensor] = coupled.fresh(_width(graph.shapes[tensor]))
        coupled.keep(tensors[tensor], "an input of the network")
    weight_axes: list[WeightAxis] = []
    earlier: dict[str, Found] = {}
    for call in graph.calls:
        found = _found(call, coupled, tensors, graph.shapes, rules)
        first = earlier.setdefault(call.layer, found)
        for one, other in zip(first.weight_axes, found.weight_axes, strict=True):
            coupled.tie(one.channels, other.channels)  # the weights of a layer are the same in all of its calls
        tensors.update(zip(call.outputs, found.outputs, strict=True))
        weight_axes.extend(found.weight_axes)
    for tensor in graph.outputs:
        coupled.keep(tensors[tensor], "an output of the network")
    once = {(entry.layer, entry.weight, entry.axis): entry for entry in weight_axes}.values()
    rooted = tuple(replace(entry, channels=coupled.roots(entry.channels)) for entry in once)
    groups, kept = _groups(rooted, coupled)
    return Analysis(rooted, {tensor: coupled.roots(channels) for tensor, channels in tensors.items()}, groups, kept)


def _found(
    call: Call,
    coupled: CoupledChannels,
    tensors: Mapping[int, Numbers],
    shapes: Mapping[int, Shape],
    rules: Mapping[str, Rule],
) -> Found:
    rule = rules.get(call.kind)
    found = rule(call, coupled, tensors, shapes) if rule is not None else None
    if found is not None:
        return found
    reason = f"what {call.layer} ({call.kind}) does with channels is not known"
    for tensor in call.inputs:
        coupled.keep(tensors[tensor], reason)
    outputs = tuple(coupled.fresh(_width(shapes[tensor])) for tensor in call.outputs)
    for output in outputs:
        coupled.keep(output, reason)
    return Found(outputs)


def _width(shape: Shape) -> int:
    """Return the length of the last axis; 1 where there is none or it is unknown."""
    return (shape[-1] or 1) if shape else 1


def _groups(
    weight_axes: tuple[WeightAxis, ...], coupled: CoupledChannels
) -> tuple[tuple[ChannelGroup, ...], tuple[Unprunable, ...]]:
    makers: dict[int, dict[tuple[str, str], None]] = {}
    for entry in weight_axes:
        if entry.produces:
            for channel in entry.channels:
                makers.setdefault(int(channel), {})[(entry.layer, entry.weight)] = None
    free: dict[tuple[tuple[str, str], ...], list[int]] = {}
    held: dict[tuple[tuple[str, ...], str], int] = {}
    for channel in sorted(makers):
        by, reason = tuple(makers[channel]), coupled.reason(channel)
        if reason is None:
            free.setdefault(by, []).append(channel)
        else:
            key = (_layers(by), reason)
            held[key] = held.get(key, 0) + 1
    groups = tuple(ChannelGroup(_layers(by), np.array(channels)) for by, channels in free.items())
    return groups, tuple(Unprunable(layers, count, reason) for (layers, reason), count in held.items())


def _layers(makers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(layer for layer, _ in makers))
