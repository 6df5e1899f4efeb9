"""What pods say of themselves: why they wait, and how their containers ended."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from idla.api.reasons import WorkflowReason
from idla.core.kube.conditions import find_condition
from idla.core.reconciliation import Manifest

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"}
_ASKED_FOR = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}
"""Those of them where a registry was asked."""
_NAME_A_SECRET = "name a Secret of the namespace in `spec.podTemplate.spec.imagePullSecrets`"  # noqa: S105  # no secret
_KEPT_AWAY = {
    re.compile(r"untolerated taint(?! \{node\.kubernetes\.io/)"): "`spec.podTemplate.spec.tolerations`",
    re.compile("node affinity/selector"): "`spec.podTemplate.spec.nodeSelector`",
}
"""Which field to look at where the scheduler says so of what does not go away by itself."""
_MISSING_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_TERMINATING_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" is being deleted')
_NORMAL = {"ContainerCreating", "PodInitializing", "CrashLoopBackOff", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a pod does not run, or why a Job failed, and what to do."""

    reason: WorkflowReason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Termination:
    """How a container ended."""

    exit_code: int
    reason: str
    message: str


def phase(pod: Manifest) -> str:
    """Return Pending, Running, Succeeded, Failed or Unknown."""
    return str((pod.get("status") or {}).get("phase", "Pending"))


def owned_by(pods: Iterable[Manifest], job_name: str) -> tuple[Manifest, ...]:
    """Return the pods of a Job, the newest first."""
    mine = [pod for pod in pods if job_of(pod) == job_name]
    return newest_first(mine)


def job_of(pod: Manifest) -> str | None:
    """Return the name of the Job that a pod belongs to, or None."""
    for reference in pod["metadata"].get("ownerReferences") or ():
        if reference.get("kind") == "Job":
            return str(reference["name"])
    name = (pod["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-name")
    return None if name is None else str(name)


def newest_first(pods: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return pods by creation, the newest first, ties by name."""
    return tuple(
        sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]))[::-1]
    )


def termination(pod: Manifest, container: str, *, earlier: bool = False) -> Termination | None:
    """Return how a container (or init container) of that name ended, or None while it has not.

    Args:
        pod: the pod.
        container: its container's name.
        earlier: whether the end before a restart counts too.
    """
    for status in _container_statuses(pod):
        if status.get("name") != container:
            continue
        ended = (status.get("state") or {}).get("terminated")
        if ended is None and earlier:
            ended = (status.get("lastState") or {}).get("terminated")
        if ended is not None:
            return Termination(
                exit_code=int(ended.get("exitCode", 0)),
                reason=str(ended.get("reason") or ""),
                message=str(ended.get("message") or ""),
            )
    return None


def waiting(pod: Manifest) -> Explanation | None:
    """Return what a pod waits for, or None where it runs, has ended, or is merely being started."""
    if phase(pod) != "Pending":
        return None
    scheduled = find_condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.get("status") == "False":
        return _explain_unscheduled(str(scheduled.get("message") or "no node was found for the pod"))
    for status in _container_statuses(pod):
        state = (status.get("state") or {}).get("waiting") or {}
        reason = str(state.get("reason") or "")
        if reason in _NORMAL:
            continue
        detail = str(state.get("message") or "")
        said = f"{reason}: {detail}" if detail else reason
        if reason in _IMAGE:
            return _explain_image(pod, str(status.get("image")), reason, said)
        return Explanation(reason=WorkflowReason.CONTAINER_NOT_STARTED, message=said)
    return None


def kept_running_by(pod: Manifest, container: str) -> tuple[str, ...]:
    """Return the containers that keep a pod running though this one of it has ended; empty where none does.

    Init containers are none of them: Kubernetes ends those that run beside the others by itself.
    """
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ended = {str(status.get("name")): "terminated" in (status.get("state") or {}) for status in statuses}
    if phase(pod) != "Running" or "deletionTimestamp" in pod["metadata"] or not ended.get(container):
        return ()
    return tuple(sorted(name for name, has_ended in ended.items() if not has_ended))


def lost_node(pod: Manifest, nodes: Iterable[Manifest] | None) -> str | None:
    """Return that nobody knows how a running pod fares, since its node is silent or gone, or None.

    Args:
        pod: the pod.
        nodes: all nodes, or None where the operator may not see them.
    """
    name = (pod.get("spec") or {}).get("nodeName")
    if nodes is None or name is None or phase(pod) != "Running":
        return None
    node = next((node for node in nodes if node["metadata"]["name"] == name), None)
    if node is None:
        return f"its node {name} is gone; Kubernetes replaces the pod within minutes"
    ready = find_condition(node, "Ready")
    if ready is None or ready.get("status") == "True":
        return None
    said = str(ready.get("reason") or "NotReady")
    until = "deleted or tainted node.kubernetes.io/out-of-service (only if it is off)"
    return (
        f"its node {name} is not ready: {said}. It goes on when the node is back; elsewhere, when the node is {until}"
    )


def _explain_image(pod: Manifest, image: str, reason: str, said: str) -> Explanation:
    """Return that an image cannot be pulled, and what to look at."""
    advice = ""
    if reason in _ASKED_FOR:
        secrets = [str(entry.get("name")) for entry in (pod.get("spec") or {}).get("imagePullSecrets") or ()]
        names = ", ".join(secrets)
        advice = "; correct its name there, or, where its registry asks for a password, "
        advice += f"the Secret {names} of the namespace" if secrets else _NAME_A_SECRET
    name = f"image {image}, which the operator's configuration names, cannot be pulled{advice}"
    return Explanation(reason=WorkflowReason.IMAGE_UNAVAILABLE, message=f"{name}. The kubelet: {said}")


def _explain_unscheduled(message: str) -> Explanation:
    missing = _MISSING_CLAIM.search(message)
    if missing is not None:
        text = f"there is no PersistentVolumeClaim {missing[1]} in the namespace; create it or name another"
        return Explanation(reason=WorkflowReason.CLAIM_NOT_FOUND, message=text)
    terminating = _TERMINATING_CLAIM.search(message)
    if terminating is not None:
        when = "it goes when the pods that use it, also ended ones, are deleted"
        text = f"PersistentVolumeClaim {terminating[1]} is being deleted; {when}"
        return Explanation(reason=WorkflowReason.CLAIM_NOT_FOUND, message=text)
    if "unbound immediate PersistentVolumeClaims" in message:
        unbound = "a PersistentVolumeClaim that it mounts is not bound; kubectl describe pvc says why"
        message = f"{unbound}. The scheduler: {message}"
    fields = [field for words, field in _KEPT_AWAY.items() if words.search(message)]
    if fields:
        message = f"{message.rstrip('.')}. See {' and '.join(fields)}"
    return Explanation(reason=WorkflowReason.UNSCHEDULABLE, message=message)


def _container_statuses(pod: Manifest) -> Sequence[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
