"""What a workflow asks for, with every default filled in; nothing of it is ever written into the spec."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from idla_contract.problem import METRICS, Metric, Problem
from idla_contract.task import Access, Columns, DataFormat, DataSource, Split
from pydantic import BaseModel, ValidationError

from idla.api.data_settings import AccessSettings, ColumnSettings
from idla.api.model_deployment import ModelDeploymentSpec
from idla.api.quantity import parse_quantity
from idla.api.resources import Resources
from idla.api.task_kind import kind_of
from idla.api.training_workflow import ConstraintMetric, TrainingWorkflowSpec
from idla.core.reconciliation import Manifest

DEFAULT_REQUESTS = {"cpu": "500m", "memory": "1Gi"}
DEFAULT_LIMITS = {"memory": "4Gi"}
DEFAULT_CLAIM_SIZE = "2Gi"
MEBIBYTE = 2**20
_LIFECYCLE_FIELDS = {"suspend", "approval", "deployment", "active_deadline_seconds", "ttl_seconds_after_finished"}
"""Parts of the spec that change no task and no verdict, and so take effect at once."""
_SHOWN_INPUT = 80
_CREDENTIALS = re.compile(r'(?<=://)(?:[^"\\]|\\.)*@')
"""User and password of an address inside JSON text."""


class SpecError(ValueError):
    """The spec breaks a rule; the message names the field, the value and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodResources:
    """What one pod asks for."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityThreshold:
    """The quality that is asked for."""

    target: float | None
    minimum: float
    """The least quality that is shipped: `minimum` or `maximum`, else `target`."""
    metric: Metric = Metric.ACCURACY

    def reached(self, score: float) -> bool:
        """Return whether a score is good enough to be shipped."""
        return not is_better(self.metric, self.minimum, score)

    def target_reached(self, score: float) -> bool:
        """Return whether a score is as good as the target, where there is one."""
        return self.target is None or not is_better(self.metric, self.target, score)

    @property
    def bound(self) -> str:
        """Return how `minimum` bounds the scores that are shipped."""
        return "at least" if self.metric.maximized else "at most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the shipped model must keep; None where it is not limited."""

    size_bytes: int | None
    latency_p95_milliseconds: float | None


def read_spec(workflow: Manifest) -> TrainingWorkflowSpec:
    """Return the workflow's spec as a type.

    Raises:
        SpecError: an older CRD let something in that this version does not take.
    """
    try:
        return TrainingWorkflowSpec.model_validate(workflow.get("spec") or {})
    except ValidationError as error:
        raise SpecError(explain_errors(error)) from None


def read_deployment_spec(deployment: Manifest) -> ModelDeploymentSpec:
    """Return the spec of a ModelDeployment as a type.

    Raises:
        SpecError: as above.
    """
    try:
        return ModelDeploymentSpec.model_validate(deployment.get("spec") or {})
    except ValidationError as error:
        raise SpecError(explain_errors(error)) from None


def explain_errors(error: ValidationError) -> str:
    """Return the first errors of a spec as text for people: field, what is wrong, the value without passwords."""
    parts = []
    for entry in error.errors(include_url=False)[:5]:
        field = ".".join(("spec", *(str(part) for part in entry["loc"])))
        message = entry["msg"].removeprefix("Value error, ")
        found = json.dumps(entry["input"], default=str) if not isinstance(entry["input"], BaseModel) else ""
        shown = f" (found {_CREDENTIALS.sub('***@', found)[:_SHOWN_INPUT]})" if found else ""
        parts.append(f"`{field}`: {message}{shown}")
    return "; ".join(parts)


def spec_digest(spec: TrainingWorkflowSpec) -> str:
    """Return a digest of all that tasks and verdicts depend on: everything but the lifecycle and the deployment."""
    document = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_LIFECYCLE_FIELDS)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def problem_of(spec: TrainingWorkflowSpec) -> Problem:
    """Return what the model has to do, and the metric by which it is judged."""
    kind, task = kind_of(spec), spec.task
    assert kind is not None  # the type demands that it is known
    metric = spec.objectives[0].metric if spec.objectives else METRICS[kind][0]
    if task is None:
        return Problem(type=kind, metric=metric)
    return Problem(
        type=kind,
        metric=metric,
        positive_label=task.positive_label,
        horizon=task.horizon,
        history=task.history,
        period_seconds=task.period_seconds,
        quantiles=tuple(float(quantile) for quantile in task.quantiles or ()),
    )


