"""One task and its Jobs: what is observed of them, and the one thing to do next.

A Job is made once and never changed but for `suspend`, since its template cannot be changed. A task whose result is
in the status needs no Job any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from idla_contract.result import TaskResult
from pydantic import ValidationError

from idla.api.reasons import WorkflowReason
from idla.api.training_workflow_status import TaskStatus
from idla.builders.identity import TASK, Owner, label_value
from idla.builders.task_job import CONTAINER, build_task_job, job_name
from idla.core.conditions import parse_timestamp, shortened
from idla.core.kube import jobs
from idla.core.kube.job_failures import explain_failure, explain_pod
from idla.core.kube.pods import job_of, lost_node, owned_by, phase, termination, waiting
from idla.core.reconciliation import Deletion, Manifest
from idla.core.snapshot import WorkflowSnapshot
from idla.core.task_state import TaskState
from idla.core.workflow.task_definition import Work

LOST_RESULTS = 3
"""Jobs of a task that may end well without leaving a result; more than that is no lost pod but a broken image."""

POD_EXPECTED = timedelta(seconds=30)
"""How long after its start a Job may be without a pod before that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the workflow's life says about its tasks in this turn."""

    owner: Owner
    suspend: bool
    generation: int
    """Of the spec; what a Job of an earlier one came to is reused, and what failed for it is tried again."""
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """How a task stands, and what is to be done about it."""

    entry: TaskStatus
    result: TaskResult | None = None
    active: bool = False
    """Whether it has a Job that may still start or run pods."""
    look_again: bool = False
    """Whether time alone may change how it stands, so that no event would tell."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A task in one turn."""

    work: Work
    entry: TaskStatus | None
    """What the status says of it in this generation."""
    snapshot: WorkflowSnapshot
    orders: Orders
    hold: str | None
    """Why no Job may be created now."""

    def view(
        self, job: Manifest, state: TaskState, *, reason: WorkflowReason | None = None, message: str = ""
    ) -> TaskView:
        earlier = self.entry.attempts if self.entry else 0
        entry = TaskStatus(
            name=self.work.name,
            state=state,
            content_hash=self.work.spec.content_hash,
            attempts=max(earlier, sum(jobs.pods_started(other) for other in jobs_of(self.work, self.snapshot))),
            job_name=jobs.name_of(job),
            reason=reason,
            message=shortened(message),
            start_time=jobs.start_time(job),
            completion_time=jobs.end_time(job),
        )
        return TaskView(entry=entry)

    def held(self, message: str, *, active: bool = False) -> TaskView:
        entry = TaskStatus(
            name=self.work.name,
            state=TaskState.PENDING,
            content_hash=self.work.spec.content_hash,
            attempts=self.entry.attempts if self.entry else 0,
            message=shortened(message),
        )
        return TaskView(entry=entry, active=active)


def unstarted(name: str, message: str) -> TaskView:
    """Return a task that is not determined yet, because it waits for others."""
    return TaskView(entry=TaskStatus(name=name, state=TaskState.PENDING, content_hash="", message=shortened(message)))


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
    settled = None if entry is None else _settled(entry)
    if settled is not None:
        return settled
    case = _Case(work=work, entry=entry, snapshot=snapshot, orders=orders, hold=hold)
    mine = jobs_of(work, snapshot)
    going = [job for job in mine if jobs.is_going(job)]
    if going:
        return case.held(f"waits for the deleted Job {jobs.name_of(going[0])} to be gone", active=True)
    unfinished = [job for job in mine if not jobs.finished(job)]
    current = (unfinished or mine or (None,))[-1]
    return _begin(case, attempt=1) if current is None else _observe(case, current)


def jobs_of(work: Work, snapshot: WorkflowSnapshot) -> tuple[Manifest, ...]:
    """Return the Jobs that do this very work, the first attempt first."""
    label = label_value(work.name)
    mine = [
        job
        for job in snapshot.jobs
        if jobs.content_hash_of(job) == work.spec.content_hash and jobs.task_label(job) == label
    ]
    return tuple(sorted(mine, key=lambda job: (jobs.attempt_of(job), jobs.name_of(job))))


