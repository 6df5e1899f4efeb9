"""One task and its Jobs: what is observed of them, and the one thing to do next.

A Job is made once and never changed but for `suspend`, since its template cannot be changed. A task whose result is
in the status needs no Job any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from idla_contract.exit_codes import NOT_RETRIED
from idla_contract.result import TaskResult
from idla_contract.task import TaskSpec

from idla.api.reasons import WorkflowReason
from idla.api.training_workflow_status import TaskStatus
from idla.builders.identity import TASK, label_value
from idla.builders.task_job import CONTAINER, SPEC_LIMIT, SpecTooLargeError, TaskPod, build_task_job, job_name
from idla.core.conditions import parse_timestamp, shorten, timestamp
from idla.core.kube import jobs
from idla.core.kube.job_failures import explain_failure, explain_pod
from idla.core.kube.pods import job_of, kept_running_by, lost_node, owned_by, phase, termination, waiting
from idla.core.objects import read_as
from idla.core.reconciliation import Deletion, Manifest
from idla.core.snapshot import WorkflowSnapshot
from idla.core.task_state import TaskState
from idla.core.workflow.inputs import ReconcileInput

LOST_RESULTS = 3
"""Jobs of a task that may end well without leaving a result; more than that is no lost pod but a broken image."""

POD_EXPECTED = timedelta(seconds=30)
"""How long after its start a Job may be without a pod before that is reported."""

_HAVE_TO_EXIST = {
    "ServiceAccount": "service_account_name",
    "PriorityClass": "priority_class_name",
    "RuntimeClass": "runtime_class_name",
}
"""What Kubernetes makes no pod without, where a user names it."""

_TOO_LARGE = (
    "its task spec has {size} bytes, and a Job holds {limit}; make the values of `hyperparameters` in"
    " the ModelTemplates or `spec.model.search.trials` smaller"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """A task that is fully determined: the spec that its pod is given, and the pod."""

    spec: TaskSpec
    pod: TaskPod


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDecision:
    """How a task stands, and what is to be done about it."""

    entry: TaskStatus
    result: TaskResult | None = None
    active: bool = False
    """Whether it has a Job that may still start or run pods."""
    poll: bool = False
    """Whether time alone may change how it stands, so that no event would say so."""
    apply: tuple[Manifest, ...] = ()
    delete: tuple[Deletion, ...] = ()

    @property
    def state(self) -> TaskState:
        """Return where it stands."""
        return TaskState(self.entry.state)

    @property
    def finished(self) -> bool:
        """Return whether nothing more happens to it."""
        return self.state in {TaskState.SUCCEEDED, TaskState.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _TaskContext:
    """A task in one reconciliation."""

    task: TaskDefinition
    entry: TaskStatus | None
    """What the status says of it in this generation."""
    inputs: ReconcileInput
    blocked_by: str | None
    """Why no Job may be created now."""

    def decide(
        self, job: Manifest, state: TaskState, *, reason: WorkflowReason | None = None, message: str = ""
    ) -> TaskDecision:
        earlier = self.entry.attempts if self.entry else 0
        entry = TaskStatus(
            name=self.task.spec.task,
            state=state,
            content_hash=self.task.spec.content_hash,
            attempts=max(earlier, sum(jobs.pods_started(other) for other in jobs_of(self.task, self.inputs.snapshot))),
            job_name=jobs.name_of(job),
            reason=reason,
            message=shorten(message),
            start_time=jobs.start_time(job),
            completion_time=jobs.end_time(job),
        )
        return TaskDecision(entry=entry)

    def wait(self, message: str, *, active: bool = False) -> TaskDecision:
        entry = TaskStatus(
            name=self.task.spec.task,
            state=TaskState.PENDING,
            content_hash=self.task.spec.content_hash,
            attempts=self.entry.attempts if self.entry else 0,
            message=shorten(message),
        )
        return TaskDecision(entry=entry, active=active)

    def refuse(self, reason: WorkflowReason, message: str) -> TaskDecision:
        entry = self.wait(message).entry
        return TaskDecision(entry=entry.model_copy(update={"state": TaskState.FAILED, "reason": reason}))


def pending_task(name: str, message: str) -> TaskDecision:
    """Return a task that is not determined yet, because it waits for others."""
    return TaskDecision(entry=TaskStatus(name=name, state=TaskState.PENDING, content_hash="", message=shorten(message)))


def reconcile_task(
    task: TaskDefinition, entry: TaskStatus | None, inputs: ReconcileInput, *, blocked_by: str | None
) -> TaskDecision:
    """Return how a task stands and what to do next.

    Args:
        task: what it has to do, and its pod.
        entry: what the status says of it in this generation, or None.
        inputs: the workflow, with its Jobs and pods.
        blocked_by: why no Job may be created now, or None where one may.
    """
    if entry is not None and entry.content_hash != task.spec.content_hash:
        entry = None
    settled = None if entry is None else _read_settled(entry)
    if settled is not None:
        kept = [job for job in jobs_of(task, inputs.snapshot) if jobs.is_kept_running(job, inputs.snapshot)]
        return replace(settled, delete=tuple(jobs.deletion(job) for job in kept if not jobs.is_terminating(job)))
    context = _TaskContext(task=task, entry=entry, inputs=inputs, blocked_by=blocked_by)
    mine = jobs_of(task, inputs.snapshot)
    terminating = [job for job in mine if jobs.is_terminating(job)]
    if terminating:
        return context.wait(f"waits for the deleted Job {jobs.name_of(terminating[0])} to be gone", active=True)
    unfinished = [job for job in mine if not jobs.is_finished(job)]
    current = (unfinished or mine or (None,))[-1]
    return _begin(context, attempt=1) if current is None else _observe(context, current)


def jobs_of(task: TaskDefinition, snapshot: WorkflowSnapshot) -> tuple[Manifest, ...]:
    """Return the Jobs that do this very work, the first attempt first."""
    label = label_value(task.spec.task)
    mine = [
        job
        for job in snapshot.jobs
        if jobs.content_hash_of(job) == task.spec.content_hash and jobs.task_label(job) == label
    ]
    return tuple(sorted(mine, key=lambda job: (jobs.attempt_of(job), jobs.name_of(job))))


def _read_settled(entry: TaskStatus) -> TaskDecision | None:
    if entry.state == TaskState.FAILED:
        return TaskDecision(entry=entry)
    if entry.state != TaskState.SUCCEEDED or entry.result is None:
        return None
    result = read_as(TaskResult, entry.result)
    return None if result is None else TaskDecision(entry=entry, result=result)


def _observe(context: _TaskContext, job: Manifest) -> TaskDecision:
    if jobs.is_complete(job):
        return _observe_complete(context, job)
    if not jobs.is_failed(job):
        return _observe_ended(context, job) or _observe_unfinished(context, job)
    if (context.entry is None or context.entry.job_name != jobs.name_of(job)) and _is_earlier(job, context):
        # The edit is the user's way to say "try again".
        return _begin(replace(context, entry=None), attempt=jobs.attempt_of(job) + 1)
    failure = explain_failure(job, owned_by(context.inputs.snapshot.pods, jobs.name_of(job)))
    return context.decide(job, TaskState.FAILED, reason=failure.reason, message=failure.message)


def _is_earlier(job: Manifest, context: _TaskContext) -> bool:
    """Return whether a Job is of an earlier spec: its result is reused, and what failed for it is tried again."""
    return jobs.generation_of(job) < context.inputs.generation


def _begin(context: _TaskContext, *, attempt: int) -> TaskDecision:
    blocked_by = context.blocked_by or ("the workflow is suspended" if context.inputs.spec.suspend else None)
    if blocked_by is not None:
        return context.wait(blocked_by)
    inputs, task = context.inputs, context.task
    try:
        job = build_task_job(
            inputs.owner, task.spec, task.pod, attempt=attempt, generation=inputs.generation, suspend=False
        )
    except SpecTooLargeError as error:
        return context.refuse(WorkflowReason.TASK_TOO_LARGE, _TOO_LARGE.format(size=error.size, limit=SPEC_LIMIT))
    orphaned = _find_orphaned_pod(context)
    if orphaned is not None:
        return replace(context.wait(orphaned), poll=True)
    entry = context.wait("").entry.model_copy(update={"job_name": jobs.name_of(job)})
    return TaskDecision(entry=entry, active=True, apply=(job,))


def _find_orphaned_pod(context: _TaskContext) -> str | None:
    """Return why to wait for a pod that outlived its deleted Job: two pods must not do the same work."""
    names = {jobs.name_of(job) for job in context.inputs.snapshot.jobs}
    label = label_value(context.task.spec.task)
    for pod in context.inputs.snapshot.pods:
        labels = pod["metadata"].get("labels") or {}
        if labels.get(TASK) == label and job_of(pod) not in names and phase(pod) == "Running":
            ends, nodes = pod["metadata"].get("deletionTimestamp"), context.inputs.snapshot.nodes
            # A working node ends it when its time is up, by another clock than ours.
            ended_by_node = nodes is not None and lost_node(pod, nodes) is None
            if ends is None or ended_by_node or parse_timestamp(ends) >= context.inputs.now:
                return f"waits for the pod {pod['metadata']['name']} of a deleted Job to end"
    return None


def _observe_complete(context: _TaskContext, job: Manifest) -> TaskDecision:
    result = result_of(job, context.inputs.snapshot)
    if result is None:
        lost = [other for other in jobs_of(context.task, context.inputs.snapshot) if jobs.is_complete(other)]
        if len(lost) < LOST_RESULTS:
            return _begin(context, attempt=jobs.attempt_of(job) + 1)
        message = f"{len(lost)} Jobs succeeded without a result; is {context.task.pod.image} the trainer's image?"
        return context.decide(job, TaskState.FAILED, reason=WorkflowReason.RESULT_MISSING, message=message)
    if result.failure is not None:
        reason = WorkflowReason(result.failure.reason)
        return context.decide(job, TaskState.FAILED, reason=reason, message=result.failure.message)
    return _build_succeeded(context, job, result)


def _build_succeeded(context: _TaskContext, job: Manifest, result: TaskResult) -> TaskDecision:
    entry = context.decide(job, TaskState.SUCCEEDED).entry
    changes: dict[str, object] = {"result": _strip_result(result)}
    if context.entry is None and _is_earlier(job, context):
        changes |= {"cached": True, "attempts": 0, "message": "the result of an earlier generation is used"}
    elif result.steps and all(step.cached for step in result.steps):
        changes |= {"cached": True, "message": "the result was found in the artifact store"}
    return TaskDecision(entry=entry.model_copy(update=changes), result=result)


def _observe_ended(context: _TaskContext, job: Manifest) -> TaskDecision | None:
    """Return how a task ended whose Job cannot end, since another container keeps its pod running, or None.

    The Job is deleted once the status says so: its answer would be lost with it.
    """
    pods = owned_by(context.inputs.snapshot.pods, jobs.name_of(job))
    pod = next((pod for pod in pods if kept_running_by(pod, CONTAINER)), None)
    ended = None if pod is None else termination(pod, CONTAINER)
    if pod is None or ended is None:
        return None
    completed = {"completion_time": timestamp(context.inputs.now)}
    result = result_of(job, context.inputs.snapshot)
    if result is not None and result.failure is None:
        succeeded = _build_succeeded(context, job, result)
        return replace(succeeded, entry=succeeded.entry.model_copy(update=completed))
    failure = explain_pod(pod)
    if failure is not None and ended.exit_code in NOT_RETRIED:
        failed = context.decide(job, TaskState.FAILED, reason=failure.reason, message=failure.message)
        return replace(failed, entry=failed.entry.model_copy(update=completed))
    return None


def _observe_unfinished(context: _TaskContext, job: Manifest) -> TaskDecision:
    wanted = job_name(context.inputs.owner, context.task.spec, context.task.pod, jobs.attempt_of(job))
    snapshot = context.inputs.snapshot
    if jobs.name_of(job) != wanted and (not jobs.started(job, snapshot) or jobs.is_kept_running(job, snapshot)):
        # The same work for another pod: a Job that waits gives way, one that runs is allowed to finish.
        decision = context.wait(f"waits for the replaced Job {jobs.name_of(job)} to be gone", active=True)
        return replace(decision, delete=(jobs.deletion(job),))
    suspend = context.inputs.spec.suspend
    apply = () if jobs.is_suspended(job) == suspend else (jobs.with_suspension(job, suspend=suspend),)
    return replace(_observe_pods(context, job), active=True, apply=apply)


def _observe_pods(context: _TaskContext, job: Manifest) -> TaskDecision:
    if context.inputs.spec.suspend:
        return context.decide(
            job, TaskState.SUSPENDED, message="suspended; its checkpoints are used when it is resumed"
        )
    pods = owned_by(context.inputs.snapshot.pods, jobs.name_of(job))
    kept = next((pod for pod in pods if kept_running_by(pod, CONTAINER)), None)
    if kept is not None:
        message = _explain_kept(kept)
        return context.decide(job, TaskState.RUNNING, reason=WorkflowReason.POD_KEPT_RUNNING, message=message)
    # Between a pod's good end and its Job's, the work is done and only the Job does not say so yet.
    if any(phase(pod) in {"Running", "Succeeded"} for pod in pods):
        nodes = context.inputs.snapshot.nodes
        lost = next((text for pod in pods if (text := lost_node(pod, nodes)) is not None), "")
        return context.decide(job, TaskState.RUNNING, message=lost)
    pending = [pod for pod in pods if phase(pod) == "Pending"]
    if not pending:
        return _observe_missing_pod(context, job, pods)
    cause = next((found for pod in pending if (found := waiting(pod)) is not None), None)
    if cause is None:
        return context.decide(job, TaskState.PENDING)
    return context.decide(job, TaskState.PENDING, reason=cause.reason, message=cause.message)


def _explain_kept(pod: Manifest) -> str:
    ended, failure = termination(pod, CONTAINER), explain_pod(pod)
    code = "" if ended is None else f" with exit code {ended.exit_code}"
    why = "" if failure is None else f" ({failure.reason}, {failure.message})"
    names = " and ".join(kept_running_by(pod, CONTAINER))
    return (
        f"its container has ended{code}{why}, and {names} keeps the pod running, so that Kubernetes does not repeat it;"
        f" have {names} end with it, as a native sidecar does or one that `spec.podTemplate.sidecarQuitUrl` names, or"
        " keep it out by the label or annotation of whoever injects it in `spec.podTemplate.metadata`: then the Job is"
        " made anew"
    )


def _observe_missing_pod(context: _TaskContext, job: Manifest, pods: Sequence[Manifest]) -> TaskDecision:
    failure = next((found for pod in pods if (found := explain_pod(pod)) is not None), None)
    if failure is not None:
        message = f"a pod failed and is retried: {failure.reason}, {failure.message}"
        return context.decide(job, TaskState.PENDING, message=message)
    decision, began = context.decide(job, TaskState.PENDING), jobs.start_time(job)
    if (
        began is not None
        and not decision.entry.attempts
        and context.inputs.now - parse_timestamp(began) >= POD_EXPECTED
    ):
        command = f"kubectl describe -n {context.inputs.owner.namespace} job {jobs.name_of(job)}"
        message = f"Kubernetes created no pod for it {_guess_refusal(context.task.pod)}. What refuses it: {command}"
        decision = context.decide(job, TaskState.PENDING, reason=WorkflowReason.POD_NOT_CREATED, message=message)
    return replace(decision, poll=True)


def _guess_refusal(pod: TaskPod) -> str:
    """Return what may refuse a pod, and the fields to set; only the Job's events say it, and they are not read."""
    settings = pod.template and pod.template.spec
    named = {} if settings is None else {kind: getattr(settings, field) for kind, field in _HAVE_TO_EXIST.items()}
    *causes, last = "a quota", "a policy", *(f"no {kind} {name}" for kind, name in named.items() if name is not None)
    open_limits = [f"`spec.resources.limits.{name}`" for name in ("cpu", "memory") if name not in pod.limits]
    advice = f"; where a quota demands limits, set {' and '.join(open_limits)}" if open_limits else ""
    return f"({', '.join(causes)} or {last}?){advice}"


