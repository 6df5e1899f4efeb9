"""What the rules of a schema demand of fields together, done to a drawn value so that it is seldom refused."""

import copy
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from tests.fuzz.schema import Path_, shown
from tests.unit.api.validation_cases import DIGEST, SPECS

Part = dict[str, Any]


def _split(part: Part) -> Part:
    """Let the shares add up to 100."""
    train = part["trainPercent"]
    validation = 1 + (part["validationPercent"] - 1) % (99 - train)
    return part | {"validationPercent": validation, "testPercent": 100 - train - validation}


def _data(part: Part) -> Part:
    return _without(part, "format") if part.get("format") == "NPZ" and "labelColumn" in part else part


def _objective(part: Part) -> Part:
    bounds = sorted((part[name] for name in ("minimum", "target") if name in part), key=float) or ["0.9"]
    names = [name for name in ("minimum", "target") if name in part] or ["target"]
    return part | dict(zip(names, bounds, strict=True))


def _candidates(part: Part) -> Part:
    """Let the list of templates go with the way they are chosen."""
    if "templateRefs" not in part:
        return part if part.get("selection") == "Auto" else _without(part, "selection")
    if part.get("selection") == "Pinned":
        return part | {"templateRefs": part["templateRefs"][:1]}
    return part | {"selection": "Shortlist"}


def _served(part: Part) -> Part:
    """Serve a workflow's artifact or one of an address, with its digest."""
    if "storageUri" in part:
        return _without({"digest": DIGEST} | part, "workflowRef")
    return {"workflowRef": {"name": "digits"}} | _without(part, "digest")


def _outputs(part: Part) -> Part:
    made = "storageClassName" in part or "size" in part
    return _without(part, "storageUri") if made else part


def _resources(part: Part) -> Part:
    """Let devices be whole, and asked for as they are limited."""
    limits = {name: "2" if "/" in name else amount for name, amount in part.get("limits", {}).items()}
    asked = part.get("requests", {})
    requests = {name: limits.get(name, "") if "/" in name else amount for name, amount in asked.items()}
    kept = {"limits": limits, "requests": {name: amount for name, amount in requests.items() if amount}}
    return {name: kept[name] for name in part}


def _inputs(part: Part) -> Part:
    sides = sorted(part.values())
    names = [name for name in ("minimumSide", "maximumSide") if name in part]
    return dict(zip(names, sides, strict=True))


_RULES: dict[tuple[str, str], Callable[[Part], Part]] = {
    ("TrainingWorkflow", "data.split"): _split,
    ("TrainingWorkflow", "data"): _data,
    ("TrainingWorkflow", "objectives[]"): _objective,
    ("TrainingWorkflow", "model"): _candidates,
    ("TrainingWorkflow", "outputs"): _outputs,
    ("TrainingWorkflow", "resources"): _resources,
    ("ModelDeployment", "model"): _served,
    ("ModelDeployment", "resources"): _resources,
    ("ModelTemplate", "inputs"): _inputs,
}


def fitted(kind: str, path: Path_, value: Any) -> Any:
    """Return the value drawn for `path` as its fields go together."""
    fit = _RULES.get((kind, shown(path)))
    return value if fit is None else fit(value)


def valid(kind: str, spec: Any) -> bool:
    """Return whether the types take a spec."""
    try:
        SPECS[kind].model_validate(spec)
    except ValidationError:
        return False
    return True


def without_refused(kind: str, spec: Part) -> Part:
    """Return the spec without the parts that the types still refuse."""
    spec = copy.deepcopy(spec)
    while True:
        try:
            SPECS[kind].model_validate(spec)
        except ValidationError as error:
            *parents, last = error.errors()[0]["loc"]
            holder: Any = spec
            for step in parents:
                holder = holder[step]
            del holder[last]
        else:
            return spec


def _without(part: Part, *names: str) -> Part:
    return {name: value for name, value in part.items() if name not in names}
