"""How far a ModelDeployment's pods are with the artifact that they are asked to serve."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from idla_contract.result import Failure, FailureReason

from idla.api.reasons import DeploymentReason, WorkflowReason
from idla.builders.serving import DIGEST_ANNOTATION
from idla.core.kube.conditions import find_condition, find_true_condition
from idla.core.kube.pods import Termination, newest_first, termination, waiting
from idla.core.objects import read_as
from idla.core.reconciliation import Manifest

_CONTAINERS = ("fetch", "server")
_AMOUNT = re.compile(r"\b((?:limits\.|requests\.)?(?:cpu|memory|ephemeral-storage))\b")
_RESOURCES = ("spec.resources", "spec.deployment.resources")
_REASONS = {
    FailureReason.ARTIFACT_DIGEST_MISMATCH: DeploymentReason.DIGEST_MISMATCH,
    FailureReason.ARTIFACT_NOT_FOUND: DeploymentReason.ARTIFACT_NOT_FOUND,
    FailureReason.ARTIFACT_UNREACHABLE: DeploymentReason.ARTIFACT_UNREACHABLE,
    FailureReason.ARTIFACT_INVALID: DeploymentReason.ARTIFACT_INVALID,
    FailureReason.VERIFICATION_FAILED: DeploymentReason.ARTIFACT_INVALID,
}
_TRANSIENT = {DeploymentReason.ARTIFACT_UNREACHABLE, DeploymentReason.LOAD_FAILED}
"""What another try may fix; it counts as permanent once the rollout's own deadline has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a pod does not serve."""

    reason: DeploymentReason
    message: str
    permanent: bool
    """Whether waiting will not fix it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Where the rollout stands."""

    replicas: int = 0
    ready_replicas: int = 0
    complete: bool = False
    """Whether all pods that are wanted serve the artifact that is wanted."""
    load_problem: Problem | None = None
    """Why a pod of the artifact could not load it."""
    problem: Problem | None = None
    """Why the rollout cannot go on, or does not yet."""


def observe_rollout(
    live: Manifest | None, pods: Iterable[Manifest], *, digest: str, current: bool, misfit: str | None = None
) -> Rollout:
    """Return where the rollout of an artifact stands.

    Args:
        live: the Deployment, or None before there is one.
        pods: its pods, of any artifact.
        digest: of the artifact.
        current: whether the Deployment is as it is wanted.
        misfit: why no node could hold such a pod; None where one could, or nobody knows.
    """
    if live is None:
        return Rollout()
    status: dict[str, Any] = live.get("status") or {}
    counts = {key: int(status.get(key) or 0) for key in ("replicas", "readyReplicas", "updatedReplicas")}
    seen = int(status.get("observedGeneration") or 0) >= int(live["metadata"].get("generation", 0))
    wanted = int(live["spec"].get("replicas", 1))
    complete = current and seen and set(counts.values()) == {wanted} and wanted > 0
    load_problem = None if complete else _find_load_problem(pods, digest)
    problem = None if complete else load_problem or _find_refusal(live) or _find_waiting(pods, digest, misfit)
    if current and seen and not complete and _is_deadline_exceeded(live):
        problem = _past_deadline(problem)
    return Rollout(
        replicas=counts["replicas"],
        ready_replicas=counts["readyReplicas"],
        complete=complete,
        load_problem=load_problem,
        problem=problem,
    )


def _past_deadline(problem: Problem | None) -> Problem:
    detail = "" if problem is None else f": {problem.reason}, {problem.message}"
    return Problem(
        reason=DeploymentReason.PROGRESS_DEADLINE_EXCEEDED,
        message=f"no pod became ready for ten minutes{detail}",
        permanent=True,
    )


def _is_deadline_exceeded(live: Manifest) -> bool:
    progressing = find_condition(live, "Progressing")
    return progressing is not None and progressing.get("reason") == "ProgressDeadlineExceeded"


def _find_refusal(live: Manifest) -> Problem | None:
    failure = find_true_condition(live, "ReplicaFailure")
    if failure is None:
        return None
    said = str(failure.get("message") or "Kubernetes created no pod")
    return Problem(reason=DeploymentReason.POD_NOT_CREATED, message=_with_advice(said), permanent=False)


def _with_advice(said: str) -> str:
    """Return why Kubernetes creates no pod, with the fields to set where a quota demands them."""
    _, demanded, what = said.partition("must specify ")
    names = dict.fromkeys(_AMOUNT.findall(what))
    if not demanded or not names:
        return said
    paths = [name if "." in name else f"requests.{name}" for name in names]
    here, above = (" and ".join(f"`{at}.{path}`" for path in paths) for at in _RESOURCES)
    return f"{said}. Set {here}; of a TrainingWorkflow that made this ModelDeployment {above}"


def _of_artifact(pods: Iterable[Manifest], digest: str) -> tuple[Manifest, ...]:
    mine = [pod for pod in pods if (pod["metadata"].get("annotations") or {}).get(DIGEST_ANNOTATION) == digest]
    return newest_first(mine)


def _find_load_problem(pods: Iterable[Manifest], digest: str) -> Problem | None:
    for pod in _of_artifact(pods, digest):
        if find_true_condition(pod, "Ready") or "deletionTimestamp" in pod["metadata"]:
            continue
        for container in _CONTAINERS:
            ended = termination(pod, container, earlier=True)
            if ended is not None and ended.exit_code != 0:
                return _explain_ending(container, ended)
    return None


def _explain_ending(container: str, ended: Termination) -> Problem:
    if ended.reason == "OOMKilled":
        message = "the kernel ended a pod at its memory limit; raise `spec.resources.limits.memory`"
        return Problem(reason=DeploymentReason.OOM_KILLED, message=message, permanent=True)
    said = read_as(Failure, ended.message)
    if said is None:
        message = f"container {container} ended with exit code {ended.exit_code}: {ended.message or ended.reason}"
        return Problem(reason=DeploymentReason.LOAD_FAILED, message=message, permanent=False)
    reason = _REASONS.get(said.reason, DeploymentReason.LOAD_FAILED)
    return Problem(reason=reason, message=said.message, permanent=reason not in _TRANSIENT)


def _find_waiting(pods: Iterable[Manifest], digest: str, misfit: str | None) -> Problem | None:
    """Return what the newest pod waits for; that none fits where there is none yet, or the scheduler finds no node."""
    mine = _of_artifact(pods, digest)
    found = next((found for pod in mine if (found := waiting(pod)) is not None), None)
    if misfit is not None and (not mine or (found and found.reason is WorkflowReason.UNSCHEDULABLE)):
        said = f". The scheduler: {found.message}" if found else ""
        return Problem(reason=DeploymentReason.NO_FEASIBLE_RESOURCES, message=f"{misfit}{said}", permanent=False)
    if found is None:
        return None
    return Problem(reason=DeploymentReason(found.reason), message=found.message, permanent=False)
