"""What a Job says of itself, and the two things that are done to one after it was made: suspend it, delete it."""

from collections.abc import Mapping
from typing import Any

from idla.builders.identity import TASK
from idla.builders.task_job import ATTEMPT, CONTAINER, CONTENT_HASH, GENERATION
from idla.core.kube.conditions import find_true_condition
from idla.core.kube.pods import kept_running_by, owned_by, phase
from idla.core.reconciliation import Deletion, Manifest
from idla.core.snapshot import WorkflowSnapshot


def name_of(job: Manifest) -> str:
    """Return the Job's name."""
    return str(job["metadata"]["name"])


def content_hash_of(job: Manifest) -> str:
    """Return the hash of the work that it does."""
    return str(_annotations(job).get(CONTENT_HASH, ""))


def task_label(job: Manifest) -> str:
    """Return the label value of the task that it does."""
    return str((job["metadata"].get("labels") or {}).get(TASK, ""))


def attempt_of(job: Manifest) -> int:
    """Return which attempt it is, counted from 1."""
    return _read_number(job, ATTEMPT)


def generation_of(job: Manifest) -> int:
    """Return for which generation of the workflow it was made; 1 where it does not say."""
    return _read_number(job, GENERATION)


def is_complete(job: Manifest) -> bool:
    """Return whether it ended well."""
    return find_true_condition(job, "Complete") is not None


def is_failed(job: Manifest) -> bool:
    """Return whether it ended badly."""
    return find_true_condition(job, "Failed") is not None


def is_finished(job: Manifest) -> bool:
    """Return whether it has ended, well or not."""
    return is_complete(job) or is_failed(job)


def is_kept_running(job: Manifest, snapshot: WorkflowSnapshot) -> bool:
    """Return whether its work has ended and only another container of its pod, such as a sidecar, has not."""
    pods = owned_by(snapshot.pods, name_of(job))
    return not is_finished(job) and any(kept_running_by(pod, CONTAINER) for pod in pods)


def find_unexplained(workflow: Manifest, snapshot: WorkflowSnapshot) -> tuple[str, ...]:
    """Return the Jobs that have ended while no pod that is seen, and no status, says how.

    Jobs and pods are seen independently of each other, so their pods may have ended as well and not be seen yet.
    """
    entries = (workflow.get("status") or {}).get("tasks") or ()
    reported = {entry.get("jobName") for entry in entries if entry.get("state") in {"Succeeded", "Failed"}}
    return tuple(
        name_of(job) for job in snapshot.jobs if name_of(job) not in reported and _is_unexplained(job, snapshot)
    )


def _is_unexplained(job: Manifest, snapshot: WorkflowSnapshot) -> bool:
    phases = {phase(pod) for pod in owned_by(snapshot.pods, name_of(job))}
    if is_complete(job):
        return "Succeeded" not in phases
    return is_failed(job) and not (phases and phases <= {"Succeeded", "Failed"})


def is_terminating(job: Manifest) -> bool:
    """Return whether it is being deleted."""
    return "deletionTimestamp" in job["metadata"]


def is_suspended(job: Manifest) -> bool:
    """Return whether it is suspended."""
    return bool(job["spec"].get("suspend"))


def started(job: Manifest, snapshot: WorkflowSnapshot) -> bool:
    """Return whether it has a pod that runs or ran, so that stopping it would cost work."""
    return any(phase(pod) != "Pending" for pod in owned_by(snapshot.pods, name_of(job)))


def start_time(job: Manifest) -> str | None:
    """Return when it began."""
    began = (job.get("status") or {}).get("startTime")
    return None if began is None else str(began)


def end_time(job: Manifest) -> str | None:
    """Return when it ended, or None while it has not."""
    status = job.get("status") or {}
    if "completionTime" in status:
        return str(status["completionTime"])
    ended = find_true_condition(job, "Complete") or find_true_condition(job, "Failed") or {}
    return str(ended["lastTransitionTime"]) if "lastTransitionTime" in ended else None


def pods_started(job: Manifest) -> int:
    """Return how many pods it has and had."""
    status = job.get("status") or {}
    return sum(int(status.get(key) or 0) for key in ("active", "succeeded", "failed"))


def deletion(job: Manifest) -> Deletion:
    """Return the deletion of this very Job."""
    return Deletion(api_version="batch/v1", kind="Job", name=name_of(job), uid=job["metadata"]["uid"])


def with_suspension(job: Manifest, *, suspend: bool) -> dict[str, Any]:
    """Return a live Job as it is applied to suspend or to resume it.

    All but `suspend` is what the API server has, so that an operator of another version changes no template. The uid
    makes sure that a Job deleted meanwhile is not made again from its remains.
    """
    kept = ("name", "namespace", "uid", "labels", "annotations", "ownerReferences")
    metadata = {key: job["metadata"][key] for key in kept if key in job["metadata"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {**job["spec"], "suspend": suspend},
    }


def _read_number(job: Manifest, annotation: str) -> int:
    text = str(_annotations(job).get(annotation, "1"))
    return int(text) if text.isdecimal() else 1


def _annotations(job: Manifest) -> Mapping[str, str]:
    return job["metadata"].get("annotations") or {}
