"""A network as a graph without its numbers: which layer is called on which tensors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Shape = tuple[int | None, ...]
"""Of one example; None where any length is allowed."""


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a layer in a network."""

    layer: str
    kind: str
    """Class of the layer; `ops.Name` for an operation that is no layer."""
    config: Mapping[str, Any]
    weights: Mapping[str, tuple[int, ...]]
    """Shapes by the weights' names."""
    inputs: tuple[int, ...]
    """Numbers of the tensors that come in."""
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A network without its numbers: calls in an order in which they can be carried out."""

    calls: tuple[Call, ...]
    shapes: Mapping[int, Shape]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
