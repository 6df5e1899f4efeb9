"""Why a task's Job failed, in the words of the API."""

from collections.abc import Sequence

from idla_contract.exit_codes import ExitCode
from idla_contract.result import TaskResult

from idla.api.reasons import WorkflowReason
from idla.builders.task_job import CONTAINER
from idla.core.kube.conditions import find_true_condition
from idla.core.kube.pods import Explanation, Termination, termination
from idla.core.objects import read_as
from idla.core.reconciliation import Manifest


def explain_failure(job: Manifest, pods: Sequence[Manifest]) -> Explanation:
    """Return why a Job failed: what its newest pod said, else how that pod ended, else what the Job says.

    Args:
        job: a Job with the condition Failed.
        pods: its pods, the newest first.
    """
    if (find_true_condition(job, "Failed") or {}).get("reason") == "DeadlineExceeded":
        return _from_job(job)
    return next((found for pod in pods if (found := explain_pod(pod)) is not None), None) or _from_job(job)


def explain_pod(pod: Manifest) -> Explanation | None:
    """Return why a pod failed, or None where it says nothing."""
    ended = termination(pod, CONTAINER)
    found = None if ended is None else _from_container(ended, pod)
    return found or _from_pod(pod)


def _from_container(ended: Termination, pod: Manifest) -> Explanation | None:
    if ended.exit_code == 0:
        return None
    said = read_as(TaskResult, ended.message)
    if said is not None and said.failure is not None:
        return Explanation(reason=WorkflowReason(said.failure.reason), message=said.failure.message)
    if ended.reason == "OOMKilled":
        limit = _memory_limit(pod)
        at = f" at its limit of {limit}" if limit else ""
        return Explanation(
            reason=WorkflowReason.OOM_KILLED,
            message=f"the kernel ended the task for lack of memory{at}; raise `spec.resources.limits.memory`",
        )
    if ended.exit_code == ExitCode.OUT_OF_MEMORY:
        message = "the task ran out of memory; raise `spec.resources.limits.memory` or lower `spec.training.batchSize`"
        return Explanation(reason=WorkflowReason.OUT_OF_MEMORY, message=message)
    if ended.exit_code == ExitCode.DIVERGED:
        message = "the loss became NaN or infinite; lower `spec.training.learningRate`"
        return Explanation(reason=WorkflowReason.DIVERGED, message=message)
    return None


def _from_pod(pod: Manifest) -> Explanation | None:
    status = pod.get("status") or {}
    if status.get("reason") != "Evicted":
        return None
    return Explanation(reason=WorkflowReason.EVICTED, message=str(status.get("message") or "the node ended the pod"))


def _from_job(job: Manifest) -> Explanation:
    condition = find_true_condition(job, "Failed") or {}
    reasons = {
        "BackoffLimitExceeded": WorkflowReason.BACKOFF_LIMIT_EXCEEDED,
        "DeadlineExceeded": WorkflowReason.DEADLINE_EXCEEDED,
    }
    said = str(condition.get("reason") or "")
    return Explanation(
        reason=reasons.get(said, WorkflowReason.TASK_FAILED),
        message=f"Job {job['metadata']['name']}: {condition.get('message') or said or 'it failed'}",
    )


def _memory_limit(pod: Manifest) -> str | None:
    for container in (pod.get("spec") or {}).get("containers") or ():
        if container.get("name") == CONTAINER:
            return ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None
