"""What a workflow asks for, with every default filled in; nothing of it is ever written into the spec."""

import hashlib
import json
import math
from dataclasses import dataclass

from idla_contract.problem import METRICS, Metric, Problem
from idla_contract.task import Access, Columns, DataFormat, DataSource, Split
from idla_contract.uri import claim_of

from idla.api.quantity import parse_quantity
from idla.api.task_kind import KIND_UNKNOWN, kind_of
from idla.api.training_workflow import ConstraintMetric, TrainingWorkflowSpec
from idla.core.kube.references import artifact_claim
from idla.core.kube.resources import PodResources, pod_resources
from idla.core.objects import SpecError

MEBIBYTE = 2**20
_REQUESTS = {"cpu": "500m", "memory": "1Gi"}
_LIMITS = {"memory": "4Gi"}
_CLAIM_SIZE = "2Gi"
_BACKOFF_LIMIT = 3
_TOLERANCE = 0.005
_LIFECYCLE_FIELDS = {
    *("suspend", "approval", "deployment", "pod_template", "active_deadline_seconds", "ttl_seconds_after_finished"),
}
"""Parts of the spec that change no task and no verdict, and so take effect at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityThreshold:
    """The quality that is asked for."""

    target: float | None
    minimum: float
    """The least quality that is published: `minimum` or `maximum`, else `target`."""
    metric: Metric = Metric.ACCURACY

    def reached(self, score: float) -> bool:
        """Return whether a score is good enough to be published."""
        return not is_better(self.metric, self.minimum, score)

    def target_reached(self, score: float) -> bool:
        """Return whether a score is as good as the target, where there is one."""
        return self.target is None or not is_better(self.metric, self.target, score)

    @property
    def bound(self) -> str:
        """Return how `minimum` bounds the scores that are published."""
        return "at least" if self.metric.maximized else "at most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the published model must keep; None where it is not limited."""

    size_bytes: int | None
    latency_p95_milliseconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a generation asks for, resolved once."""

    spec: TrainingWorkflowSpec
    digest: str
    """Of all that tasks and verdicts depend on: everything but the lifecycle, the deployment and where pods run."""
    problem: Problem
    """What the model has to do, and the metric by which it is judged."""
    data: DataSource
    """Where the examples are and how they are split."""
    quality: QualityThreshold | None
    """The quality that is asked for, if any."""
    tolerance: float
    """Loss against the best candidate that a smaller one may have."""
    limits: Limits
    training_pod: PodResources
    """What each training pod asks for."""
    cpu_only_pod: PodResources
    """What the pods before and after the trainings ask for: the same without devices, which they do not use."""
    backoff_limit: int
    """How often a task's pod is tried again."""
    artifact_claim: str
    """The PersistentVolumeClaim of the artifacts."""
    artifact_mebibytes: int | None
    """The size of that claim, rounded up, where it is made; None: the spec names one that exists."""
    data_claim: str | None
    """The claim of `pvc://` data, if any."""
    data_secret: str | None
    """The Secret with the keys of remote data, if any."""


def resolve_requirements(spec: TrainingWorkflowSpec, name: str) -> Requirements:
    """Return what the spec of the workflow of this name asks for.

    Raises:
        SpecError: the kind of task is not given, and no other field tells it.
    """
    training, data, outputs = spec.training, spec.data, spec.outputs
    pod = pod_resources(spec.resources, requests=_REQUESTS, limits=_LIMITS)
    given = None if training is None else training.backoff_limit
    uri = None if outputs is None else outputs.storage_uri
    size = parse_quantity((outputs and outputs.size) or _CLAIM_SIZE)
    secret = None if data.access is None else data.access.secret_ref
    return Requirements(
        spec=spec,
        digest=_digest(spec),
        problem=_resolve_problem(spec),
        data=_resolve_data(spec),
        quality=_resolve_quality(spec),
        tolerance=float(spec.model.tolerance) if spec.model and spec.model.tolerance else _TOLERANCE,
        limits=_resolve_limits(spec),
        training_pod=pod,
        cpu_only_pod=pod.without_devices(),
        backoff_limit=_BACKOFF_LIMIT if given is None else given,
        artifact_claim=artifact_claim(name, uri),
        artifact_mebibytes=math.ceil(size / MEBIBYTE) if uri is None else None,
        data_claim=claim_of(data.storage_uri),
        data_secret=None if secret is None else secret.name,
    )


def is_better(metric: Metric, one: float, other: float) -> bool:
    """Return whether one score is better than another."""
    return one > other if metric.maximized else one < other


def _digest(spec: TrainingWorkflowSpec) -> str:
    document = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_LIFECYCLE_FIELDS)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _resolve_problem(spec: TrainingWorkflowSpec) -> Problem:
    kind, task = kind_of(spec), spec.task
    if kind is None:
        raise SpecError(KIND_UNKNOWN.message)
    metric = spec.objectives[0].metric if spec.objectives else METRICS[kind][0]
    settings = {} if task is None else task.model_dump(exclude_none=True)
    return Problem.model_validate(settings | {"type": kind, "metric": metric})


def _resolve_data(spec: TrainingWorkflowSpec) -> DataSource:
    data, split, access = spec.data, spec.data.split, spec.data.access
    place = {} if access is None else access.model_dump(include={"region", "endpoint"}, exclude_none=True)
    return DataSource(
        uri=data.storage_uri,
        digest=data.digest,
        format=data.format or DataFormat.AUTO,
        columns=Columns.model_validate(data.columns.model_dump(exclude_none=True)) if data.columns else Columns(),
        delimiter=data.delimiter,
        header=data.header,
        encoding=data.encoding,
        missing_values=data.missing_values or (),
        test_uri=data.test_storage_uri,
        test_digest=data.test_digest,
        access=Access.model_validate(place) if place else None,
        split=Split.model_validate({"test_percent": 0} | split.model_dump(exclude_none=True)) if split else Split(),
    )


def _resolve_quality(spec: TrainingWorkflowSpec) -> QualityThreshold | None:
    if not spec.objectives:
        return None
    objective = spec.objectives[0]
    target = None if objective.target is None else float(objective.target)
    given = objective.minimum or objective.maximum
    minimum = target if given is None else float(given)
    return None if minimum is None else QualityThreshold(target=target, minimum=minimum, metric=objective.metric)


def _resolve_limits(spec: TrainingWorkflowSpec) -> Limits:
    maxima = {constraint.metric: float(constraint.maximum) for constraint in spec.constraints or ()}
    size = maxima.get(ConstraintMetric.SIZE)
    return Limits(
        size_bytes=None if size is None else max(1, round(size * MEBIBYTE)),
        latency_p95_milliseconds=maxima.get(ConstraintMetric.LATENCY),
    )
