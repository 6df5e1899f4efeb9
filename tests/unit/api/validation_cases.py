"""Objects that the types and a real API server must judge alike, each a change of a valid one."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idla.api.meta import API_VERSION
from idla.api.model_deployment import ModelDeploymentSpec
from idla.api.model_template import ModelTemplateSpec
from idla.api.training_workflow import TrainingWorkflowSpec
from pydantic import BaseModel

DIGEST = "sha256:" + "0a" * 32
ABSENT = object()
"""Takes a field away."""

SPECS: dict[str, type[BaseModel]] = {
    "TrainingWorkflow": TrainingWorkflowSpec,
    "ModelDeployment": ModelDeploymentSpec,
    "ModelTemplate": ModelTemplateSpec,
}
BASES: dict[str, dict[str, Any]] = {
    "TrainingWorkflow": {
        "task": {"type": "ImageClassification"},
        "data": {"storageUri": "sample://digits"},
        "objectives": [{"metric": "accuracy", "target": "0.97"}],
    },
    "ModelDeployment": {"model": {"workflowRef": {"name": "digits"}}},
    "ModelTemplate": {
        "description": "A small network.",
        "tasks": ["ImageClassification"],
        "builder": "resnet",
        "profile": {"parameters": 90000},
        "training": {"maxEpochs": 40, "batchSize": 64, "learningRate": "0.002"},
    },
}


@dataclass(frozen=True)
class Case:
    """A change of a valid object, and where it is refused."""

    kind: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Values by dotted path inside the spec."""
    at: str = ""
    """The field that the refusal names; empty where the object is valid."""
    says: str = ""
    """What the API server's refusal says of what is allowed."""

    def spec(self) -> dict[str, Any]:
        spec = copy.deepcopy(BASES[self.kind])
        for path, value in self.changes.items():
            part: Any = spec
            *parents, last = path.split(".")
            for name in parents:
                part = part[int(name)] if isinstance(part, list) else part.setdefault(name, {})
            if value is ABSENT:
                del part[last]
            else:
                part[int(last) if isinstance(part, list) else last] = copy.deepcopy(value)
        return spec

    def manifest(self, name: str) -> dict[str, Any]:
        metadata = {"name": name} | ({} if self.kind == "ModelTemplate" else {"namespace": "default"})
        return {"apiVersion": API_VERSION, "kind": self.kind, "metadata": metadata, "spec": self.spec()}


def _twf(at: str = "", says: str = "", **changes: Any) -> Case:
    return Case("TrainingWorkflow", {k.replace("__", "."): v for k, v in changes.items()}, at and f"spec.{at}", says)


def _mdep(at: str = "", says: str = "", **changes: Any) -> Case:
    return Case("ModelDeployment", {k.replace("__", "."): v for k, v in changes.items()}, at and f"spec.{at}", says)


def _mtpl(at: str = "", says: str = "", **changes: Any) -> Case:
    return Case("ModelTemplate", {k.replace("__", "."): v for k, v in changes.items()}, at and f"spec.{at}", says)


_SCHEMES = "should match '^(sample|pvc|https)://"
_CLAIM = "must name a claim: pvc://claim/path"
_PERCENT: dict[str, Any] = {"data__split": {"trainPercent": 60, "validationPercent": 20, "testPercent": 20}}
_SELECTION = "`selection: Auto` takes no `templateRefs`, `Shortlist` at least one, `Pinned` exactly one"
_OUTPUTS = "`storageUri` names an existing claim"
_RESOURCE = "a resource is `cpu`, `memory`, `ephemeral-storage` or an extended one such as `nvidia.com/gpu`"
_ONE_MODEL = "give exactly one of `workflowRef` and `storageUri`"
_REFS = [{"name": "resnet-small"}, {"name": "vgg-small"}]

