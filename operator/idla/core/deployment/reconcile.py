"""What to do for a ModelDeployment: its Service and Deployment, and the whole status."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from idla_contract.uri import FETCHED, claim_of, scheme_of, without_query

from idla.api.model_deployment import KIND, ModelDeploymentSpec, ModelDeploymentStatus, ServedModelStatus
from idla.api.pod_template import PodTemplate
from idla.api.reasons import DeploymentReason
from idla.builders.egress import Egress
from idla.builders.identity import MANAGED, Owner, address_name
from idla.builders.serving import ServedModel, build_deployment, build_service, selector
from idla.core.cluster.capacity import explain_misfit
from idla.core.conditions import Condition, merge_conditions, shorten
from idla.core.deployment.conditions import (
    deployment_events,
    rollout_conditions,
    stopped_conditions,
    waiting_conditions,
)
from idla.core.deployment.replicas import Problem, Rollout, observe_rollout
from idla.core.kube.covers import is_up_to_date
from idla.core.kube.pod_template import with_pull_secrets
from idla.core.kube.resources import PodResources, pod_resources
from idla.core.objects import SpecError, owner_of, read_as, read_deployment_spec, read_status
from idla.core.reconciliation import Manifest, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import DeploymentSnapshot

DEFAULT_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
DEFAULT_LIMITS = {"memory": "512Mi"}


def reconcile_deployment(
    deployment: Manifest, snapshot: DeploymentSnapshot, *, now: datetime, settings: Settings
) -> Reconciliation:
    """Return the next step of a ModelDeployment; the same world gives the same answer.

    Its children go with it by their owner references; there is no finalizer.

    Args:
        deployment: the live object with its status.
        snapshot: its world.
        now: the time, aware.
        settings: the operator's configuration.
    """
    if "deletionTimestamp" in deployment["metadata"]:
        return Reconciliation()
    # Of a status of another version's shape nothing is known; what it serves is looked up again.
    old = read_as(ModelDeploymentStatus, deployment.get("status")) or ModelDeploymentStatus()
    owner = owner_of(deployment, KIND)
    outcome = _decide(deployment, owner, snapshot, old, settings)
    generation = int(deployment["metadata"].get("generation", 0))
    update = {
        "observed_generation": generation,
        "conditions": merge_conditions(old.conditions, outcome.conditions, generation=generation, now=now),
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector(owner).items())),
        **outcome.changes,
    }
    new = old.model_copy(update=update)
    if new == old:
        return Reconciliation(apply=outcome.apply)
    return Reconciliation(apply=outcome.apply, status=new.to_status(), events=tuple(deployment_events(old, new)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What is decided, before it is a status."""

    conditions: tuple[Condition, ...]
    apply: tuple[Manifest, ...] = ()
    changes: Mapping[str, object] = field(default_factory=dict)
    """Fields of the status beside the conditions."""


def _decide(
    deployment: Manifest, owner: Owner, snapshot: DeploymentSnapshot, old: ModelDeploymentStatus, settings: Settings
) -> _Outcome:
    try:
        spec = read_deployment_spec(deployment)
    except SpecError as error:
        return _Outcome(conditions=stopped_conditions(DeploymentReason.INVALID_SPEC, str(error)))
    model = _choose_model(spec, snapshot.workflow, old)
    if model is None:
        return _Outcome(conditions=waiting_conditions(_explain_waiting(spec, snapshot.workflow)))
    conflict = _find_name_conflict(owner, snapshot)
    if conflict is not None:
        conditions = stopped_conditions(DeploymentReason.NAME_TAKEN, conflict)
        return _Outcome(conditions=conditions, changes={"model": model})
    desired = (build_service(owner), _build_desired_deployment(owner, spec, model, settings))
    live = (snapshot.service, snapshot.deployment)
    apply = tuple(wanted for wanted, is_there in zip(desired, live, strict=True) if not is_up_to_date(wanted, is_there))
    misfit = _explain_misfit(deployment, spec, snapshot)
    rollout = _observe_rollout(snapshot, model, current=desired[1] not in apply, misfit=misfit)
    serving = model if rollout.complete else old.serving
    changes = {
        "url": f"http://{address_name(owner.name)}.{owner.namespace}.svc",
        "model": model,
        "serving": serving,
        "replicas": rollout.replicas,
        "ready_replicas": rollout.ready_replicas,
    }
    return _Outcome(conditions=rollout_conditions(rollout, model, serving), apply=apply, changes=changes)


