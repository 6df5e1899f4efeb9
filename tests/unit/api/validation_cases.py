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


def _case(kind: str, at: str, changes: Mapping[str, Any]) -> Case:
    return Case(
        kind, {k.replace("__", "."): v for k, v in changes.items()}, "spec" if at == WHOLE else at and f"spec.{at}"
    )


def _twf(at: str = "", **changes: Any) -> Case:
    return _case("TrainingWorkflow", at, changes)


def _mdep(at: str = "", **changes: Any) -> Case:
    return _case("ModelDeployment", at, changes)


def _mtpl(at: str = "", **changes: Any) -> Case:
    return _case("ModelTemplate", at, changes)


def _dimension(**changes: Any) -> dict[str, Any]:
    whole = {"name": "width", "type": "Integer", "minimum": "8", "maximum": "64"} | changes
    return {name: value for name, value in whole.items() if value is not ABSENT}


def _searched(**changes: Any) -> Case:
    space = [_dimension(**changes)]
    return _mtpl("searchSpace[0]", hyperparameters=[{"name": "width", "value": "16"}], searchSpace=space)


_PERCENT: dict[str, Any] = {"data__split": {"trainPercent": 60, "validationPercent": 20, "testPercent": 20}}
_S3: dict[str, Any] = {"data__storageUri": "s3://faces/2024/all.npz"}
_REFS = [{"name": "resnet-small"}, {"name": "vgg-small"}]