CASES: dict[str, Case] = {
    # TrainingWorkflow
    "the least": _twf(objectives=ABSENT),
    "no task": _twf("task", "Required value", task=ABSENT),
    "no data": _twf("data", "Required value", data=ABSENT),
    "another task": _twf("task.type", 'supported values: "ImageClassification"', task__type="Translation"),
    "an unknown field": _twf("dataset", "unknown field", dataset={"storageUri": "sample://digits"}),
    "an unknown field inside": _twf("data.storageURI", "unknown field", data__storageURI="sample://digits"),
    "data on a claim": _twf(data__storageUri="pvc://faces.v2/all.npz"),
    "data of a web server": _twf(data__storageUri="https://data.example/digits.csv.gz"),
    "data of an unknown scheme": _twf("data.storageUri", _SCHEMES, data__storageUri="s3://bucket/x"),
    "data with a space": _twf("data.storageUri", _SCHEMES, data__storageUri="https://x/a b"),
    "data without a claim": _twf("data", _CLAIM, data__storageUri="pvc:///x.npz"),
    "data on an impossible claim": _twf("data", _CLAIM, data__storageUri="pvc://Faces/x.npz"),
    "an endless address": _twf(
        "data.storageUri", "may not be more than 2048 bytes", data__storageUri="https://x/" + "a" * 2040
    ),
    "a data digest": _twf(data__digest=DIGEST),
    "a shortened digest": _twf("data.digest", "should match '^sha256:", data__digest="sha256:0a0a"),
    "a label column": _twf(data__labelColumn="y", data__format="CSV"),
    "a label column in NPZ": _twf("data", "`labelColumn` is for CSV", data__labelColumn="y", data__format="NPZ"),
    "an unknown format": _twf("data.format", '"Auto", "CSV", "NPZ"', data__format="Parquet"),
    "a split": _twf(**_PERCENT),
    "a split of 99": _twf("data.split", "must add up to 100", **_PERCENT, data__split__testPercent=19),
    "a split without test": _twf(
        "data.split.testPercent", "greater than or equal to 1", **_PERCENT, data__split__testPercent=0
    ),
    "a split in words": _twf(
        "data.split.testPercent", "must be of type integer", **_PERCENT, data__split__testPercent="20"
    ),
    "suspended": _twf(suspend=True),
    "suspended in words": _twf("suspend", "must be of type boolean", suspend="yes"),
    "approval by a person": _twf(approval="Manual"),
    "another approval": _twf("approval", '"Auto", "Manual", "PlanOnly"', approval="manual"),
    "no objective": _twf(objectives=[]),
    "a minimum alone": _twf(objectives=[{"metric": "accuracy", "minimum": "0.9"}]),
    "a minimum below the target": _twf(objectives__0__minimum="0.9"),
    "a minimum above the target": _twf(
        "objectives[0]", "`minimum` must not be above `target`", objectives__0__minimum="0.98"
    ),
    "an objective without a figure": _twf(
        "objectives[0]", "give `target`, `minimum` or both", objectives=[{"metric": "accuracy"}]
    ),
    "a target as a number": _twf("objectives[0].target", "must be of type string", objectives__0__target=0.97),
    "a target above 1": _twf("objectives[0].target", "should match", objectives__0__target="1.01"),
    "a target in percent": _twf("objectives[0].target", "should match", objectives__0__target="97%"),
    "two objectives": _twf(
        "objectives", "must have at most 1 item",
        objectives=[{"metric": "accuracy", "target": "0.9"}, {"metric": "accuracy", "target": "0.8"}],
    ),
    "both constraints": _twf(
        constraints=[
            {"metric": "modelSizeMebibytes", "maximum": "1"}, {"metric": "latencyP95Milliseconds", "maximum": "0.5"}
        ]
    ),
    "the same constraint twice": _twf(
        "constraints[1]", "Duplicate value",
        constraints=[{"metric": "modelSizeMebibytes", "maximum": n} for n in ("1", "2")],
    ),
    "a constraint of nothing": _twf(
        "constraints[0].maximum", "must be above 0", constraints=[{"metric": "modelSizeMebibytes", "maximum": "0.0"}]
    ),
    "an unknown constraint": _twf(
        "constraints[0].metric", '"latencyP95Milliseconds", "modelSizeMebibytes"',
        constraints=[{"metric": "parameters", "maximum": "1"}],
    ),
    "a shortlist": _twf(model={"selection": "Shortlist", "templateRefs": _REFS}),
    "a shortlist of nothing": _twf("model", _SELECTION, model={"selection": "Shortlist"}),
    "a pinned model": _twf(model={"selection": "Pinned", "templateRefs": _REFS[:1]}),
    "two pinned models": _twf("model", _SELECTION, model={"selection": "Pinned", "templateRefs": _REFS}),
    "models chosen by name and by themselves": _twf("model", _SELECTION, model={"templateRefs": _REFS}),
    "a template twice": _twf(
        "model.templateRefs[1]", "Duplicate value", model={"selection": "Shortlist", "templateRefs": _REFS[:1] * 2}
    ),
    "a template's impossible name": _twf(
        "model.templateRefs[0].name", "should match", model={"selection": "Pinned", "templateRefs": [{"name": "A b"}]}
    ),
    "nine candidates": _twf("model.maxCandidates", "less than or equal to 8", model={"maxCandidates": 9}),
    "resources": _twf(resources={"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}),
    "a GPU": _twf(resources={"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}),
    "an unknown resource": _twf("resources", _RESOURCE, resources={"requests": {"gpu": "1"}}),
    "a malformed resource": _twf("resources", _RESOURCE, resources={"limits": {"nvidia.com/": "1"}}),
    "half a GPU": _twf("resources", "are whole numbers", resources={"limits": {"nvidia.com/gpu": "500m"}}),
    "a GPU that is only asked for": _twf(
        "resources", "`requests` may only repeat them", resources={"requests": {"nvidia.com/gpu": "1"}}
    ),
    "more asked for than allowed": _twf(
        "resources", "`requests` must not be above `limits`",
        resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1900Mi"}},
    ),
    "a negative amount": _twf("resources.limits.cpu", "should match", resources={"limits": {"cpu": "-1"}}),
    "nine resources": _twf(
        "resources.limits", "must have at most 8 items",
        resources={"limits": {f"x.example/r{n}": "1" for n in range(9)}},
    ),
    "every training setting": _twf(
        training={
            "maxEpochs": 100, "batchSize": 32, "learningRate": "2e-3", "seed": 0, "checkpointPeriodSeconds": 10,
            "backoffLimit": 0, "earlyStopping": {"patienceEpochs": 5, "minDelta": "0.001"},
        }
    ),
    "no epochs": _twf("training.maxEpochs", "greater than or equal to 1", training={"maxEpochs": 0}),
    "a huge batch": _twf("training.batchSize", "less than or equal to 65536", training={"batchSize": 65537}),
    "half a batch": _twf("training.batchSize", "must be of type integer", training={"batchSize": 0.5}),
    "no learning": _twf("training.learningRate", "must be above 0", training={"learningRate": "0"}),
    "learning backwards": _twf("training.learningRate", "should match", training={"learningRate": "-0.1"}),
    "every compression setting": _twf(
        compression={
            "mode": "Auto", "methods": ["DynamicRange", "Int8"], "onGateFailure": "Fail",
            "gate": {"maximumDrop": "0.02", "verdict": "NonInferiority"},
        }
    ),
    "no method": _twf("compression.methods", "should have at least 1 items", compression={"methods": []}),
    "a method twice": _twf(
        "compression.methods[1]", "Duplicate value", compression={"methods": ["Int8", "Int8"]}
    ),
    "an unknown method": _twf(
        "compression.methods[0]", '"DynamicRange", "Int8"', compression={"methods": ["Int4"]}
    ),
    "an own claim for artifacts": _twf(outputs={"storageUri": "pvc://models"}),
    "a path for artifacts": _twf("outputs.storageUri", "should match", outputs={"storageUri": "pvc://models/here"}),
    "a claim that is made": _twf(outputs={"storageClassName": "standard", "size": "500Mi"}),
    "a claim that exists and is made": _twf("outputs", _OUTPUTS, outputs={"storageUri": "pvc://models", "size": "1Gi"}),
    "a claim of nothing": _twf("outputs", "`size` must be at least 1Mi", outputs={"size": "0"}),
    "an endpoint": _twf(deployment={"mode": "CreateOrUpdate", "name": "digits", "replicas": 2}),
    "an endpoint without a mode": _twf("deployment.mode", "Required value", deployment={"name": "digits"}),
    "an endpoint that no Service can be named after": _twf(
        "deployment.name", "should match", deployment={"mode": "CreateOrUpdate", "name": "0digits"}
    ),
    "a deadline and an end": _twf(activeDeadlineSeconds=7200, ttlSecondsAfterFinished=0),
    "a deadline of nothing": _twf("activeDeadlineSeconds", "greater than or equal to 1", activeDeadlineSeconds=0),
    # ModelDeployment
    "a followed workflow": _mdep(replicas=2),
    "an artifact by its digest": _mdep(model={"storageUri": "pvc://models/models/x", "digest": DIGEST}),
    "an artifact without a digest": _mdep(
        "model", "`storageUri` and `digest` belong together", model={"storageUri": "https://models.example/x"}
    ),
    "an artifact on an impossible claim": _mdep("model", _CLAIM, model={"storageUri": "pvc://-/x", "digest": DIGEST}),
    "an artifact of a sample": _mdep(
        "model.storageUri", "should match '^(pvc|https)://", model={"storageUri": "sample://x", "digest": DIGEST}
    ),
    "a workflow and an artifact": _mdep("model", _ONE_MODEL, model__storageUri="pvc://x/y", model__digest=DIGEST),
    "no model at all": _mdep("model", _ONE_MODEL, model={}),
    "no replica": _mdep("replicas", "greater than or equal to 1", replicas=0),
    "an unknown serving field": _mdep("runtime", "unknown field", runtime={"type": "Auto"}),
    # ModelTemplate
    "a template": _mtpl(
        hyperparameters=[{"name": "width", "value": "16"}], compressionMethods=["Int8"],
        inputs={"minimumSide": 8, "maximumSide": 64},
    ),
    "a template without a builder": _mtpl("builder", "Required value", builder=ABSENT),
    "a template without a task": _mtpl("tasks", "should have at least 1 items", tasks=[]),
    "a template without a description": _mtpl("description", "should be at least 1 chars long", description=""),
    "a hyperparameter twice": _mtpl(
        "hyperparameters[1]", "Duplicate value", hyperparameters=[{"name": "width", "value": n} for n in ("8", "16")]
    ),
    "a hyperparameter's value as a number": _mtpl(
        "hyperparameters[0].value", "must be of type string", hyperparameters=[{"name": "width", "value": 8}]
    ),
    "images of no size": _mtpl(
        "inputs", "`minimumSide` must not be above `maximumSide`", inputs={"minimumSide": 64, "maximumSide": 8}
    ),
    "a template that does not learn": _mtpl("training.learningRate", "must be above 0", training__learningRate="0"),
    "a template of no weight": _mtpl("profile.parameters", "greater than or equal to 1", profile__parameters=0),
}  # fmt: skip
