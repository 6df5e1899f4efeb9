"""One task and its Jobs: what is observed of them, and the one thing to do next.

A Job is made once and never changed but for `suspend`, since its template cannot be changed. A task whose result is
in the status needs no Job any more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from idla_contract.result import TaskResult
from idla_contract.task import TaskSpec
from pydantic import ValidationError

from idla.api.reasons import WorkflowReason
from idla.api.training_workflow import TaskStatus
from idla.builders.identity import TASK, Owner, label_value
from idla.builders.task_job import CONTAINER, TaskPod, build_task_job, job_name
from idla.core.conditions import parse_timestamp, shortened
from idla.core.graph import TaskState
from idla.core.job_failures import explain_failure
from idla.core.pods import job_of, owned_by, phase, termination, waiting
from idla.core.reconciliation import Deletion, Manifest
from idla.core.snapshot import WorkflowSnapshot

CONTENT_HASH = "idla.dev/content-hash"
ATTEMPT = "idla.dev/attempt"
LOST_RESULTS = 3
"""Jobs of a task that may end well without leaving a result; more than that is no lost pod but a broken image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A task that is fully determined."""

    spec: TaskSpec
    pod: TaskPod

    @property
    def name(self) -> str:
        """Return the task's name."""
        return self.spec.task


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the workflow's life says about its tasks in this turn."""

    owner: Owner
    suspend: bool
    since: datetime
    """When the generation began; a Job that ended before is reused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """How a task stands, and what is to be done about it."""

    entry: TaskStatus
    result: TaskResult | None = None
    active: bool = False
    """Whether its Job may still start or run pods."""
    apply: tuple[Manifest, ...] = ()
    delete: tuple[Deletion, ...] = ()

    @property
    def state(self) -> TaskState:
        """Return where it stands."""
        return TaskState(self.entry.state)

    @property
    def ended(self) -> bool:
        """Return whether nothing more happens to it."""
        return self.state in {TaskState.SUCCEEDED, TaskState.FAILED}


def unstarted(name: str, message: str, content_hash: str = "") -> TaskView:
    """Return a task that waits for others."""
    entry = TaskStatus(name=name, state=TaskState.PENDING, content_hash=content_hash, message=shortened(message))
    return TaskView(entry=entry)


def follow(
    work: Work, entry: TaskStatus | None, snapshot: WorkflowSnapshot, orders: Orders, *, hold: str | None
) -> TaskView:
    """Return how a task stands and what to do next.

    Args:
        work: the task.
        entry: what the status says of it in this generation, or None.
        snapshot: Jobs and pods.
        orders: what the workflow's life says.
        hold: why no Job may be created now, or None where one may.
    """
    if entry is not None and entry.content_hash != work.spec.content_hash:
        entry = None
    if entry is not None and (settled := _settled(entry)) is not None:
        return settled
    mine = jobs_of(work, snapshot.jobs)
    going = [job for job in mine if "deletionTimestamp" in job["metadata"]]
    if going:
        return _held(work, entry, f"waits for the deleted Job {_name(going[0])} to be gone", active=True)
    current = _current(mine, entry)
    if current is None:
        return _begin(work, entry, snapshot, orders, hold=hold, attempt=1)
    if _has(current, "Complete"):
        return _complete(work, entry, current, mine, snapshot, orders, hold)
    if _has(current, "Failed"):
        if entry is None or entry.job_name != _name(current):
            return _begin(work, None, snapshot, orders, hold=hold, attempt=attempt_of(current) + 1)
        return _failed(work, entry, current, snapshot)
    return _running(work, entry, current, snapshot, orders)


def jobs_of(work: Work, jobs: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return the Jobs that do this very work, the first attempt first."""
    mine = [
        job
        for job in jobs
        if _annotations(job).get(CONTENT_HASH) == work.spec.content_hash
        and _labels(job).get(TASK) == label_value(work.name)
    ]
    return tuple(sorted(mine, key=lambda job: (attempt_of(job), _name(job))))


def attempt_of(job: Manifest) -> int:
    """Return which attempt a Job is, counted from 1."""
    text = str(_annotations(job).get(ATTEMPT, "1"))
    return int(text) if text.isdecimal() else 1


def finished(job: Manifest) -> bool:
    """Return whether a Job has ended, well or not."""
    return _has(job, "Complete") or _has(job, "Failed")


def started(job: Manifest, snapshot: WorkflowSnapshot) -> bool:
    """Return whether a Job has a pod that runs or ran, so that stopping it would cost work."""
    return any(phase(pod) != "Pending" for pod in owned_by(snapshot.pods, _name(job)))