CASES: dict[str, Case] = {
    # TrainingWorkflow
    "the least": _twf(objectives=ABSENT),
    "no task": _twf(task=ABSENT),
    "no task that anything tells": _twf(
        WHOLE, task=ABSENT, data={"storageUri": "pvc://faces/x.csv"}, objectives=ABSENT,
    ),
    "no data": _twf("data", data=ABSENT),
    "another task": _twf("task.type", task__type="Translation"),
    "an unknown field": _twf("dataset", dataset={"storageUri": "sample://digits"}),
    "an unknown field inside": _twf("data.storageURI", data__storageURI="sample://digits"),
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
    "a test file of S3": _twf(data__testStorageUri="s3://faces/test.npz", data__access={"region": "eu-central-1"}),
    "a web server with a certificate of its own": _twf(
        data__storageUri="https://data.example/x.csv", data__access={"secretRef": {"name": "own-ca"}},
    ),
    "a bucket without a key": _twf("data.storageUri", data__storageUri="s3://faces"),
    "a bucket in capitals": _twf("data.storageUri", data__storageUri="s3://Faces/all.npz"),
    "an object with a query": _twf("data.storageUri", data__storageUri="s3://faces/x?versionId=1"),
    "an object with keys": _twf("data.storageUri", data__storageUri="s3://id:canary@faces/x.npz"),
    "access to a sample": _twf("data", data__access={"secretRef": {"name": "s3-read"}}),
    "a region of a web server": _twf(
        "data", data__storageUri="https://data.example/x.csv", data__access={"region": "eu-central-1"},
    ),
    "a plain endpoint": _twf("data.access.endpoint", **_S3, data__access={"endpoint": "http://s3.example"}),
    "an endpoint with a path": _twf("data.access.endpoint", **_S3, data__access={"endpoint": "https://s3.example/x"}),
    "a region that is a host": _twf("data.access.region", **_S3, data__access={"region": "x.evil/"}),
    "a Secret without a name": _twf("data.access.secretRef.name", **_S3, data__access={"secretRef": {}}),
    "data with a password": _twf("data.storageUri", data__storageUri="https://user:canary@data.example/x.npz"),
    "data with a password that holds a slash": _twf(
        "data.storageUri", data__storageUri="https://user:can/ary@data.example/x.npz",
    ),
    "data of an unknown scheme": _twf("data.storageUri", data__storageUri="gs://bucket/x"),
    "data of one's own machine": _twf("data.storageUri", data__storageUri="file:///home/me/x.csv"),
    "data with a space": _twf("data.storageUri", data__storageUri="https://x/a b"),
    "data without a claim": _twf("data.storageUri", data__storageUri="pvc:///x.npz"),
    "data on an impossible claim": _twf("data.storageUri", data__storageUri="pvc://Faces/x.npz"),
    "data on a claim in two lines": _twf("data.storageUri", data__storageUri="pvc://faces/x\n"),
    "an endless address": _twf("data.storageUri", data__storageUri="https://x/" + "a" * 2040),
    "a data digest": _twf(data__digest=DIGEST),
    "a shortened digest": _twf("data.digest", data__digest="sha256:0a0a"),
    "a lengthened digest": _twf("data.digest", data__digest=f"{DIGEST}0"),
    "a label column": _twf(data__columns={"label": "y"}, data__format="CSV"),
    "a label column in NPZ": _twf(data__columns={"label": "y"}, data__format="NPZ"),
    "the layout of a CSV file": _twf(data__delimiter="\t", data__header=False),
    "a delimiter of two": _twf("data.delimiter", data__delimiter=";;"),
    "a delimiter in words": _twf("data.delimiter", data__delimiter="t"),
    "a delimiter of NPZ": _twf("data", data__format="NPZ", data__delimiter=","),
    "the encoding of a text file": _twf(data__encoding="windows-1252", data__format="JSONL"),
    "an encoding by Python's name": _twf("data.encoding", data__encoding="cp1252"),
    "an encoding of NPZ": _twf("data", data__format="NPZ", data__encoding="UTF-8"),
    "types of columns": _twf(
        task={"type": "TabularClassification"},
        data__columns={"types": {"zip": "Category", "id": "Ignored", "age": "Number"}},
    ),
    "an unknown type of a column": _twf(
        "data.columns.types.zip", task={"type": "TabularClassification"}, data__columns={"types": {"zip": "String"}},
    ),
    "a type of a column without a name": _twf(
        "data.columns.types", task={"type": "TabularClassification"}, data__columns={"types": {"": "Number"}},
    ),
    "missing values": _twf(
        task={"type": "TabularRegression"}, data__missingValues=["unknown", "-999"], objectives=ABSENT,
    ),
    "a missing value twice": _twf(
        "data.missingValues[1]", task={"type": "TabularClassification"}, data__missingValues=["-", "-"],
        objectives=ABSENT,
    ),
    "a missing value of nothing": _twf(
        "data.missingValues[0]", task={"type": "TabularClassification"}, data__missingValues=[""], objectives=ABSENT,
    ),
    "missing values of texts": _twf(
        WHOLE, task={"type": "TextClassification"}, data__missingValues=["-"], objectives=ABSENT,
    ),
    "two types of a column": _twf(
        "data.columns", task={"type": "TabularClassification"},
        data__columns={"categorical": ["zip"], "types": {"zip": "Number"}},
    ),
    "types of columns of texts": _twf(
        WHOLE, task={"type": "TextClassification"}, data__columns={"types": {"zip": "Number"}}, objectives=ABSENT,
    ),
    "a test file": _twf(
        data__testStorageUri="pvc://faces/test.csv", data__testDigest=DIGEST,
        data__split={"trainPercent": 90, "validationPercent": 10},
    ),
    "a test file beside a share for it": _twf("data", data__testStorageUri="pvc://faces/test.csv", **_PERCENT),
    "no test at all": _twf("data", data__split={"trainPercent": 90, "validationPercent": 10}),
    "the digest of no test file": _twf("data", data__testDigest=DIGEST),
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
    "a row for each series and time": _twf(
        task=ABSENT, data__columns={"series": ["shop", "product"], "timestamp": "day", "target": "sold"},
        objectives=[{"metric": "rmse"}],
    ),
    "a series of images": _twf(WHOLE, data__columns={"series": ["shop"]}),
    "a series that is no list": _twf("data.columns.series", task=ABSENT, data__columns={"series": "shop"}),
    "what is known ahead": _twf(
        task=ABSENT, objectives=[{"metric": "rmse"}],
        data__columns={"knownCovariates": ["promo", "week"], "categorical": ["week"], "types": {"promo": "Category"}},
    ),
    "what is known ahead of images": _twf(WHOLE, data__columns={"knownCovariates": ["promo"]}),
    "nothing that is known ahead": _twf(
        "data.columns.knownCovariates", task=ABSENT, objectives=[{"metric": "rmse"}],
        data__columns={"knownCovariates": []},
    ),
    "records": _twf(
        task={"type": "TabularRegression"},
        data__columns={"target": "y", "group": "patient", "features": ["a", "b"], "categorical": ["b"]},
        objectives=[{"metric": "mae"}],
    ),
    "a horizon of images": _twf("task", task__horizon=3),
    "a quantile of all": _twf("task.quantiles[0]", task={"type": "Forecasting", "quantiles": ["1"]}, objectives=ABSENT),
    "a rating of images": _twf(WHOLE, data__columns={"rating": "r"}),
    "a picture of texts": _twf(WHOLE, task={"type": "TextClassification"}, data__columns={"picture": "i"}),
    "a metric of another kind": _twf(WHOLE, objectives=[{"metric": "rmse"}]),
    "a minimum of an error": _twf("objectives[0]", objectives=[{"metric": "logLoss", "minimum": "0.1"}]),
    "a maximum of a share": _twf("objectives[0]", objectives=[{"metric": "accuracy", "maximum": "0.1"}]),
    "a target above the maximum": _twf(
        "objectives[0]", objectives=[{"metric": "logLoss", "maximum": "0.3", "target": "0.4"}],
    ),
    "a preset": _twf(preset="Best"),
    "another preset": _twf("preset", preset="Cheap"),
    "an unknown format": _twf("data.format", data__format="Arrow"),
    "a split": _twf(**_PERCENT),
    "a split of 99": _twf("data.split", **_PERCENT, data__split__testPercent=19),
    "a split without test": _twf(
        "data.split.testPercent", **_PERCENT, data__split__trainPercent=80, data__split__testPercent=0,
    ),
    "a split in words": _twf("data.split.testPercent", **_PERCENT, data__split__testPercent="20"),
    "suspended": _twf(suspend=True),
    "suspended in words": _twf("suspend", suspend="yes"),
    "approval by a person": _twf(approval="Manual"),
    "another approval": _twf("approval", approval="manual"),
    "no objective": _twf(objectives=[]),
    "a minimum alone": _twf(objectives=[{"metric": "accuracy", "minimum": "0.9"}]),
    "a minimum below the target": _twf(objectives__0__minimum="0.9"),
    "a minimum above the target": _twf("objectives[0]", objectives__0__minimum="0.98"),
    "an objective without a figure": _twf(objectives=[{"metric": "accuracy"}]),
    "a target of all": _twf(objectives__0__target="1.00"),
    "a target as a number": _twf("objectives[0].target", objectives__0__target=0.97),
    "a target with a zero before it": _twf("objectives[0]", objectives__0__target="00.9"),
    "a target above 1": _twf("objectives[0]", objectives__0__target="1.01"),
    "a target above 1 beside a minimum": _twf(
        "objectives[0]", objectives__0__target="97", objectives__0__minimum="0.9",
    ),
    "a minimum above 1": _twf("objectives[0].minimum", objectives__0__minimum="97"),
    "an empty target": _twf("objectives[0].target", objectives__0__target=""),
    "a target in percent": _twf("objectives[0].target", objectives__0__target="97%"),
    "a target in percent above a minimum": _twf(
        "objectives[0].target", objectives__0__target="97%", objectives__0__minimum="0.9",
    ),
    "a target in quotes twice": _twf("objectives[0].target", objectives__0__target="'0.97'"),
    "two objectives": _twf(
        "objectives", objectives=[{"metric": "accuracy", "target": "0.9"}, {"metric": "accuracy", "target": "0.8"}],
    ),
    "a budget of time": _twf(budget={"seconds": 60}),
    "a budget of time and cost": _twf(budget={"seconds": 60, "cost": "2.50", "pricePerPodHour": "0.40"}),
    "a budget of nothing": _twf("budget", budget={}),
    "a cost without a price": _twf("budget", budget={"seconds": 60, "cost": "2.50"}),
    "a budget of no time": _twf("budget.seconds", budget={"seconds": 0}),
    "both constraints": _twf(
        constraints=[
            {"metric": "modelSizeMebibytes", "maximum": "1"}, {"metric": "latencyP95Milliseconds", "maximum": "0.5"}
        ],
    ),
    "the same constraint twice": _twf(
        "constraints[1]", constraints=[{"metric": "modelSizeMebibytes", "maximum": n} for n in ("1", "2")],
    ),
    "a constraint of nothing": _twf(
        "constraints[0].maximum", constraints=[{"metric": "modelSizeMebibytes", "maximum": "0.0"}],
    ),
    "an unknown constraint": _twf("constraints[0].metric", constraints=[{"metric": "parameters", "maximum": "1"}]),
    "a shortlist": _twf(model={"selection": "Shortlist", "templateRefs": _REFS}),
    "a shortlist of nothing": _twf("model", model={"selection": "Shortlist"}),
    "a pinned model": _twf(model={"selection": "Pinned", "templateRefs": _REFS[:1]}),
    "two pinned models": _twf("model", model={"selection": "Pinned", "templateRefs": _REFS}),
    "models chosen by name and by themselves": _twf("model", model={"templateRefs": _REFS}),
    "a template twice": _twf("model.templateRefs[1]", model={"selection": "Shortlist", "templateRefs": _REFS[:1] * 2}),
    "a template's impossible name": _twf(
        "model.templateRefs[0].name", model={"selection": "Pinned", "templateRefs": [{"name": "A b"}]},
    ),
    "nine candidates": _twf("model.maxCandidates", model={"maxCandidates": 9}),
    "no loss for a smaller model": _twf(model={"tolerance": "0"}),
    "a fifth for a smaller model": _twf(model={"tolerance": "0.20"}),
    "a hundredth for a smaller model": _twf(model={"tolerance": "0.01"}),
    "more than a fifth for a smaller model": _twf("model.tolerance", model={"tolerance": "0.201"}),
    "a tolerance below nothing": _twf("model.tolerance", model={"tolerance": "-0.01"}),
    "a tolerance as a number": _twf("model.tolerance", model={"tolerance": 0.005}),
    "resources": _twf(resources={"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}),
    "a GPU": _twf(resources={"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}),
    "an unknown resource": _twf("resources.requests", resources={"requests": {"gpu": "1"}}),
    "a malformed resource": _twf("resources.requests", resources={"requests": {"nvidia.com/": "1"}}),
    "half a GPU": _twf("resources", resources={"limits": {"nvidia.com/gpu": "500m"}}),
    "a GPU that is only asked for": _twf("resources", resources={"requests": {"nvidia.com/gpu": "1"}}),
    "more asked for than allowed": _twf(
        "resources", resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1900Mi"}},
    ),
    "more devices asked for than allowed": _twf(
        "resources", resources={"requests": {"nvidia.com/gpu": "2"}, "limits": {"nvidia.com/gpu": "1"}},
    ),
    "a negative amount": _twf("resources.limits[cpu]", resources={"limits": {"cpu": "-1"}}),
    "a negative amount beside a limit": _twf(
        "resources.requests[cpu]", resources={"requests": {"cpu": "-1"}, "limits": {"cpu": "1"}},
    ),
    "an amount in words": _twf(
        "resources.limits[memory]", resources={"requests": {"memory": "1Gi"}, "limits": {"memory": "much"}},
    ),
    "an amount of nothing": _twf("resources.limits[cpu]", resources={"limits": {"cpu": ""}}),
    "a negative number of GPUs": _twf(
        "resources.limits[nvidia.com/gpu]", resources={"limits": {"nvidia.com/gpu": "-1"}},
    ),
    "GPUs asked for in words": _twf(
        "resources.requests[nvidia.com/gpu]",
        resources={"requests": {"nvidia.com/gpu": "all"}, "limits": {"nvidia.com/gpu": "1"}},
    ),
    "nine resources": _twf("resources.limits", resources={"limits": {f"x.example/r{n}": "1" for n in range(9)}}),
    "every training setting": _twf(
        training={
            "maxEpochs": 100, "batchSize": 32, "learningRate": "2e-3", "seed": 0, "checkpointPeriodSeconds": 10,
            "backoffLimit": 0, "earlyStopping": {"patienceEpochs": 5, "minDelta": "0.001"},
        },
    ),
    "no epochs": _twf("training.maxEpochs", training={"maxEpochs": 0}),
    "a huge batch": _twf("training.batchSize", training={"batchSize": 65537}),
    "half an example more": _twf("training.batchSize", training={"batchSize": 1.5}),
    "no learning": _twf("training.learningRate", training={"learningRate": "0"}),
    "learning backwards": _twf("training.learningRate", training={"learningRate": "-0.1"}),
    "a rate of a millionth": _twf(training={"learningRate": "0.000001"}),
    "a drop of a tenth of a thousandth": _twf(compression={"gate": {"maximumDrop": "0.0001"}}),
    "a drop in the way of programs": _twf(
        "compression.gate.maximumDrop", compression={"gate": {"maximumDrop": "1e-3"}},
    ),
    "every compression setting": _twf(
        compression={
            "mode": "Auto", "methods": ["DynamicRange", "Int8"], "onGateFailure": "Fail",
            "gate": {"maximumDrop": "0.02", "verdict": "NonInferiority"},
        },
    ),
    "no method": _twf("compression.methods", compression={"methods": []}),
    "a method twice": _twf("compression.methods[1]", compression={"methods": ["Int8", "Int8"]}),
    "an unknown method": _twf("compression.methods[0]", compression={"methods": ["Int4"]}),
    "an own claim for artifacts": _twf(outputs={"storageUri": "pvc://models"}),
    "a path for artifacts": _twf("outputs.storageUri", outputs={"storageUri": "pvc://models/here"}),
    "a claim that is made": _twf(outputs={"storageClassName": "standard", "size": "500Mi"}),
    "a claim that exists and is made": _twf("outputs", outputs={"storageUri": "pvc://models", "size": "1Gi"}),
    "a claim of nothing": _twf("outputs", outputs={"size": "0"}),
    "a claim of a size in words": _twf("outputs.size", outputs={"size": "big"}),
    "a claim of a negative size": _twf("outputs.size", outputs={"size": "-1Gi"}),
    "a claim of an impossible class": _twf("outputs.storageClassName", outputs={"storageClassName": "Fast"}),
    "an endpoint": _twf(deployment={"mode": "CreateOrUpdate", "name": "digits", "replicas": 2}),
    "an endpoint without a mode": _twf("deployment.mode", deployment={"name": "digits"}),
    "an endpoint that no Service can be named after": _twf(
        "deployment.name", deployment={"mode": "CreateOrUpdate", "name": "0digits"},
    ),
    "a deadline and an end": _twf(activeDeadlineSeconds=7200, ttlSecondsAfterFinished=0),
    "a deadline of nothing": _twf("activeDeadlineSeconds", activeDeadlineSeconds=0),
    # ModelDeployment
    "a followed workflow": _mdep(replicas=2),
    "an artifact with a password": _mdep(
        "model.storageUri", model={"storageUri": "https://user:canary@models.example/x", "digest": DIGEST},
    ),
    "an artifact by its digest": _mdep(model={"storageUri": "pvc://models/models/x", "digest": DIGEST}),
    "an artifact without a digest": _mdep("model", model={"storageUri": "https://models.example/x"}),
    "an artifact on an impossible claim": _mdep(
        "model.storageUri", model={"storageUri": "pvc://-/x", "digest": DIGEST},
    ),
    "an artifact of a sample": _mdep("model.storageUri", model={"storageUri": "sample://x", "digest": DIGEST}),
    "a workflow and an artifact": _mdep("model", model__storageUri="pvc://x/y", model__digest=DIGEST),
    "no model at all": _mdep("model", model={}),
    "no replica": _mdep("replicas", replicas=0),
    "an unknown serving field": _mdep("runtime", runtime={"type": "Auto"}),
    # podTemplate
    "pods as the cluster wants them": _twf(
        podTemplate={
            "metadata": {
                "labels": {"team": "vision", "app.kubernetes.io/part-of": ""},
                "annotations": {"sidecar.istio.io/inject": "true", "example.com/note": "any text: {}"},
            },
            "spec": {
                "nodeSelector": {"pool": "gpu"},
                "tolerations": [
                    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
                    {"key": "team", "value": "vision", "effect": "NoExecute", "tolerationSeconds": 60},
                    {"operator": "Exists"},
                ],
                "priorityClassName": "batch", "serviceAccountName": "trainer", "runtimeClassName": "nvidia",
                "imagePullSecrets": [{"name": "regcred"}],
            },
            "sidecarQuitUrl": "http://127.0.0.1:15020/quitquitquit",
        },
        deployment={
            "mode": "CreateOrUpdate", "resources": {"limits": {"cpu": "1"}},
            "podTemplate": {"metadata": {"labels": {"team": "serving"}}},
        },
    ),
    "serving pods as the cluster wants them": _mdep(podTemplate__spec={"imagePullSecrets": [{"name": "regcred"}]}),
    "a container in a pod template": _twf("podTemplate.spec.containers", podTemplate__spec={"containers": []}),
    "a security context in a pod template": _mdep(
        "podTemplate.spec.securityContext", podTemplate__spec={"securityContext": {}},
    ),
    "a label of the operator": _twf(
        "podTemplate.metadata.labels", podTemplate__metadata={"labels": {"idla.dev/managed": "false"}},
    ),
    "a label of Jobs": _mdep("podTemplate.metadata.labels", podTemplate__metadata={"labels": {"job-name": "x"}}),
    "an annotation that takes AppArmor away": _twf(
        "deployment.podTemplate.metadata.annotations", deployment={
            "mode": "CreateOrUpdate",
            "podTemplate": {
                "metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/server": "unconfined"}},
            },
        },
    ),
    "a label without a name": _twf("podTemplate.metadata.labels", podTemplate__metadata={"labels": {"team/": "x"}}),
    "a long key": _mdep(
        "podTemplate.metadata.annotations",
        podTemplate__metadata={"annotations": {f"{'a' * 200}.{'b' * 50}.example/team": "x"}},
    ),
    "a label with a space": _mdep(
        "podTemplate.metadata.labels[team]", podTemplate__metadata={"labels": {"team": "a b"}},
    ),
    "an annotation without quotes": _twf(
        "podTemplate.metadata.annotations.sidecar.istio.io/inject",
        podTemplate__metadata={"annotations": {"sidecar.istio.io/inject": False}},
    ),
    "a node of no name": _twf("podTemplate.spec.nodeSelector", podTemplate__spec={"nodeSelector": {"-": "x"}}),
    "a toleration of nothing": _twf("podTemplate.spec.tolerations[0]", podTemplate__spec={"tolerations": [{}]}),
    "a toleration of every value and one": _mdep(
        "podTemplate.spec.tolerations[0]",
        podTemplate__spec={"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
    ),
    "a toleration that ends of what throws nobody out": _twf(
        "podTemplate.spec.tolerations[0]",
        podTemplate__spec={"tolerations": [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}]},
    ),
    "a toleration's unknown effect": _twf(
        "podTemplate.spec.tolerations[0].effect",
        podTemplate__spec={"tolerations": [{"key": "a", "effect": "Never"}]},
    ),
    "a priority of the cluster's own": _mdep(
        "podTemplate.spec", podTemplate__spec={"priorityClassName": "system-node-critical"},
    ),
    "a sidecar on IPv6": _twf(podTemplate={"sidecarQuitUrl": "http://[::1]:65535"}),
    "a sidecar elsewhere": _twf("podTemplate.sidecarQuitUrl", podTemplate={"sidecarQuitUrl": "http://10.0.0.1:15020/"}),
    "a sidecar's name that begins alike": _twf(
        "podTemplate.sidecarQuitUrl", podTemplate={"sidecarQuitUrl": "http://localhost.example:15020/"},
    ),
    "a sidecar with a login": _twf(
        "podTemplate.sidecarQuitUrl", podTemplate={"sidecarQuitUrl": "http://x:y@127.0.0.1:15020/"},
    ),
    "a sidecar without a port": _twf("podTemplate.sidecarQuitUrl", podTemplate={"sidecarQuitUrl": "http://localhost/"}),
    "a sidecar of no port": _twf(
        "podTemplate.sidecarQuitUrl", podTemplate={"sidecarQuitUrl": "http://localhost:65536/"},
    ),
    "a sidecar of pods that do not end": _mdep(
        "podTemplate.sidecarQuitUrl", podTemplate={"sidecarQuitUrl": "http://localhost:15020/"},
    ),
    "a sidecar of an endpoint's pods": _twf(
        "deployment.podTemplate.sidecarQuitUrl", deployment={
            "mode": "CreateOrUpdate", "podTemplate": {"sidecarQuitUrl": "http://localhost:15020/"},
        },
    ),
    "a pull secret twice": _twf(
        "podTemplate.spec.imagePullSecrets[1]", podTemplate__spec={"imagePullSecrets": 2 * [{"name": "regcred"}]},
    ),
    # ModelTemplate
    "as much as can be less than 1": _mtpl(training__averageDecay="0." + 15 * "9"),
    "a decimal that computers round to 1": _mtpl("training.averageDecay", training__averageDecay="0." + 17 * "9"),
    "a template": _mtpl(
        hyperparameters=[{"name": "width", "value": "16"}], compressionMethods=["Int8"],
        inputs={"minimumSide": 8, "maximumSide": 64},
    ),
    "a template without a builder": _mtpl("builder", builder=ABSENT),
    "a template without a task": _mtpl("tasks", tasks=[]),
    "a template without a description": _mtpl("description", description=""),
    "a hyperparameter twice": _mtpl(
        "hyperparameters[1]", hyperparameters=[{"name": "width", "value": n} for n in ("8", "16")],
    ),
    "a hyperparameter's impossible name": _mtpl(
        "hyperparameters[0].name", hyperparameters=[{"name": "Width", "value": "8"}],
    ),
    "a hyperparameter's value as a number": _mtpl(
        "hyperparameters[0].value", hyperparameters=[{"name": "width", "value": 8}],
    ),
    "a search space": _mtpl(
        hyperparameters=[{"name": "width", "value": "16"}, {"name": "activation", "value": "relu"}],
        searchSpace=[
            {"name": "width", "type": "Integer", "minimum": "8", "maximum": "64", "scale": "Log"},
            {"name": "activation", "type": "Categorical", "values": ["relu", "gelu"]},
            {"name": "learningRate", "type": "Float", "minimum": "0.0005", "maximum": "8e-3", "scale": "Linear"},
        ],
    ),
    "a search of a setting that the template does not have": _mtpl(WHOLE, searchSpace=[_dimension()]),
    "a search of names between two numbers": _searched(type="Categorical"),
    "a search of numbers without an end": _searched(maximum=ABSENT),
    "a search of whole numbers between fractions": _searched(maximum="64.5"),
    "a search from the end to the beginning": _searched(minimum="64", maximum="8"),
    "a search of ratios from nothing": _searched(minimum="0", scale="Log"),
    "a search of whole learning rates": _mtpl("searchSpace[0]", searchSpace=[_dimension(name="learningRate")]),
    "a bound that is no number": _mtpl(
        "searchSpace[0].minimum", hyperparameters=[{"name": "width", "value": "16"}],
        searchSpace=[_dimension(minimum="few")],
    ),
    "images of no size": _mtpl("inputs", inputs={"minimumSide": 64, "maximumSide": 8}),
    "a template with given weights": _mtpl(weights={"uri": "https://h/w.npz", "sha256": "a" * 64}),
    "weights behind a signature": _mtpl(
        "weights.uri", weights={"uri": "https://h/w.npz?signature=x", "sha256": "a" * 64},
    ),
    "weights of another digest's form": _mtpl("weights.sha256", weights={"uri": "pvc://c/w.npz", "sha256": "a"}),
    "weights for texts": _mtpl(
        WHOLE, tasks=["TextClassification"], weights={"uri": "pvc://c/w.npz", "sha256": "a" * 64},
    ),
    "a template that does not learn": _mtpl("training.learningRate", training__learningRate="0"),
    "a template of no weight": _mtpl("profile.parameters", profile__parameters=0),
    "weights by what the data have": _mtpl(
        profile={"parameters": 9, "terms": [{"weights": 2, "per": ["Ngrams", "Classes"]}, {"weights": 7}]},
    ),
    "weights by what no data have": _mtpl(
        "profile.terms[0].per[0]", profile={"parameters": 9, "terms": [{"weights": 2, "per": ["Colours"]}]},
    ),
}  # fmt: skip
