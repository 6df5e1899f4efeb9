"""What to do for a TrainingWorkflow: the whole status, the children, and when to reconcile again.

Each generation of the spec is worked off from a frozen basis. An edit that changes no task takes effect at once; any
other one waits until running tasks that it does not need have ended. A generation that has ended decides nothing
again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from idla.api.meta import API_VERSION
from idla.api.reasons import WorkflowReason
from idla.api.training_workflow import KIND
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.builders.claim import build_artifact_claim
from idla.core.conditions import parse_timestamp
from idla.core.kube import jobs
from idla.core.objects import SpecError, owner_of, read_spec, read_status
from idla.core.planning.requirements import resolve_requirements
from idla.core.reconciliation import Deletion, Manifest, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import WorkflowSnapshot
from idla.core.task_state import TaskState
from idla.core.workflow.deadline import seconds_to_deadline
from idla.core.workflow.events import events_between
from idla.core.workflow.generation import observe_generation
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.model_deployment import build_desired_deployment
from idla.core.workflow.stages import Planned, Published
from idla.core.workflow.start import start_generation
from idla.core.workflow.status import build_status, queued_status, refused_status
from idla.core.workflow.tasks import needed_jobs, refresh_task
from idla.core.workflow.training_progress import throttle_progress


def reconcile_workflow(
    workflow: Manifest, snapshot: WorkflowSnapshot, *, now: datetime, settings: Settings
) -> Reconciliation:
    """Return the next step of a TrainingWorkflow; the same world gives the same answer.

    Args:
        workflow: the live object with its status.
        snapshot: its world.
        now: the time, aware.
        settings: the operator's configuration.
    """
    if "deletionTimestamp" in workflow["metadata"]:
        return Reconciliation()
    old, generation = read_status(workflow), int(workflow["metadata"].get("generation", 0))
    try:
        requirements = resolve_requirements(read_spec(workflow), workflow["metadata"]["name"])
    except SpecError as error:
        new = refused_status(old, str(error), generation=generation, now=now)
        return _with_status(old, new, Reconciliation())
    inputs = ReconcileInput(
        workflow=workflow,
        owner=owner_of(workflow),
        generation=generation,
        requirements=requirements,
        old=old,
        snapshot=snapshot,
        now=now,
        settings=settings,
    )
    if old.completion_time is not None and old.observed_generation == generation and not _was_refused(old):
        return _reconcile_finished(inputs, parse_timestamp(old.completion_time))
    return _next_step(inputs)


def _next_step(inputs: ReconcileInput) -> Reconciliation:
    generation = start_generation(inputs)
    state = observe_generation(inputs, generation)
    orphaned = _OrphanedJobs.of(inputs, state)
    if generation.basis != inputs.old.basis and orphaned.running:
        return _queue(inputs, orphaned)
    new = build_status(state)
    claim = () if state.blocker is not None and not state.active else _build_claim(inputs)
    children = (*claim, *(manifest for decision in state.tasks for manifest in decision.apply))
    deletions = [deletion for decision in state.tasks for deletion in decision.delete] + list(orphaned.stoppable)
    if isinstance(state.stage, Published) and state.stage.endpoint is not None:
        children += state.stage.endpoint.apply
    if state.finished or (isinstance(state.stage, Planned) and all(task.entry.job_name for task in state.tasks)):
        deletions += orphaned.finished
    if _has_deadline_passed(state):
        deletions += [jobs.deletion(job) for job in inputs.snapshot.jobs if _is_stoppable(job)]
    reconciliation = Reconciliation(
        apply=children, delete=tuple(dict.fromkeys(deletions)), requeue_after=_requeue_after(state, new)
    )
    return _with_status(inputs.old, new, reconciliation, period=inputs.settings.progress_period_seconds, now=inputs.now)


def _was_refused(old: TrainingWorkflowStatus) -> bool:
    return any(entry.reason == WorkflowReason.INVALID_SPEC for entry in old.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OrphanedJobs:
    """Jobs of the workflow that this generation does not use."""

    finished: tuple[Deletion, ...]
    """Those that ended, but for earlier attempts of what is not finished: they say how often it was tried."""
    stoppable: tuple[Deletion, ...]
    """Those whose stop costs no work: suspended, without a pod that ever ran, or with one that a sidecar keeps."""
    running: tuple[Manifest, ...]

    @classmethod
    def of(cls, inputs: ReconcileInput, state: GenerationState) -> "_OrphanedJobs":
        used = needed_jobs(state.tasks)
        undecided = {decision.entry.content_hash for decision in state.tasks if not decision.finished}
        given_up = {deletion.name for decision in state.tasks for deletion in decision.delete}
        orphaned = [
            job
            for job in inputs.snapshot.jobs
            if jobs.name_of(job) not in used | given_up and not jobs.is_terminating(job)
        ]
        unfinished = [job for job in orphaned if not jobs.is_finished(job)]
        running = [job for job in unfinished if _is_working(job, inputs.snapshot)]
        return cls(
            finished=tuple(
                jobs.deletion(job)
                for job in orphaned
                if jobs.is_finished(job) and jobs.content_hash_of(job) not in undecided
            ),
            stoppable=tuple(jobs.deletion(job) for job in unfinished if job not in running),
            running=tuple(running),
        )


def _is_working(job: Manifest, snapshot: WorkflowSnapshot) -> bool:
    """Return whether the stop of an unfinished Job would cost work."""
    return jobs.started(job, snapshot) and not jobs.is_suspended(job) and not jobs.is_kept_running(job, snapshot)


def _queue(inputs: ReconcileInput, orphaned: _OrphanedJobs) -> Reconciliation:
    """Let running tasks of the old generation finish; none of its other tasks starts."""
    spec, old = inputs.spec, inputs.old
    tasks = [refresh_task(entry, inputs.snapshot) for entry in old.tasks]
    names = [jobs.task_label(job) or jobs.name_of(job) for job in orphaned.running]
    new = queued_status(inputs, sorted(names), tasks)
    stop, apply, requeue_after = list(orphaned.stoppable), [], None
    if spec.suspend:
        apply = [jobs.with_suspension(job, suspend=True) for job in orphaned.running]
    elif spec.active_deadline_seconds is not None and old.start_time is not None:
        ends = parse_timestamp(old.start_time) + timedelta(seconds=spec.active_deadline_seconds)
        requeue_after = max(0.0, (ends - inputs.now).total_seconds())
        if requeue_after == 0:
            stop += [jobs.deletion(job) for job in orphaned.running]
            requeue_after = None
    return _with_status(old, new, Reconciliation(apply=tuple(apply), delete=tuple(stop), requeue_after=requeue_after))


def _reconcile_finished(inputs: ReconcileInput, finished_at: datetime) -> Reconciliation:
    """Decide nothing again: keep the endpoint, clear away old Jobs, expire."""
    ttl = inputs.spec.ttl_seconds_after_finished
    left = None if ttl is None else (finished_at + timedelta(seconds=ttl) - inputs.now).total_seconds()
    if left is not None and left <= 0:
        owner = inputs.owner
        return Reconciliation(delete=(Deletion(api_version=API_VERSION, kind=KIND, name=owner.name, uid=owner.uid),))
    used = {entry.job_name for entry in inputs.old.tasks}
    cleared = [
        jobs.deletion(job)
        for job in inputs.snapshot.jobs
        if (jobs.name_of(job) not in used or jobs.is_kept_running(job, inputs.snapshot))
        and not jobs.is_terminating(job)
    ]
    missing = inputs.old.artifact is not None and inputs.snapshot.deployment is None
    desired = build_desired_deployment(inputs) if missing else None
    return Reconciliation(apply=() if desired is None else (desired,), delete=tuple(cleared), requeue_after=left)


def _build_claim(inputs: ReconcileInput) -> tuple[Manifest, ...]:
    name, size = inputs.requirements.artifact_claim, inputs.requirements.artifact_mebibytes
    if size is None or inputs.snapshot.claims.get(name) is not None:
        return ()
    outputs = inputs.spec.outputs
    storage_class = None if outputs is None else outputs.storage_class_name
    return (build_artifact_claim(inputs.owner, name, mebibytes=size, storage_class=storage_class),)


def _has_deadline_passed(state: GenerationState) -> bool:
    return state.blocker is not None and state.blocker.reason is WorkflowReason.DEADLINE_EXCEEDED and state.finished


def _is_stoppable(job: Manifest) -> bool:
    return not jobs.is_finished(job) and not jobs.is_terminating(job)


def _requeue_after(state: GenerationState, new: TrainingWorkflowStatus) -> float | None:
    times: list[float] = []
    if any(decision.poll or decision.state is TaskState.RUNNING for decision in state.tasks) and not state.finished:
        times.append(state.inputs.settings.progress_period_seconds)
    deadline = seconds_to_deadline(state)
    if deadline is not None:
        times.append(max(0.0, deadline))
    ttl = state.inputs.spec.ttl_seconds_after_finished
    if ttl is not None and new.completion_time is not None:
        ends = parse_timestamp(new.completion_time) + timedelta(seconds=ttl)
        times.append(max(0.0, (ends - state.inputs.now).total_seconds()))
    return min(times, default=None)


def _with_status(
    old: TrainingWorkflowStatus,
    new: TrainingWorkflowStatus,
    reconciliation: Reconciliation,
    *,
    period: float = 0.0,
    now: datetime | None = None,
) -> Reconciliation:
    """Add status and events to a reconciliation, where the status changed; progress alone is written seldom."""
    if new == old:
        return reconciliation
    wait = 0.0
    if now is not None and new.model_copy(update={"progress": old.progress}) == old:
        wait = throttle_progress(old.progress, now, period)
    if wait > 0:
        requeue_after = wait if reconciliation.requeue_after is None else min(wait, reconciliation.requeue_after)
        return replace(reconciliation, requeue_after=requeue_after)
    return replace(reconciliation, status=new.to_status(), events=events_between(old, new))