def _settled(entry: TaskStatus) -> TaskView | None:
    if entry.state == TaskState.FAILED:
        return TaskView(entry=entry)
    if entry.state != TaskState.SUCCEEDED or entry.result is None:
        return None
    result = _parse(entry.result)
    return None if result is None else TaskView(entry=entry, result=result)


def _observe(case: _Case, job: Manifest) -> TaskView:
    if jobs.is_complete(job):
        return _complete(case, job)
    if not jobs.is_failed(job):
        return _unfinished(case, job)
    if (case.entry is None or case.entry.job_name != jobs.name_of(job)) and _is_earlier(job, case):
        # The edit is the user's way to say "try again".
        return _begin(replace(case, entry=None), attempt=jobs.attempt_of(job) + 1)
    failure = explain_failure(job, owned_by(case.snapshot.pods, jobs.name_of(job)))
    return case.view(job, TaskState.FAILED, reason=failure.reason, message=failure.message)


def _is_earlier(job: Manifest, case: _Case) -> bool:
    return jobs.generation_of(job) < case.orders.generation


def _begin(case: _Case, *, attempt: int) -> TaskView:
    hold = case.hold or ("the workflow is suspended" if case.orders.suspend else None)
    if hold is not None:
        return case.held(hold)
    orphan = _orphan(case)
    if orphan is not None:
        return replace(case.held(orphan), look_again=True)
    orders, work = case.orders, case.work
    job = build_task_job(
        orders.owner, work.spec, work.pod, attempt=attempt, generation=orders.generation, suspend=False
    )
    held = case.held("")
    return TaskView(
        entry=held.entry.model_copy(update={"job_name": jobs.name_of(job)}),
        active=True,
        apply=(job,),
    )


def _orphan(case: _Case) -> str | None:
    """Return why to wait for a pod that outlived its deleted Job: two pods must not do the same work."""
    names = {jobs.name_of(job) for job in case.snapshot.jobs}
    label = label_value(case.work.name)
    for pod in case.snapshot.pods:
        labels = pod["metadata"].get("labels") or {}
        if labels.get(TASK) == label and job_of(pod) not in names and phase(pod) == "Running":
            ends, nodes = pod["metadata"].get("deletionTimestamp"), case.snapshot.nodes
            # A node at work ends it when its time is up, by another clock than ours.
            ended_by_node = nodes is not None and lost_node(pod, nodes) is None
            if ends is None or ended_by_node or parse_timestamp(ends) >= case.orders.now:
                return f"waits for the pod {pod['metadata']['name']} of a deleted Job to end"
    return None


def _complete(case: _Case, job: Manifest) -> TaskView:
    result = result_of(job, case.snapshot)
    if result is None:
        lost = [other for other in jobs_of(case.work, case.snapshot) if jobs.is_complete(other)]
        if len(lost) < LOST_RESULTS:
            return _begin(case, attempt=jobs.attempt_of(job) + 1)
        message = f"{len(lost)} Jobs ended well and left no result; is {case.work.pod.image} the trainer's image?"
        return case.view(job, TaskState.FAILED, reason=WorkflowReason.RESULT_MISSING, message=message)
    if result.failure is not None:
        reason = WorkflowReason(result.failure.reason)
        return case.view(job, TaskState.FAILED, reason=reason, message=result.failure.message)
    return _succeeded(case, job, result)


def _succeeded(case: _Case, job: Manifest, result: TaskResult) -> TaskView:
    entry = case.view(job, TaskState.SUCCEEDED).entry
    changes: dict[str, object] = {"result": _kept(result)}
    if case.entry is None and _is_earlier(job, case):
        changes |= {"cached": True, "attempts": 0, "message": "the result of an earlier generation is used"}
    elif result.steps and all(step.cached for step in result.steps):
        changes |= {"cached": True, "message": "the result was found in the artifact store"}
    return TaskView(entry=entry.model_copy(update=changes), result=result)


