"""Keras functional models as graphs, and models built anew from them with other weights."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from idla_trainer.compression.network_graph import Call, Graph

Weights = Mapping[str, npt.NDArray[Any]]
"""Arrays by the weights' names in a layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A call as Keras knows it."""

    call: Call
    operation: Any
    arguments: Any
    """With symbolic tensors in the places of the inputs."""
    places: Mapping[int, int]
    """Identity of a symbolic tensor -> its number."""


@dataclass(frozen=True, slots=True, eq=False)
class KerasGraph:
    """A Keras model as a graph; models within it are unfolded."""

    graph: Graph
    steps: tuple[Step, ...]
    model: Any

    def layers(self) -> Iterator[tuple[str, Any]]:
        """Yield every layer once, with its unique name."""
        yield from {step.call.layer: step.operation for step in self.steps}.items()

    def weights(self) -> dict[str, dict[str, npt.NDArray[Any]]]:
        """Return copies of all weights, by layer and name."""
        return {name: weights_of(layer) for name, layer in self.layers()}


@dataclass(frozen=True, slots=True)
class Edit:
    """How a layer differs in the new model."""

    config: Mapping[str, Any] | None = None
    """Settings that replace those of the old layer; None keeps all."""
    weights: Weights | None = None
    """Those that replace weights of the same name; None keeps all."""
    absent: bool = False
    """Whether the layer is left out; what came in goes on."""
    kind: type | None = None
    """Class with the same settings and weights that takes the place of the old layer's; None keeps it."""


Surround = Callable[[Step, Any], Any]
"""Called with every step and its new output (one tensor), returns what the following layers are to see instead."""


def weights_of(layer: Any) -> dict[str, npt.NDArray[Any]]:
    """Return copies of a layer's weights by name; {} for an operation that has none."""
    return {weight.name: np.array(weight.value.numpy()) for weight in getattr(layer, "weights", ())}


def read_graph(model: Any) -> KerasGraph:
    """Return the graph of a functional or sequential Keras model.

    Args:
        model: built; it is not changed.

    Raises:
        TypeError: a subclassed model, which has no graph.
    """
    walk = _Walk()
    outer = _function(model)
    inputs = [walk.number(tensor) for tensor in outer.inputs]
    outputs = walk.visit(outer, inputs, prefix="")
    graph = Graph(tuple(step.call for step in walk.steps), walk.shapes, tuple(inputs), tuple(outputs))
    return KerasGraph(graph, tuple(walk.steps), outer)


def rebuild(
    keras_graph: KerasGraph,
    edits: Mapping[str, Edit],
    *,
    surround: Surround | None = None,
    entrances: Mapping[int, Callable[[Any], Any]] | None = None,
) -> Any:
    """Return a new model of the same layers with new weights; it shares nothing with the old one.

    Args:
        keras_graph: what `read_graph` returned.
        edits: layers that differ, by name. Layers without one keep settings and weights.
        surround: puts something after a layer.
        entrances: by the number of an input, what the layers are to see instead of it.
    """
    absent = {name for name, edit in edits.items() if edit.absent}
    present = [(name, operation) for name, operation in keras_graph.layers() if name not in absent]
    fresh = {name: _fresh(operation, name, edits.get(name)) for name, operation in present}
    inputs = [keras.Input(batch_shape=old.shape, dtype=old.dtype, name=old.name) for old in keras_graph.model.inputs]
    values: dict[int, Any] = dict(zip(keras_graph.graph.inputs, inputs, strict=True))
    for tensor, entrance in (entrances or {}).items():
        values[tensor] = entrance(values[tensor])
    for step in keras_graph.steps:
        call = step.call
        if call.layer in absent:
            values[call.outputs[0]] = values[call.inputs[0]]
            continue
        args, kwargs = step.arguments.fill_in({key: values[place] for key, place in step.places.items()})
        found = keras.tree.flatten(fresh[call.layer](*args, **kwargs))
        if surround is not None and len(found) == 1:
            found = [surround(step, found[0])]
        values.update(zip(call.outputs, found, strict=True))
    model = keras.Model(
        keras.tree.pack_sequence_as(keras_graph.model.input, inputs),
        keras.tree.pack_sequence_as(keras_graph.model.output, [values[tensor] for tensor in keras_graph.graph.outputs]),
        name=keras_graph.model.name,
    )
    for name, operation in present:
        _set_weights(fresh[name], weights_of(operation), edits.get(name))
    return model