def deletion(job: Manifest) -> Deletion:
    """Return the deletion of this very Job."""
    return Deletion(api_version="batch/v1", kind="Job", name=_name(job), uid=job["metadata"]["uid"])


def with_suspension(job: Manifest, *, suspend: bool) -> dict[str, Any]:
    """Return a live Job as it is applied to hold it back or to let it go on.

    All but `suspend` is what the API server has, so that an operator of another version changes no template. The uid
    makes sure that a Job deleted meanwhile is not made again from its remains.
    """
    metadata = {
        key: job["metadata"][key]
        for key in ("name", "namespace", "uid", "labels", "annotations", "ownerReferences")
        if key in job["metadata"]
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {**job["spec"], "suspend": suspend},
    }


def held_back(job: Manifest) -> bool:
    """Return whether a Job is suspended."""
    return bool(job["spec"].get("suspend"))


def _settled(entry: TaskStatus) -> TaskView | None:
    if entry.state == TaskState.FAILED:
        return TaskView(entry=entry)
    if entry.state != TaskState.SUCCEEDED or entry.result is None:
        return None
    result = _parse(entry.result)
    return None if result is None else TaskView(entry=entry, result=result)


def _current(mine: Sequence[Manifest], entry: TaskStatus | None) -> Manifest | None:
    for job in mine:
        if entry is not None and entry.job_name == _name(job) and not finished(job):
            return job
    active = [job for job in mine if not finished(job)]
    if active:
        return active[-1]
    return mine[-1] if mine else None


def _begin(
    work: Work,
    entry: TaskStatus | None,
    snapshot: WorkflowSnapshot,
    orders: Orders,
    *,
    hold: str | None,
    attempt: int,
) -> TaskView:
    reason = hold or ("the workflow is suspended" if orders.suspend else _orphan(work, snapshot))
    if reason is not None:
        return _held(work, entry, reason, active=False)
    job = build_task_job(orders.owner, work.spec, work.pod, attempt=attempt, suspend=False)
    fresh = TaskStatus(
        name=work.name,
        state=TaskState.PENDING,
        content_hash=work.spec.content_hash,
        attempts=entry.attempts if entry else 0,
        job_name=_name(job),
    )
    return TaskView(entry=fresh, active=True, apply=(job,))


def _held(work: Work, entry: TaskStatus | None, message: str, *, active: bool) -> TaskView:
    held = TaskStatus(
        name=work.name,
        state=TaskState.PENDING,
        content_hash=work.spec.content_hash,
        attempts=entry.attempts if entry else 0,
        message=shortened(message),
    )
    return TaskView(entry=held, active=active)


def _orphan(work: Work, snapshot: WorkflowSnapshot) -> str | None:
    """Return why to wait for a pod that outlived its deleted Job: two pods must not do the same work."""
    names = {_name(job) for job in snapshot.jobs}
    for pod in snapshot.pods:
        labels = pod["metadata"].get("labels") or {}
        if labels.get(TASK) == label_value(work.name) and job_of(pod) not in names and phase(pod) == "Running":
            return f"waits for the pod {pod['metadata']['name']} of a deleted Job to end"
    return None


def _complete(
    work: Work,
    entry: TaskStatus | None,
    job: Manifest,
    mine: Sequence[Manifest],
    snapshot: WorkflowSnapshot,
    orders: Orders,
    hold: str | None,
) -> TaskView:
    result = result_of(job, snapshot)
    if result is None:
        if sum(1 for other in mine if _has(other, "Complete")) >= LOST_RESULTS:
            message = f"{LOST_RESULTS} Jobs ended well and left no result; the trainer image may be a wrong one"
            return _view(work, job, mine, TaskState.FAILED, reason=WorkflowReason.RESULT_MISSING, message=message)
        return _begin(work, entry, snapshot, orders, hold=hold, attempt=attempt_of(job) + 1)
    if result.failure is not None:
        reason = WorkflowReason(result.failure.reason)
        return _view(work, job, mine, TaskState.FAILED, reason=reason, message=result.failure.message)
    reused = entry is None and _ended_before(job, orders.since)
    view = _view(work, job, mine, TaskState.SUCCEEDED, result=result)
    if reused or (result.steps and all(step.cached for step in result.steps)):
        attempts = 0 if reused else view.entry.attempts
        update = {"cached": True, "attempts": attempts, "message": "the result was found in the artifact store"}
        return TaskView(entry=view.entry.model_copy(update=update), result=result)
    return view


