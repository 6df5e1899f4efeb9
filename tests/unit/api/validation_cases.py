"""Objects that the types and a real API server must judge alike, each a change of a valid one."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idla.api import task_kind
from idla.api.meta import API_VERSION
from idla.api.model_deployment import ModelDeploymentSpec
from idla.api.model_template import Measure, ModelTemplateSpec
from idla.api.training_workflow import Budget, TrainingWorkflowSpec
from idla_contract.problem import TaskType
from pydantic import BaseModel

from tests.unit.api.refusals import Refusal, of_bound, of_enum, of_form, of_rule, of_type

DIGEST = "sha256:" + "0a" * 32
ABSENT = object()
"""Takes a field away."""
WHOLE = "."
"""The spec itself."""

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
    refusal: Refusal = field(default_factory=lambda: Refusal(""))
    """What is said of it."""

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


def _case(kind: str, at: str, says: str | Refusal, changes: Mapping[str, Any]) -> Case:
    refusal = Refusal(says) if isinstance(says, str) else says
    place = "spec" if at == WHOLE else at and f"spec.{at}"
    return Case(kind, {k.replace("__", "."): v for k, v in changes.items()}, place, refusal)


def _twf(at: str = "", says: str | Refusal = "", **changes: Any) -> Case:
    return _case("TrainingWorkflow", at, says, changes)


def _mdep(at: str = "", says: str | Refusal = "", **changes: Any) -> Case:
    return _case("ModelDeployment", at, says, changes)


def _mtpl(at: str = "", says: str | Refusal = "", **changes: Any) -> Case:
    return _case("ModelTemplate", at, says, changes)


def _dimension(**changes: Any) -> dict[str, Any]:
    whole = {"name": "width", "type": "Integer", "minimum": "8", "maximum": "64"} | changes
    return {name: value for name, value in whole.items() if value is not ABSENT}


def _searched(says: str, **changes: Any) -> Case:
    space = [_dimension(**changes)]
    return _mtpl("searchSpace[0]", of_rule(says), hyperparameters=[{"name": "width", "value": "16"}], searchSpace=space)


_PERCENT: dict[str, Any] = {"data__split": {"trainPercent": 60, "validationPercent": 20, "testPercent": 20}}
_DATA = (
    "sample://name, pvc://claim/path, s3://bucket/key or https://host/path without spaces, user and password,"
    " the claim in lower-case letters, digits, `-` and `.`"
)
_ARTIFACT = _DATA.removeprefix("sample://name, ").replace(", s3://bucket/key", "")
_S3: dict[str, Any] = {"data__storageUri": "s3://faces/2024/all.npz"}
_ENDPOINT = "https://host or https://host:port, e.g. https://s3.example:9000"
_WEIGHTS = (
    "pvc://claim/path or https://host/path without query, user and password, the claim in lower-case letters, digits, "
    "`-` and `.`"
)
_SHARE = 'a decimal from 0 to 1 in quotes, e.g. "0.97"'
_FIGURE = 'a decimal in quotes, e.g. "0.97", or "12.5" where less is better'
_INNER = 'a decimal between 0 and 1 in quotes, both excluded, e.g. "0.9"'
_SHARES = "accuracy, balancedAccuracy, f1, auc, ndcgAt10, recallAt10"
_ERRORS = "logLoss, brier, rmse, mae, pinball"
_TARGET = f"the `target` of {_SHARES} must be {_SHARE}"
_DELIMITER = "one of `,`, `;`, `:`, `|`, a blank or a tabulator"
_TEST_SHARE = "`split.testPercent` is needed where no `testStorageUri` is given, and has no meaning beside one"
_DECIMAL = 'a decimal above 0 in quotes, e.g. "20", "0.002" or "2e-3"'
_AMOUNT = "a number, alone or with m, k, M, G, T, P, Ki, Mi, Gi, Ti or Pi, e.g. 500m, 1.5 or 2Gi"
_NAME = "lower-case letters, digits, `-` and `.`, with a letter or digit at both ends, e.g. resnet-small"
_DIGEST = "`sha256:` and 64 digits of 0-9 and a-f"
_SELECTION = "`selection: Auto` takes no `templateRefs`, `Shortlist` at least one, `Pinned` exactly one"
_OUTPUTS = "`storageUri` names an existing claim; `storageClassName` and `size` are for a claim that is made"
_DEVICES = "extended resources such as `nvidia.com/gpu` stand in `limits`; `requests` may only repeat them"
_RESOURCE = "a resource is `cpu`, `memory`, `ephemeral-storage` or an extended one such as `nvidia.com/gpu`"
_ONE_MODEL = "give exactly one of `workflowRef` and `storageUri`"
_REFS = [{"name": "resnet-small"}, {"name": "vgg-small"}]

CASES: dict[str, Case] = {
    # TrainingWorkflow
    "the least": _twf(objectives=ABSENT),
    "no task": _twf(task=ABSENT),
    "no task that anything tells": _twf(
        WHOLE, of_rule(task_kind.KIND_UNKNOWN.message),
        task=ABSENT, data={"storageUri": "pvc://faces/x.csv"}, objectives=ABSENT,
    ),
    "no data": _twf("data", "Required value", data=ABSENT),
    "another task": _twf("task.type", of_enum("Translation", *TaskType), task__type="Translation"),
    "an unknown field": _twf("dataset", "unknown field", dataset={"storageUri": "sample://digits"}),
    "an unknown field inside": _twf("data.storageURI", "unknown field", data__storageURI="sample://digits"),
    "data on a claim": _twf(data__storageUri="pvc://faces.v2/all.npz"),
    "data of a web server": _twf(data__storageUri="https://data.example/digits.csv.gz"),
    "data of a web server with a port": _twf(data__storageUri="https://[2001:db8::1]:8443/a@b.npz?signature=x"),
    "data of S3": _twf(**_S3),
    "data of another S3 server": _twf(
        **_S3,
        data__access={
            "secretRef": {"name": "s3-read"}, "region": "eu-central-1", "endpoint": "https://s3.example:9000",
        },
    ),
    "a test file of S3": _twf(
        data__testStorageUri="s3://faces/test.npz", data__access={"region": "eu-central-1"}
    ),
    "a web server with a certificate of its own": _twf(
        data__storageUri="https://data.example/x.csv", data__access={"secretRef": {"name": "own-ca"}}
    ),
    "a bucket without a key": _twf("data.storageUri", of_form("s3://faces", _DATA), data__storageUri="s3://faces"),
    "a bucket in capitals": _twf(
        "data.storageUri", of_form("s3://Faces/all.npz", _DATA), data__storageUri="s3://Faces/all.npz"
    ),
    "an object with a query": _twf(
        "data.storageUri", of_form("s3://faces/x?versionId=1", _DATA), data__storageUri="s3://faces/x?versionId=1"
    ),
    "an object with keys": _twf(
        "data.storageUri", Refusal(f'Invalid value: "string": must be {_DATA}', f"must be {_DATA}"),
        data__storageUri="s3://id:canary@faces/x.npz",
    ),
    "access to a sample": _twf(
        "data", of_rule("`access` is for data of s3:// and https://"), data__access={"secretRef": {"name": "s3-read"}}
    ),
    "a region of a web server": _twf(
        "data", of_rule("`access.region` and `access.endpoint` are for data of s3://"),
        data__storageUri="https://data.example/x.csv", data__access={"region": "eu-central-1"},
    ),
    "a plain endpoint": _twf(
        "data.access.endpoint", of_form("http://s3.example", _ENDPOINT), **_S3,
        data__access={"endpoint": "http://s3.example"}
    ),
    "an endpoint with a path": _twf(
        "data.access.endpoint", of_form("https://s3.example/x", _ENDPOINT), **_S3,
        data__access={"endpoint": "https://s3.example/x"}
    ),
    "a region that is a host": _twf(
        "data.access.region", of_form("x.evil/", "a region as AWS writes it, e.g. eu-central-1"), **_S3,
        data__access={"region": "x.evil/"}
    ),
    "a Secret without a name": _twf(
        "data.access.secretRef.name", "Required value", **_S3, data__access={"secretRef": {}}
    ),
    "data with a password": _twf(
        "data.storageUri", Refusal(f'Invalid value: "string": must be {_DATA}', f"must be {_DATA}"),
        data__storageUri="https://user:canary@data.example/x.npz"
    ),
    "data with a password that holds a slash": _twf(
        "data.storageUri", Refusal(f'Invalid value: "string": must be {_DATA}', f"must be {_DATA}"),
        data__storageUri="https://user:can/ary@data.example/x.npz"
    ),
    "data of an unknown scheme": _twf(
        "data.storageUri", of_form("gs://bucket/x", _DATA), data__storageUri="gs://bucket/x"
    ),
    "data with a space": _twf("data.storageUri", of_form("https://x/a b", _DATA), data__storageUri="https://x/a b"),
    "data without a claim": _twf("data.storageUri", of_form("pvc:///x.npz", _DATA), data__storageUri="pvc:///x.npz"),
    "data on an impossible claim": _twf(
        "data.storageUri", of_form("pvc://Faces/x.npz", _DATA), data__storageUri="pvc://Faces/x.npz"
    ),
    "data on a claim in two lines": _twf(
        "data.storageUri", Refusal(f'Invalid value: "string": must be {_DATA}', f"must be {_DATA}"),
        data__storageUri="pvc://faces/x\n",
    ),
    "an endless address": _twf(
        "data.storageUri", "Too long: may not be more than 2048 bytes", data__storageUri="https://x/" + "a" * 2040
    ),
    "a data digest": _twf(data__digest=DIGEST),
    "a shortened digest": _twf("data.digest", of_form("sha256:0a0a", _DIGEST), data__digest="sha256:0a0a"),
    "a lengthened digest": _twf("data.digest", of_form(f"{DIGEST}0", _DIGEST), data__digest=f"{DIGEST}0"),
    "a label column": _twf(data__columns={"label": "y"}, data__format="CSV"),
    "a label column in NPZ": _twf(data__columns={"label": "y"}, data__format="NPZ"),
    "the layout of a CSV file": _twf(data__delimiter="\t", data__header=False),
    "a delimiter of two": _twf("data.delimiter", "Too long: may not be more than 1 byte", data__delimiter=";;"),
    "a delimiter in words": _twf("data.delimiter", of_form("t", _DELIMITER), data__delimiter="t"),
    "a delimiter of NPZ": _twf(
        "data", of_rule("`delimiter` and `header` are for CSV"), data__format="NPZ", data__delimiter=","
    ),
    "a test file": _twf(
        data__testStorageUri="pvc://faces/test.csv", data__testDigest=DIGEST,
        data__split={"trainPercent": 90, "validationPercent": 10},
    ),
    "a test file beside a share for it": _twf(
        "data", of_rule(_TEST_SHARE), data__testStorageUri="pvc://faces/test.csv", **_PERCENT
    ),
    "no test at all": _twf("data", of_rule(_TEST_SHARE), data__split={"trainPercent": 90, "validationPercent": 10}),
    "the digest of no test file": _twf(
        "data", of_rule("`testDigest` is of `testStorageUri`, which is not given"), data__testDigest=DIGEST
    ),
    "texts": _twf(
        task={"type": "TextClassification", "positiveLabel": "spam"}, data__columns={"text": "1", "label": "0"},
        objectives=[{"metric": "f1"}],
    ),
    "texts that no type names": _twf(task=ABSENT, data__columns={"text": "1"}),
    "ratings": _twf(
        task={"type": "Recommendation"}, data__columns={"user": "u", "item": "i", "rating": "r", "timestamp": "t"},
        objectives=[{"metric": "rmse", "target": "0.88", "maximum": "0.9"}],
    ),
    "series": _twf(
        task={"type": "Forecasting", "horizon": 12, "history": 24, "periodSeconds": 300, "quantiles": ["0.1", "0.9"]},
        objectives=[{"metric": "rmse", "maximum": "12.5"}],
    ),
    "records": _twf(
        task={"type": "TabularRegression"},
        data__columns={"target": "y", "group": "patient", "features": ["a", "b"], "categorical": ["b"]},
        objectives=[{"metric": "mae"}],
    ),
    "a horizon of images": _twf("task", of_rule("`horizon` is for Forecasting"), task__horizon=3),
    "a quantile of all": _twf(
        "task.quantiles[0]", of_form("1", _INNER), task={"type": "Forecasting", "quantiles": ["1"]}, objectives=ABSENT
    ),
    "a rating of images": _twf(
        WHOLE, of_rule("`data.columns.rating` is for Recommendation"), data__columns={"rating": "r"}
    ),
    "a metric of another kind": _twf(
        WHOLE, of_rule(task_kind.METRIC.message), objectives=[{"metric": "rmse"}]
    ),
    "a minimum of an error": _twf(
        "objectives[0]", of_rule(f"of {_ERRORS} less is better: give `maximum` instead of `minimum`"),
        objectives=[{"metric": "logLoss", "minimum": "0.1"}],
    ),
    "a maximum of a share": _twf(
        "objectives[0]", of_rule(f"of {_SHARES} more is better: give `minimum` instead of `maximum`"),
        objectives=[{"metric": "accuracy", "maximum": "0.1"}],
    ),
    "a target above the maximum": _twf(
        "objectives[0]", of_rule("`target` must not be above `maximum`", " (0.4 > 0.3)"),
        objectives=[{"metric": "logLoss", "maximum": "0.3", "target": "0.4"}],
    ),
    "a preset": _twf(preset="Best"),
    "another preset": _twf("preset", of_enum("Cheap", "Fast", "Balanced", "Best"), preset="Cheap"),
    "an unknown format": _twf(
        "data.format",
        of_enum("Arrow", "Auto", "CSV", "JSONL", "NPZ", "IDX", "ImageFolder", "Parquet", "TFRecord"),
        data__format="Arrow",
    ),
    "a split": _twf(**_PERCENT),
    "a split of 99": _twf(
        "data.split", of_rule("`trainPercent`, `validationPercent` and `testPercent` must add up to 100"),
        **_PERCENT, data__split__testPercent=19,
    ),
    "a split without test": _twf(
        "data.split.testPercent", of_bound(0, "should be greater than or equal to 1"),
        **_PERCENT, data__split__trainPercent=80, data__split__testPercent=0,
    ),
    "a split in words": _twf(
        "data.split.testPercent", of_type("string", "integer"), **_PERCENT, data__split__testPercent="20"
    ),
    "suspended": _twf(suspend=True),
    "suspended in words": _twf("suspend", of_type("string", "boolean"), suspend="yes"),
    "approval by a person": _twf(approval="Manual"),
    "another approval": _twf("approval", of_enum("manual", "Auto", "Manual", "PlanOnly"), approval="manual"),
    "no objective": _twf(objectives=[]),
    "a minimum alone": _twf(objectives=[{"metric": "accuracy", "minimum": "0.9"}]),
    "a minimum below the target": _twf(objectives__0__minimum="0.9"),
    "a minimum above the target": _twf(
        "objectives[0]", of_rule("`minimum` must not be above `target`", " (0.98 > 0.97)"),
        objectives__0__minimum="0.98",
    ),
    "an objective without a figure": _twf(objectives=[{"metric": "accuracy"}]),
    "a target of all": _twf(objectives__0__target="1.00"),
    "a target as a number": _twf("objectives[0].target", of_type("number", "string"), objectives__0__target=0.97),
    "a target above 1": _twf("objectives[0]", of_rule(_TARGET), objectives__0__target="1.01"),
    "a target above 1 beside a minimum": _twf(
        "objectives[0]", of_rule(_TARGET), objectives__0__target="97", objectives__0__minimum="0.9"
    ),
    "a minimum above 1": _twf("objectives[0].minimum", of_form("97", _SHARE), objectives__0__minimum="97"),
    "an empty target": _twf("objectives[0].target", of_form("", _FIGURE), objectives__0__target=""),
    "a target in percent": _twf("objectives[0].target", of_form("97%", _FIGURE), objectives__0__target="97%"),
    "a target in percent above a minimum": _twf(
        "objectives[0].target", of_form("97%", _FIGURE), objectives__0__target="97%", objectives__0__minimum="0.9"
    ),
    "a target in quotes twice": _twf(
        "objectives[0].target", of_form("'0.97'", _FIGURE), objectives__0__target="'0.97'"
    ),
    "two objectives": _twf(
        "objectives",
        'Too many: 2: must have at most 1 item, spec.objectives[1]: Duplicate value: {"metric":"accuracy"}',
        objectives=[{"metric": "accuracy", "target": "0.9"}, {"metric": "accuracy", "target": "0.8"}],
    ),
    "a budget of time": _twf(budget={"seconds": 60}),
    "a budget of time and cost": _twf(budget={"seconds": 60, "cost": "2.50", "pricePerPodHour": "0.40"}),
    "a budget of nothing": _twf("budget", of_rule(Budget.cel[1].message), budget={}),
    "a cost without a price": _twf("budget", of_rule(Budget.cel[0].message), budget={"seconds": 60, "cost": "2.50"}),
    "a budget of no time": _twf(
        "budget.seconds", of_bound(0, "should be greater than or equal to 1"), budget={"seconds": 0}
    ),
    "both constraints": _twf(
        constraints=[
            {"metric": "modelSizeMebibytes", "maximum": "1"}, {"metric": "latencyP95Milliseconds", "maximum": "0.5"}
        ]
    ),
    "the same constraint twice": _twf(
        "constraints[1]", 'Duplicate value: {"metric":"modelSizeMebibytes"}',
        constraints=[{"metric": "modelSizeMebibytes", "maximum": n} for n in ("1", "2")],
    ),
    "a constraint of nothing": _twf(
        "constraints[0].maximum", of_form("0.0", _DECIMAL),
        constraints=[{"metric": "modelSizeMebibytes", "maximum": "0.0"}],
    ),
    "an unknown constraint": _twf(
        "constraints[0].metric", of_enum("parameters", "latencyP95Milliseconds", "modelSizeMebibytes"),
        constraints=[{"metric": "parameters", "maximum": "1"}],
    ),
    "a shortlist": _twf(model={"selection": "Shortlist", "templateRefs": _REFS}),
    "a shortlist of nothing": _twf("model", of_rule(_SELECTION), model={"selection": "Shortlist"}),
    "a pinned model": _twf(model={"selection": "Pinned", "templateRefs": _REFS[:1]}),
    "two pinned models": _twf("model", of_rule(_SELECTION), model={"selection": "Pinned", "templateRefs": _REFS}),
    "models chosen by name and by themselves": _twf("model", of_rule(_SELECTION), model={"templateRefs": _REFS}),
    "a template twice": _twf(
        "model.templateRefs[1]", 'Duplicate value: {"name":"resnet-small"}',
        model={"selection": "Shortlist", "templateRefs": _REFS[:1] * 2},
    ),
    "a template's impossible name": _twf(
        "model.templateRefs[0].name", of_form("A b", _NAME),
        model={"selection": "Pinned", "templateRefs": [{"name": "A b"}]},
    ),
    "nine candidates": _twf(
        "model.maxCandidates", of_bound(9, "should be less than or equal to 8"), model={"maxCandidates": 9}
    ),
    "resources": _twf(resources={"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}),
    "a GPU": _twf(resources={"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}),
    "an unknown resource": _twf("resources.requests", of_rule(_RESOURCE), resources={"requests": {"gpu": "1"}}),
    "a malformed resource": _twf(
        "resources.requests", of_rule(_RESOURCE), resources={"requests": {"nvidia.com/": "1"}}
    ),
    "half a GPU": _twf(
        "resources", of_rule("extended resources such as `nvidia.com/gpu` are whole numbers"),
        resources={"limits": {"nvidia.com/gpu": "500m"}},
    ),
    "a GPU that is only asked for": _twf(
        "resources", of_rule(_DEVICES), resources={"requests": {"nvidia.com/gpu": "1"}}
    ),
    "more asked for than allowed": _twf(
        "resources", of_rule("`requests` must not be above `limits`"),
        resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1900Mi"}},
    ),
    "more devices asked for than allowed": _twf(
        "resources", of_rule(_DEVICES),
        resources={"requests": {"nvidia.com/gpu": "2"}, "limits": {"nvidia.com/gpu": "1"}},
    ),
    "a negative amount": _twf("resources.limits[cpu]", of_form("-1", _AMOUNT), resources={"limits": {"cpu": "-1"}}),
    "a negative amount beside a limit": _twf(
        "resources.requests[cpu]", of_form("-1", _AMOUNT), resources={"requests": {"cpu": "-1"}, "limits": {"cpu": "1"}}
    ),
    "an amount in words": _twf(
        "resources.limits[memory]", of_form("much", _AMOUNT),
        resources={"requests": {"memory": "1Gi"}, "limits": {"memory": "much"}},
    ),
    "an amount of nothing": _twf("resources.limits[cpu]", of_form("", _AMOUNT), resources={"limits": {"cpu": ""}}),
    "a negative number of GPUs": _twf(
        "resources.limits[nvidia.com/gpu]", of_form("-1", _AMOUNT), resources={"limits": {"nvidia.com/gpu": "-1"}}
    ),
    "GPUs asked for in words": _twf(
        "resources.requests[nvidia.com/gpu]", of_form("all", _AMOUNT),
        resources={"requests": {"nvidia.com/gpu": "all"}, "limits": {"nvidia.com/gpu": "1"}},
    ),
    "nine resources": _twf(
        "resources.limits", "Too many: 9: must have at most 8 items",
        resources={"limits": {f"x.example/r{n}": "1" for n in range(9)}},
    ),
    "every training setting": _twf(
        training={
            "maxEpochs": 100, "batchSize": 32, "learningRate": "2e-3", "seed": 0, "checkpointPeriodSeconds": 10,
            "backoffLimit": 0, "earlyStopping": {"patienceEpochs": 5, "minDelta": "0.001"},
        }
    ),
    "no epochs": _twf(
        "training.maxEpochs", of_bound(0, "should be greater than or equal to 1"), training={"maxEpochs": 0}
    ),
    "a huge batch": _twf(
        "training.batchSize", of_bound(65537, "should be less than or equal to 65536"), training={"batchSize": 65537}
    ),
    "half an example more": _twf("training.batchSize", of_type("number", "integer"), training={"batchSize": 1.5}),
    "no learning": _twf("training.learningRate", of_form("0", _DECIMAL), training={"learningRate": "0"}),
    "learning backwards": _twf("training.learningRate", of_form("-0.1", _DECIMAL), training={"learningRate": "-0.1"}),
    "a rate of a millionth": _twf(training={"learningRate": "0.000001"}),
    "a drop of a tenth of a thousandth": _twf(compression={"gate": {"maximumDrop": "0.0001"}}),
    "a drop in the way of programs": _twf(
        "compression.gate.maximumDrop", of_form("1e-3", _SHARE), compression={"gate": {"maximumDrop": "1e-3"}}
    ),
    "every compression setting": _twf(
        compression={
            "mode": "Auto", "methods": ["DynamicRange", "Int8"], "onGateFailure": "Fail",
            "gate": {"maximumDrop": "0.02", "verdict": "NonInferiority"},
        }
    ),
    "no method": _twf("compression.methods", of_bound(0, "should have at least 1 items"), compression={"methods": []}),
    "a method twice": _twf(
        "compression.methods[1]", 'Duplicate value: "Int8"', compression={"methods": ["Int8", "Int8"]}
    ),
    "an unknown method": _twf(
        "compression.methods[0]", of_enum("Int4", "DynamicRange", "Int8", "Float16"), compression={"methods": ["Int4"]}
    ),
    "an own claim for artifacts": _twf(outputs={"storageUri": "pvc://models"}),
    "a path for artifacts": _twf(
        "outputs.storageUri",
        of_form(
            "pvc://models/here",
            "pvc://claim without a path, the claim in lower-case letters, digits, `-` and `.`, e.g. pvc://models",
        ),
        outputs={"storageUri": "pvc://models/here"},
    ),
    "a claim that is made": _twf(outputs={"storageClassName": "standard", "size": "500Mi"}),
    "a claim that exists and is made": _twf(
        "outputs", of_rule(_OUTPUTS), outputs={"storageUri": "pvc://models", "size": "1Gi"}
    ),
    "a claim of nothing": _twf("outputs", of_rule("`size` must be at least 1Mi"), outputs={"size": "0"}),
    "a claim of a size in words": _twf("outputs.size", of_form("big", _AMOUNT), outputs={"size": "big"}),
    "a claim of a negative size": _twf("outputs.size", of_form("-1Gi", _AMOUNT), outputs={"size": "-1Gi"}),
    "a claim of an impossible class": _twf(
        "outputs.storageClassName", of_form("Fast", _NAME), outputs={"storageClassName": "Fast"}
    ),
    "an endpoint": _twf(deployment={"mode": "CreateOrUpdate", "name": "digits", "replicas": 2}),
    "an endpoint without a mode": _twf("deployment.mode", "Required value", deployment={"name": "digits"}),
    "an endpoint that no Service can be named after": _twf(
        "deployment.name",
        of_form(
            "0digits",
            "lower-case letters, digits and `-`, with a letter at the start and no `-` at the end, e.g. digits",
        ),
        deployment={"mode": "CreateOrUpdate", "name": "0digits"},
    ),
    "a deadline and an end": _twf(activeDeadlineSeconds=7200, ttlSecondsAfterFinished=0),
    "a deadline of nothing": _twf(
        "activeDeadlineSeconds", of_bound(0, "should be greater than or equal to 1"), activeDeadlineSeconds=0
    ),
    # ModelDeployment
    "a followed workflow": _mdep(replicas=2),
    "an artifact with a password": _mdep(
        "model.storageUri", Refusal(f'Invalid value: "string": must be {_ARTIFACT}', f"must be {_ARTIFACT}"),
        model={"storageUri": "https://user:canary@models.example/x", "digest": DIGEST}
    ),
    "an artifact by its digest": _mdep(model={"storageUri": "pvc://models/models/x", "digest": DIGEST}),
    "an artifact without a digest": _mdep(
        "model", of_rule("`storageUri` and `digest` belong together: the digest says which bytes may be served"),
        model={"storageUri": "https://models.example/x"},
    ),
    "an artifact on an impossible claim": _mdep(
        "model.storageUri", of_form("pvc://-/x", _ARTIFACT), model={"storageUri": "pvc://-/x", "digest": DIGEST}
    ),
    "an artifact of a sample": _mdep(
        "model.storageUri", of_form("sample://x", _ARTIFACT), model={"storageUri": "sample://x", "digest": DIGEST}
    ),
    "a workflow and an artifact": _mdep(
        "model", of_rule(_ONE_MODEL), model__storageUri="pvc://x/y", model__digest=DIGEST
    ),
    "no model at all": _mdep("model", of_rule(_ONE_MODEL), model={}),
    "no replica": _mdep("replicas", of_bound(0, "should be greater than or equal to 1"), replicas=0),
    "an unknown serving field": _mdep("runtime", "unknown field", runtime={"type": "Auto"}),
    # ModelTemplate
    "as much as can be less than 1": _mtpl(training__averageDecay="0." + 15 * "9"),
    "a decimal that computers round to 1": _mtpl(
        "training.averageDecay", "Too long: may not be more than 17 bytes", training__averageDecay="0." + 17 * "9"
    ),
    "a template": _mtpl(
        hyperparameters=[{"name": "width", "value": "16"}], compressionMethods=["Int8"],
        inputs={"minimumSide": 8, "maximumSide": 64},
    ),
    "a template without a builder": _mtpl("builder", "Required value", builder=ABSENT),
    "a template without a task": _mtpl("tasks", of_bound(0, "should have at least 1 items"), tasks=[]),
    "a template without a description": _mtpl(
        "description", of_bound('""', "should be at least 1 chars long"), description=""
    ),
    "a hyperparameter twice": _mtpl(
        "hyperparameters[1]", 'Duplicate value: {"name":"width"}',
        hyperparameters=[{"name": "width", "value": n} for n in ("8", "16")],
    ),
    "a hyperparameter's impossible name": _mtpl(
        "hyperparameters[0].name",
        of_form("Width", "lower-case letters, digits and `_`, with a letter at the start, e.g. width"),
        hyperparameters=[{"name": "Width", "value": "8"}],
    ),
    "a hyperparameter's value as a number": _mtpl(
        "hyperparameters[0].value", of_type("integer", "string"), hyperparameters=[{"name": "width", "value": 8}]
    ),
    "a search space": _mtpl(
        hyperparameters=[{"name": "width", "value": "16"}, {"name": "activation", "value": "relu"}],
        searchSpace=[
            {"name": "width", "type": "Integer", "minimum": "8", "maximum": "64", "scale": "Log"},
            {"name": "activation", "type": "Categorical", "values": ["relu", "gelu"]},
            {"name": "learningRate", "type": "Float", "minimum": "0.0005", "maximum": "8e-3", "scale": "Linear"},
        ],
    ),
    "a search of a setting that the template does not have": _mtpl(
        WHOLE, of_rule("`searchSpace` takes names of `hyperparameters`, learningRate and weightDecay"),
        searchSpace=[_dimension()],
    ),
    "a search of names between two numbers": _searched(
        "`type: Categorical` takes `values` alone; Integer and Float take `minimum`, `maximum` and `scale`",
        type="Categorical",
    ),
    "a search of numbers without an end": _searched(
        "`type: Categorical` takes `values` alone; Integer and Float take `minimum`, `maximum` and `scale`",
        maximum=ABSENT,
    ),
    "a search of whole numbers between fractions": _searched(
        "`type: Integer` takes whole numbers as `minimum` and `maximum`", maximum="64.5"
    ),
    "a search from the end to the beginning": _searched(
        "`minimum` must be below `maximum`", minimum="64", maximum="8"
    ),
    "a search of ratios from nothing": _searched("`scale: Log` needs a `minimum` above 0", minimum="0", scale="Log"),
    "a search of whole learning rates": _mtpl(
        "searchSpace[0]", of_rule("learningRate and weightDecay are of `type: Float`"),
        searchSpace=[_dimension(name="learningRate")],
    ),
    "a bound that is no number": _mtpl(
        "searchSpace[0].minimum",
        of_form("few", 'a decimal of 0 or more in quotes, e.g. "32" or "0.001"'),
        hyperparameters=[{"name": "width", "value": "16"}], searchSpace=[_dimension(minimum="few")],
    ),
    "images of no size": _mtpl(
        "inputs", of_rule("`minimumSide` must not be above `maximumSide`"), inputs={"minimumSide": 64, "maximumSide": 8}
    ),
    "a template with given weights": _mtpl(weights={"uri": "https://h/w.npz", "sha256": "a" * 64}),
    "weights behind a signature": _mtpl(
        "weights.uri", of_form("https://h/w.npz?signature=x", _WEIGHTS),
        weights={"uri": "https://h/w.npz?signature=x", "sha256": "a" * 64},
    ),
    "weights of another digest's form": _mtpl(
        "weights.sha256", of_form("a", "64 digits of 0-9 and a-f"), weights={"uri": "pvc://c/w.npz", "sha256": "a"}
    ),
    "weights for texts": _mtpl(
        WHOLE, of_rule("`weights` are taken by networks for images; they are for ImageClassification alone"),
        tasks=["TextClassification"], weights={"uri": "pvc://c/w.npz", "sha256": "a" * 64},
    ),
    "a template that does not learn": _mtpl(
        "training.learningRate", of_form("0", _DECIMAL), training__learningRate="0"
    ),
    "a template of no weight": _mtpl(
        "profile.parameters", of_bound(0, "should be greater than or equal to 1"), profile__parameters=0
    ),
    "weights by what the data have": _mtpl(
        profile={"parameters": 9, "terms": [{"weights": 2, "per": ["Ngrams", "Classes"]}, {"weights": 7}]}
    ),
    "weights by what no data have": _mtpl(
        "profile.terms[0].per[0]", of_enum("Colours", *Measure),
        profile={"parameters": 9, "terms": [{"weights": 2, "per": ["Colours"]}]},
    ),
}  # fmt: skip