class _Walk:
    """Numbers the tensors of a model and writes down its calls."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.shapes: dict[int, tuple[int | None, ...]] = {}
        self._names: dict[int, str] = {}

    def number(self, tensor: Any) -> int:
        place = len(self.shapes)
        self.shapes[place] = tuple(tensor.shape[1:])
        return place

    def visit(self, function: Any, inputs: list[int], *, prefix: str) -> list[int]:
        """Write down the calls of a model, and of the models in it, whose inputs have these numbers."""
        places = {id(tensor): place for tensor, place in zip(function.inputs, inputs, strict=True)}
        for node in _nodes(function):
            incoming = [places[id(tensor)] for tensor in node.input_tensors]
            operation, wanted = node.operation, prefix + node.operation.name
            if isinstance(operation, keras.Model):
                outputs = self.visit(_function(operation), incoming, prefix=f"{wanted}_")
            else:
                outputs = [self.number(tensor) for tensor in node.outputs]
                local = {id(tensor): places[id(tensor)] for tensor in node.input_tensors}
                call = self._call(operation, wanted, incoming, outputs)
                self.steps.append(Step(call, operation, node.arguments, local))
            places.update(zip((id(tensor) for tensor in node.outputs), outputs, strict=True))
        return [places[id(tensor)] for tensor in function.outputs]

    def _call(self, operation: Any, wanted: str, inputs: list[int], outputs: list[int]) -> Call:
        is_layer = isinstance(operation, keras.Layer)
        return Call(
            self._name(operation, wanted),
            type(operation).__name__ if is_layer else f"ops.{type(operation).__name__}",
            operation.get_config() if is_layer else {},
            {weight.name: tuple(weight.shape) for weight in getattr(operation, "weights", ())},
            tuple(inputs),
            tuple(outputs),
        )

    def _name(self, operation: Any, wanted: str) -> str:
        """Return the name of a layer, which is another one where an unfolded model brings the same name again."""
        if id(operation) not in self._names:
            taken = set(self._names.values())
            self._names[id(operation)] = wanted if wanted not in taken else f"{wanted}_{len(taken)}"
        return self._names[id(operation)]


def _function(model: Any) -> Any:
    """Return the functional model that a model is or, if it is sequential, holds."""
    function = getattr(model, "_functional", None) if isinstance(model, keras.Sequential) else model
    if function is None or not hasattr(function, "_nodes_by_depth"):
        raise TypeError(f"the model {model.name!r} is no functional or built sequential model: it has no graph to read")
    return function


def _nodes(function: Any) -> Iterator[Any]:
    """Yield the calls of a model in an order in which they can be carried out."""
    by_depth = function._nodes_by_depth  # noqa: SLF001 - Keras has no public walk that leaves the layers untouched
    for depth in sorted(by_depth, reverse=True):
        yield from (node for node in by_depth[depth] if node.operation is not None and not node.is_input)


def _fresh(operation: Any, name: str, edit: Edit | None) -> Any:
    """Return a new layer of the same class; an operation without weights serves again."""
    if not isinstance(operation, keras.Layer):
        return operation
    config = {**operation.get_config(), "name": name, **((edit.config or {}) if edit else {})}
    kind: Any = edit.kind if edit and edit.kind else type(operation)
    return kind.from_config(config)


def _set_weights(layer: Any, old: Weights, edit: Edit | None) -> None:
    new = {**old, **((edit.weights or {}) if edit else {})}
    for weight in getattr(layer, "weights", ()):
        if weight.name in new and weight.shape == new[weight.name].shape:
            weight.assign(new[weight.name])
        elif weight.name not in new or not weight.name.startswith("seed"):
            raise ValueError(f"weight {weight.name} of {layer.name}: no array of shape {tuple(weight.shape)}")