def _failed(work: Work, entry: TaskStatus, job: Manifest, snapshot: WorkflowSnapshot) -> TaskView:
    failure = explain_failure(job, owned_by(snapshot.pods, _name(job)))
    view = _view(work, job, [job], TaskState.FAILED, reason=failure.reason, message=failure.message)
    attempts = max(view.entry.attempts, entry.attempts)
    return TaskView(entry=view.entry.model_copy(update={"attempts": attempts}))


def _running(
    work: Work, entry: TaskStatus | None, job: Manifest, snapshot: WorkflowSnapshot, orders: Orders
) -> TaskView:
    wanted = job_name(orders.owner, work.spec, work.pod, attempt_of(job))
    if _name(job) != wanted and not started(job, snapshot):
        # The same work for a pod of another size: the one that waits gives way, one that runs is let finish.
        held = _held(work, entry, f"waits for the replaced Job {_name(job)} to be gone", active=True)
        return TaskView(entry=held.entry, active=True, delete=(deletion(job),))
    if held_back(job) != orders.suspend:
        apply: tuple[Manifest, ...] = (with_suspension(job, suspend=orders.suspend),)
    else:
        apply = ()
    pods = [pod for pod in owned_by(snapshot.pods, _name(job)) if phase(pod) in {"Pending", "Running"}]
    if orders.suspend:
        view = _view(work, job, [job], TaskState.SUSPENDED, message="it goes on from its checkpoint")
    elif any(phase(pod) == "Running" for pod in pods):
        view = _view(work, job, [job], TaskState.RUNNING)
    else:
        wait = next((found for pod in pods if (found := waiting(pod)) is not None), None)
        reason, message = (None, "") if wait is None else (wait.reason, wait.message)
        view = _view(work, job, [job], TaskState.PENDING, reason=reason, message=message)
    attempts = max(view.entry.attempts, entry.attempts if entry else 0)
    return TaskView(entry=view.entry.model_copy(update={"attempts": attempts}), active=True, apply=apply)


def _view(
    work: Work,
    job: Manifest,
    mine: Sequence[Manifest],
    state: TaskState,
    *,
    reason: WorkflowReason | None = None,
    message: str = "",
    result: TaskResult | None = None,
) -> TaskView:
    status = job.get("status") or {}
    entry = TaskStatus(
        name=work.name,
        state=state,
        content_hash=work.spec.content_hash,
        attempts=sum(_pods_started(other) for other in mine),
        job_name=_name(job),
        reason=reason,
        message=shortened(message),
        result=None if result is None else _kept(result),
        start_time=status.get("startTime"),
        completion_time=_end_time(job),
    )
    return TaskView(entry=entry, result=result)


def result_of(job: Manifest, snapshot: WorkflowSnapshot) -> TaskResult | None:
    """Return the answer in the termination message of a Job's pods, or None where none is left."""
    for pod in owned_by(snapshot.pods, _name(job)):
        ended = termination(pod, CONTAINER)
        result = None if ended is None or ended.exit_code != 0 else _parse(ended.message)
        if result is not None:
            return result
    return None


def _parse(text: str) -> TaskResult | None:
    try:
        return TaskResult.model_validate_json(text)
    except ValidationError:
        return None


def _kept(result: TaskResult) -> str:
    """Return the result as the status keeps it: without the training curve, which is in the store."""
    if result.train is not None:
        result = result.model_copy(update={"train": result.train.model_copy(update={"curve": ()})})
    return result.shortened().to_json()


def _ended_before(job: Manifest, moment: datetime) -> bool:
    ended = _end_time(job)
    return ended is not None and parse_timestamp(ended) < moment


def _end_time(job: Manifest) -> str | None:
    status = job.get("status") or {}
    if "completionTime" in status:
        return str(status["completionTime"])
    for condition in status.get("conditions") or ():
        if condition.get("type") in {"Complete", "Failed"} and condition.get("status") == "True":
            return condition.get("lastTransitionTime")
    return None


def _pods_started(job: Manifest) -> int:
    status = job.get("status") or {}
    return sum(int(status.get(key) or 0) for key in ("active", "succeeded", "failed"))


def _has(job: Manifest, condition: str) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(entry.get("type") == condition and entry.get("status") == "True" for entry in conditions)


def _name(job: Manifest) -> str:
    return str(job["metadata"]["name"])


def _labels(job: Manifest) -> dict[str, str]:
    return job["metadata"].get("labels") or {}


def _annotations(job: Manifest) -> dict[str, str]:
    return job["metadata"].get("annotations") or {}
