"""What the rules of a schema demand of fields together, done to a drawn value so that it is seldom refused."""

import copy
from collections.abc import Callable
from typing import Any

from idla.api.search_space import TRAINING_SETTINGS
from idla.api.task_kind import CLASSIFICATION, ROLES, TABULAR
from idla_contract.problem import METRICS, TaskType
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from tests.fuzz.schema import Path_, shown
from tests.unit.api.validation_cases import DIGEST, SPECS

Part = dict[str, Any]
_KINDS_OF = {to_camel(role): kinds for role, kinds in ROLES.items()}
STEPS = {"horizon", "history", "periodSeconds", "quantiles"}
"""What only forecasts have."""


def _split(part: Part) -> Part:
    """Let the shares add up to 100."""
    train = part["trainPercent"]
    if "testPercent" not in part:
        return part | {"trainPercent": max(2, train), "validationPercent": 100 - max(2, train)}
    validation = 1 + (part["validationPercent"] - 1) % (99 - train)
    return part | {"validationPercent": validation, "testPercent": 100 - train - validation}


def _data(part: Part) -> Part:
    """Let the layout of a file go with its format, the shares with the test file, and keys with what they open."""
    if "access" in part and not str(part.get("storageUri", "")).startswith("s3://"):
        part = part | {"storageUri": "s3://faces/x.csv"}
    if part.keys() & {"delimiter", "header"} and part.get("format") not in {None, "Auto", "CSV"}:
        part = _without(part, "format")
    if "encoding" in part and part.get("format") not in {None, "Auto", "CSV", "JSONL"}:
        part = _without(part, "format")
    if "testDigest" in part:
        test: Part = {"testStorageUri": "pvc://faces/test.csv"}
        part = test | part
    split: Part = part.get("split", {})
    if split and ("testPercent" in split) == ("testStorageUri" in part):
        shares = {"trainPercent": 80, "validationPercent": 20 if "testStorageUri" in part else 10}
        rest = {} if "testStorageUri" in part else {"testPercent": 10}
        part = {**part, "split": _without(split, "testPercent") | shares | rest}
    return part


def _objective(part: Part) -> Part:
    """Let the figures go with the direction of the metric."""
    shares = {"accuracy", "balancedAccuracy", "f1", "auc", "ndcgAt10", "recallAt10"}
    order = ("minimum", "target") if part["metric"] in shares else ("target", "maximum")
    kept = {name: part[name] for name in order if name in part}
    if part["metric"] in shares:
        kept = {name: value if float(value) <= 1 else "0.9" for name, value in kept.items()}
    ordered = zip(kept, sorted(kept.values(), key=float), strict=True)
    return _without(part, "minimum", "target", "maximum") | dict(ordered)


def _task(part: Part) -> Part:
    """Let steps and quantiles be of series."""
    return part | {"type": "Forecasting"} if part.keys() & STEPS and "type" in part else part


def _whole(part: Part) -> Part:
    """Name the kind of task that takes most of what was drawn, and leave out what it has not."""
    data, task, objectives = part.get("data", {}), part.get("task", {}), part.get("objectives", [])
    columns = data.get("columns", {})

    def refused(kind: TaskType) -> list[str]:
        steps = [] if kind is TaskType.FORECASTING else sorted(task.keys() & STEPS)
        label = [] if kind in CLASSIFICATION else sorted(task.keys() & {"positiveLabel"})
        missing = [] if kind in TABULAR else sorted(data.keys() & {"missingValues"})
        metric = ["metric"] if any(entry["metric"] not in METRICS[kind] for entry in objectives) else []
        return [*steps, *label, *missing, *metric, *(name for name in columns if kind not in _KINDS_OF[name])]

    kind = min(TaskType, key=lambda entry: (len(refused(entry)), entry != task.get("type")))
    found = part | {"task": _without(task, *refused(kind)) | {"type": str(kind)}}
    if data:
        kept = {"columns": _without(columns, *refused(kind))} if columns else {}
        found |= {"data": _without(data, *refused(kind)) | kept}
    return _without(found, "objectives") if "metric" in refused(kind) else found


def _template(part: Part) -> Part:
    """Let a template that speaks of images or of their weights be one for images, and have what it searches."""
    if part.keys() & {"inputs", "weights"}:
        part = part | {"tasks": ["ImageClassification"]}
    searched = {entry["name"] for entry in part.get("searchSpace", ())} - set(TRAINING_SETTINGS)
    if not searched:
        return part
    others = [entry for entry in part.get("hyperparameters", ()) if entry["name"] not in searched]
    own = [{"name": name, "value": "16"} for name in sorted(searched)]
    return part | {"hyperparameters": own + others[: 32 - len(own)]}


def _dimension(part: Part) -> Part:
    """Let the range of a setting go with its type."""
    if part["name"] in TRAINING_SETTINGS:
        part = part | {"type": "Float"}
    if part["type"] == "Categorical":
        return {"values": ["16", "relu"]} | _without(part, "minimum", "maximum", "scale")
    bounds = sorted((part.get("minimum", "8"), part.get("maximum", "64")), key=float)
    fine = float(bounds[0]) < float(bounds[1]) and (part.get("scale") != "Log" or float(bounds[0]) > 0)
    if not fine or (part["type"] == "Integer" and not all(bound.isdecimal() for bound in bounds)):
        bounds = ["8", "64"]
    return _without(part, "values") | {"minimum": bounds[0], "maximum": bounds[1]}


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


def _toleration(part: Part) -> Part:
    """Let a toleration be of something, and its fields go together."""
    if "tolerationSeconds" in part:
        part = part | {"effect": "NoExecute"}
    if "value" in part:
        part = _without(part, "operator")
    return part if "key" in part or part.get("operator") == "Exists" else {"key": "team"} | part


def _pods(part: Part) -> Part:
    """Name a class that is not the cluster's own."""
    name = part.get("priorityClassName", "")
    return part | {"priorityClassName": name.removeprefix("system-") or "batch"} if name else part


_RULES: dict[tuple[str, str], Callable[[Part], Part]] = {
    ("TrainingWorkflow", "data.split"): _split,
    ("TrainingWorkflow", "data"): _data,
    ("TrainingWorkflow", "objectives[]"): _objective,
    ("TrainingWorkflow", "task"): _task,
    ("TrainingWorkflow", ""): _whole,
    ("ModelTemplate", ""): _template,
    ("ModelTemplate", "searchSpace[]"): _dimension,
    ("TrainingWorkflow", "model"): _candidates,
    ("TrainingWorkflow", "outputs"): _outputs,
    ("TrainingWorkflow", "resources"): _resources,
    ("ModelDeployment", "model"): _served,
    ("TrainingWorkflow", "deployment.resources"): _resources,
    **{
        (kind, f"{holder}podTemplate.spec{part}"): fit
        for kind, holder in (("TrainingWorkflow", ""), ("TrainingWorkflow", "deployment."), ("ModelDeployment", ""))
        for part, fit in (("", _pods), (".tolerations[]", _toleration))
    },
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
            place = error.errors()[0]["loc"]
            if not place:
                spec, refused = fitted(kind, (), spec), spec
                if spec == refused:
                    raise
                continue
            *parents, last = place
            holder: Any = spec
            for step in parents:
                holder = holder[step]
            del holder[last]
        else:
            return spec


def _without(part: Part, *names: str) -> Part:
    return {name: value for name, value in part.items() if name not in names}