def result_of(job: Manifest, snapshot: WorkflowSnapshot) -> TaskResult | None:
    """Return the answer in the termination message of a Job's pods, or None where none is left.

    An answer to other work than the Job's counts as none: another image than ours may say anything.
    """
    for pod in owned_by(snapshot.pods, jobs.name_of(job)):
        ended = termination(pod, CONTAINER)
        result = None if ended is None or ended.exit_code != 0 else read_as(TaskResult, ended.message)
        if result is not None and result.content_hash == jobs.content_hash_of(job):
            return result
    return None


def _strip_result(result: TaskResult) -> str:
    """Return the result as the status keeps it: without the training curve, which is in the store."""
    if result.train is not None:
        result = result.model_copy(update={"train": result.train.model_copy(update={"curve": ()})})
    return result.shortened().to_json()


def needed_jobs(decisions: Sequence[TaskDecision]) -> set[str]:
    """Return the names of the Jobs that these tasks use."""
    return {decision.entry.job_name for decision in decisions if decision.entry.job_name is not None}


def refresh_task(entry: TaskStatus, snapshot: WorkflowSnapshot) -> TaskStatus:
    """Return a task of an earlier generation as its Job stands now; what it answered is kept for whoever needs it."""
    job = next((job for job in snapshot.jobs if jobs.name_of(job) == entry.job_name), None)
    if job is None or entry.state in {TaskState.SUCCEEDED, TaskState.FAILED}:
        return entry
    update: dict[str, object] = {"completion_time": jobs.end_time(job)}
    if jobs.is_failed(job):
        failure = explain_failure(job, owned_by(snapshot.pods, jobs.name_of(job)))
        update |= {"state": TaskState.FAILED, "reason": failure.reason, "message": shorten(failure.message)}
    elif jobs.is_complete(job):
        result = result_of(job, snapshot)
        kept = None if result is None else _strip_result(result)
        update |= {"state": TaskState.SUCCEEDED, "reason": None, "message": "", "result": kept}
    else:
        return entry
    return entry.model_copy(update=update)