def data_source(spec: TrainingWorkflowSpec) -> DataSource:
    """Return where the examples are and how they are split."""
    data, split = spec.data, spec.data.split
    return DataSource(
        uri=data.storage_uri,
        digest=data.digest,
        format=data.format or DataFormat.AUTO,
        columns=_columns(data.columns),
        delimiter=data.delimiter,
        header=data.header,
        test_uri=data.test_storage_uri,
        test_digest=data.test_digest,
        access=_access(data.access),
        split=Split()
        if split is None
        else Split(
            train_percent=split.train_percent,
            validation_percent=split.validation_percent,
            test_percent=split.test_percent or 0,
            seed=Split().seed if split.seed is None else split.seed,
        ),
    )


def _access(given: AccessSettings | None) -> Access | None:
    if given is None or (given.region is None and given.endpoint is None):
        return None
    return Access(region=given.region, endpoint=given.endpoint)


def _columns(given: ColumnSettings | None) -> Columns:
    return Columns() if given is None else Columns.model_validate(given.model_dump(exclude_none=True))


def pod_resources(
    resources: Resources | None, *, requests: Mapping[str, str], limits: Mapping[str, str]
) -> PodResources:
    """Return what a pod asks for.

    Args:
        resources: what the spec says.
        requests: defaults; each applies to a resource that the spec names neither in requests nor in limits.
        limits: defaults likewise.
    """
    given_requests = dict((resources and resources.requests) or {})
    given_limits = dict((resources and resources.limits) or {})
    named = given_requests.keys() | given_limits.keys()
    return PodResources(
        requests={name: amount for name, amount in requests.items() if name not in named} | given_requests,
        limits={name: amount for name, amount in limits.items() if name not in named} | given_limits,
    )


def training_resources(spec: TrainingWorkflowSpec) -> PodResources:
    """Return what each training pod asks for."""
    return pod_resources(spec.resources, requests=DEFAULT_REQUESTS, limits=DEFAULT_LIMITS)


def cpu_only_resources(spec: TrainingWorkflowSpec) -> PodResources:
    """Return what the pods before and after the trainings ask for: the same without devices, which they do not use."""
    training = training_resources(spec)
    return PodResources(
        requests={name: amount for name, amount in training.requests.items() if not is_device(name)},
        limits={name: amount for name, amount in training.limits.items() if not is_device(name)},
    )


def is_device(resource: str) -> bool:
    """Return whether a resource is an extended one, which cannot be shared or overcommitted."""
    return "/" in resource


def quality_threshold(spec: TrainingWorkflowSpec) -> QualityThreshold | None:
    """Return the quality that is asked for, or None."""
    if not spec.objectives:
        return None
    objective = spec.objectives[0]
    target = None if objective.target is None else float(objective.target)
    given = objective.minimum or objective.maximum
    minimum = target if given is None else float(given)
    return None if minimum is None else QualityThreshold(target=target, minimum=minimum, metric=objective.metric)


def is_better(metric: Metric, one: float, other: float) -> bool:
    """Return whether one score is better than another."""
    return one > other if metric.maximized else one < other


def limits(spec: TrainingWorkflowSpec) -> Limits:
    """Return the constraints on the shipped model."""
    maxima = {constraint.metric: float(constraint.maximum) for constraint in spec.constraints or ()}
    size = maxima.get(ConstraintMetric.SIZE)
    return Limits(
        size_bytes=None if size is None else max(1, round(size * MEBIBYTE)),
        latency_p95_milliseconds=maxima.get(ConstraintMetric.LATENCY),
    )


def claim_mebibytes(spec: TrainingWorkflowSpec) -> int:
    """Return the size of the claim that is made for artifacts, rounded up."""
    size = (spec.outputs and spec.outputs.size) or DEFAULT_CLAIM_SIZE
    return math.ceil(parse_quantity(size) / MEBIBYTE)