def _unfinished(case: _Case, job: Manifest) -> TaskView:
    wanted = job_name(case.orders.owner, case.work.spec, case.work.pod, jobs.attempt_of(job))
    if jobs.name_of(job) != wanted and not jobs.started(job, case.snapshot):
        # The same work for a pod of another size: a Job that waits gives way, one that runs is let finish.
        held = case.held(f"waits for the replaced Job {jobs.name_of(job)} to be gone", active=True)
        return replace(held, delete=(jobs.deletion(job),))
    suspend = case.orders.suspend
    apply = () if jobs.held_back(job) == suspend else (jobs.with_suspension(job, suspend=suspend),)
    return replace(_waiting_or_running(case, job), active=True, apply=apply)


def _waiting_or_running(case: _Case, job: Manifest) -> TaskView:
    if case.orders.suspend:
        return case.view(
            job, TaskState.SUSPENDED, message="held back; what it wrote into the store is used when it goes on"
        )
    pods = owned_by(case.snapshot.pods, jobs.name_of(job))
    # Between a pod's good end and its Job's, the work is done and only the Job does not say so yet.
    if any(phase(pod) in {"Running", "Succeeded"} for pod in pods):
        nodes = case.snapshot.nodes
        lost = next((text for pod in pods if (text := lost_node(pod, nodes)) is not None), "")
        return case.view(job, TaskState.RUNNING, message=lost)
    pending = [pod for pod in pods if phase(pod) == "Pending"]
    if not pending:
        return _without_pod(case, job, pods)
    wait = next((found for pod in pending if (found := waiting(pod)) is not None), None)
    if wait is None:
        return case.view(job, TaskState.PENDING)
    return case.view(job, TaskState.PENDING, reason=wait.reason, message=wait.message)


def _without_pod(case: _Case, job: Manifest, ended: Sequence[Manifest]) -> TaskView:
    failure = next((found for pod in ended if (found := explain_pod(pod)) is not None), None)
    if failure is not None:
        message = f"a pod failed and is repeated: {failure.reason}, {failure.message}"
        return case.view(job, TaskState.PENDING, message=message)
    view, began = case.view(job, TaskState.PENDING), jobs.start_time(job)
    if began is not None and not view.entry.attempts and case.orders.now - parse_timestamp(began) >= POD_EXPECTED:
        look = f"kubectl describe -n {case.orders.owner.namespace} job {jobs.name_of(job)}"
        message = f"Kubernetes makes no pod for it (a quota or a policy?): {look}"
        view = case.view(job, TaskState.PENDING, reason=WorkflowReason.POD_NOT_CREATED, message=message)
    return replace(view, look_again=True)


def result_of(job: Manifest, snapshot: WorkflowSnapshot) -> TaskResult | None:
    """Return the answer in the termination message of a Job's pods, or None where none is left.

    An answer to other work than the Job's counts as none: another image than ours may say anything.
    """
    for pod in owned_by(snapshot.pods, jobs.name_of(job)):
        ended = termination(pod, CONTAINER)
        result = None if ended is None or ended.exit_code != 0 else _parse(ended.message)
        if result is not None and result.content_hash == jobs.content_hash_of(job):
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


def needed_jobs(views: Sequence[TaskView]) -> set[str]:
    """Return the names of the Jobs that these tasks use."""
    return {view.entry.job_name for view in views if view.entry.job_name is not None}


def observed_again(entry: TaskStatus, snapshot: WorkflowSnapshot) -> TaskStatus:
    """Return a task of an earlier generation as its Job stands now; what it answered is kept for whoever needs it."""
    job = next((job for job in snapshot.jobs if jobs.name_of(job) == entry.job_name), None)
    if job is None or entry.state in {TaskState.SUCCEEDED, TaskState.FAILED}:
        return entry
    update: dict[str, object] = {"completion_time": jobs.end_time(job)}
    if jobs.is_failed(job):
        failure = explain_failure(job, owned_by(snapshot.pods, jobs.name_of(job)))
        update |= {"state": TaskState.FAILED, "reason": failure.reason, "message": shortened(failure.message)}
    elif jobs.is_complete(job):
        result = result_of(job, snapshot)
        kept = None if result is None else _kept(result)
        update |= {"state": TaskState.SUCCEEDED, "reason": None, "message": "", "result": kept}
    else:
        return entry
    return entry.model_copy(update=update)
