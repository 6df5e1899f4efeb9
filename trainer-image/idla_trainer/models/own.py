"""Networks of other packages: entry points of the group `idla.builders`, each naming an `Entry`.

A spec chooses by name among what the image's maker installed, and loads nothing else. A package is imported when its
network is built, and not to look at what there is: it may import TensorFlow, which must find its environment prepared.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from idla_preprocess import Arrays

from idla_trainer.failures import TaskError, spec_invalid
from idla_trainer.models.entry import LOGITS, Entry
from idla_trainer.objective import Objective

GROUP = "idla.builders"


def offered() -> tuple[str, ...]:
    """Return the names of these networks."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def own_entry(name: str) -> Entry | None:
    """Return a network of another package, or None where no package offers one of this name.

    Raises:
        TaskError: two packages offer it, it cannot be imported, or it is no `Entry`.
    """
    points = tuple(entry_points(group=GROUP, name=name))
    if not points:
        return None
    if len({point.value for point in points}) > 1:
        packages = ", ".join(sorted(_package(point) for point in points))
        raise _refused(name, f"is offered by {packages}; only one of them may be in the image")
    return _loaded(name, points[0])


def check_built(builder: str, model: Any, inputs: Arrays, objective: Objective) -> None:
    """Make sure that a network fits the data and the objective, before its training fails somewhere deep inside.

    Args:
        builder: what built it.
        model: the Keras model.
        inputs: some of the data, as the preprocessing gives them.
        objective: what is learned.

    Raises:
        TaskError: other inputs, no layer `logits`, one of another shape, or not one output.
    """
    taken, given = sorted(tensor.name for tensor in model.inputs), sorted(inputs)
    if taken != given:
        raise _refused(builder, f"takes the inputs {taken}; allowed: {given}, the tensors of the preprocessing")
    logits = [layer for layer in model.layers if layer.name == LOGITS]
    if not logits:
        raise _refused(builder, f"has no layer named {LOGITS!r}; allowed: one, whose output the loss is made of")
    shape = tuple(logits[0].output.shape[1:])
    if shape != objective.shape:
        raise _refused(builder, f"has a layer {LOGITS!r} of shape {list(shape)}; allowed: {list(objective.shape)}")
    if len(model.outputs) != 1:
        raise _refused(builder, f"has {len(model.outputs)} outputs; allowed: 1, `objective.finish` of {LOGITS!r}")


def _loaded(name: str, point: EntryPoint) -> Entry:
    where = f"{point.value} of {_package(point)}"
    try:
        found = point.load()
    except (Exception, SystemExit) as error:  # code of somebody else may fail in any way
        raise _refused(name, f"cannot be imported: {where}: {type(error).__name__}: {error}") from error
    if not isinstance(found, Entry):
        raise _refused(name, f"is {where}, a {type(found).__name__}; allowed: an idla_trainer.models.entry.Entry")
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unnamed package"


def _refused(name: str, problem: str) -> TaskError:
    return spec_invalid(f"model.builder: {name!r} {problem}")