def _observe_rollout(
    snapshot: DeploymentSnapshot, model: ServedModelStatus, *, current: bool, misfit: str | None
) -> Rollout:
    """Return where the rollout stands; what the API server refuses ends it."""
    rollout = observe_rollout(snapshot.deployment, snapshot.pods, digest=model.digest, current=current, misfit=misfit)
    if snapshot.refusal is None:
        return rollout
    refused = Problem(reason=DeploymentReason.APPLY_REFUSED, message=shorten(snapshot.refusal), permanent=True)
    return replace(rollout, complete=False, problem=refused)


def _explain_misfit(deployment: Manifest, spec: ModelDeploymentSpec, snapshot: DeploymentSnapshot) -> str | None:
    """Return why no node that there is could hold a serving pod, or None; it is told, and holds nothing up."""
    problem = explain_misfit(_pod_resources(spec), snapshot.nodes, spec.pod_template)
    if problem is None:
        return None
    made = (deployment["metadata"].get("labels") or {}).get(MANAGED) == "true"
    where = "; its TrainingWorkflow says this under `spec.deployment`" if made else ""
    return shorten(f"{problem}{where}. Where an autoscaler adds nodes, one may still come")


def _pod_resources(spec: ModelDeploymentSpec) -> PodResources:
    return pod_resources(spec.resources, requests=DEFAULT_REQUESTS, limits=DEFAULT_LIMITS)


def _choose_model(
    spec: ModelDeploymentSpec, workflow: Manifest | None, old: ModelDeploymentStatus
) -> ServedModelStatus | None:
    """Return the artifact to serve; what a workflow published once is served on when the workflow is gone."""
    reference = spec.model
    if reference.storage_uri is not None and reference.digest is not None:
        return ServedModelStatus(uri=without_query(reference.storage_uri), digest=reference.digest)
    followed = None if reference.workflow_ref is None else reference.workflow_ref.name
    artifact = None if workflow is None else read_status(workflow).artifact
    if artifact is not None:
        return ServedModelStatus(uri=artifact.uri, digest=artifact.digest, workflow=followed)
    return old.model if old.model is not None and old.model.workflow == followed else None


def _explain_waiting(spec: ModelDeploymentSpec, workflow: Manifest | None) -> str:
    name = spec.model.workflow_ref.name if spec.model.workflow_ref else ""
    if workflow is None:
        return f"TrainingWorkflow {name} does not exist; it is served as soon as it has published an artifact"
    return f"TrainingWorkflow {name} has published no artifact yet"


def _find_name_conflict(owner: Owner, snapshot: DeploymentSnapshot) -> str | None:
    for kind, live in (("Service", snapshot.service), ("Deployment", snapshot.deployment)):
        if live is not None and not _is_mine(owner, live):
            name = live["metadata"]["name"]
            return f"{kind} {name} exists and does not belong to this ModelDeployment; rename one of them or delete it"
    return None


def _is_mine(owner: Owner, live: Manifest) -> bool:
    return any(reference.get("uid") == owner.uid for reference in live["metadata"].get("ownerReferences") or ())


def _build_desired_deployment(
    owner: Owner, spec: ModelDeploymentSpec, model: ServedModelStatus, settings: Settings
) -> Manifest:
    resources = _pod_resources(spec)
    uri = spec.model.storage_uri or model.uri
    return build_deployment(
        owner,
        ServedModel(
            uri=uri,
            digest=model.digest,
            claim=claim_of(uri),
            egress=settings.egress if scheme_of(uri) in FETCHED else Egress(),
            image=settings.server_image,
            pull_policy=settings.pull_policy,
            replicas=1 if spec.replicas is None else spec.replicas,
            requests=resources.requests,
            limits=resources.limits,
            template=with_pull_secrets(spec.pod_template, settings.pull_secrets, kind=PodTemplate),
        ),
    )
