"""What to do for a TrainingWorkflow: the whole status, the children, and when to look again.

Each generation of the spec is worked off from a frozen basis. An edit that changes no task takes effect at once; any
other one waits until running tasks that it does not need have ended. A generation that has ended decides nothing
again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from idla.api.meta import API_VERSION
from idla.api.reasons import WorkflowReason
from idla.api.training_workflow import KIND
from idla.api.training_workflow_status import BasisStatus, TrainingWorkflowStatus
from idla.builders.claim import build_artifact_claim
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.kube import jobs
from idla.core.kube.references import artifact_claim
from idla.core.planning.requirements import SpecError, claim_mebibytes, read_spec, spec_digest
from idla.core.reconciliation import Deletion, Manifest, Reconciliation
from idla.core.settings import Settings
from idla.core.situation import Situation, owner_of, read_status
from idla.core.snapshot import WorkflowSnapshot
from idla.core.task_state import TaskState
from idla.core.workflow.events import events_between
from idla.core.workflow.generation import Facts, find_facts, seconds_to_deadline
from idla.core.workflow.model_deployment import wanted_deployment
from idla.core.workflow.status import queued_status, refused_status, status_of
from idla.core.workflow.tasks import needed_jobs, observed_again
from idla.core.workflow.training_progress import due


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
        spec = read_spec(workflow)
    except SpecError as error:
        new = refused_status(old, str(error), generation=generation, now=now)
        return _written(old, new, Reconciliation())
    situation = Situation(
        workflow=workflow,
        owner=owner_of(workflow),
        generation=generation,
        spec=spec,
        old=old,
        snapshot=snapshot,
        now=now,
        settings=settings,
    )
    if old.completion_time is not None and old.observed_generation == generation and not _refused(old):
        return _at_rest(situation, parse_timestamp(old.completion_time))
    return _next_step(situation)


def _next_step(situation: Situation) -> Reconciliation:
    remembered, basis = _take_up(situation)
    facts = find_facts(situation, remembered, basis)
    others = _Leftovers.of(situation, facts)
    if basis != situation.old.basis and others.running:
        return _queue(situation, others)
    new = status_of(facts)
    claim = () if facts.obstacle is not None and not facts.active else _claim(situation)
    children = (*claim, *(manifest for view in facts.tasks for manifest in view.apply))
    deletions = [deletion for view in facts.tasks for deletion in view.delete] + list(others.stoppable)
    if facts.endpoint is not None:
        children += facts.endpoint.apply
    if facts.ended or (facts.plan is not None and all(view.entry.job_name for view in facts.tasks)):
        deletions += others.ended
    if _deadline_passed(facts):
        deletions += [jobs.deletion(job) for job in situation.snapshot.jobs if _stoppable(job)]
    carried = Reconciliation(
        apply=children, delete=tuple(dict.fromkeys(deletions)), requeue_after=_next_look(facts, new)
    )
    return _written(situation.old, new, carried, period=situation.settings.progress_period_seconds, now=situation.now)


def _take_up(situation: Situation) -> tuple[TrainingWorkflowStatus, BasisStatus]:
    """Return what was decided for this generation before, and the basis that its tasks rest on.

    A generation with the tasks of the one before goes on where that one stands, also after it had ended. Any other
    one begins with a basis of its own; results that it shares are kept by the hash of their content.
    """
    old, digest, now = situation.old, spec_digest(situation.spec), timestamp(situation.now)
    if old.basis is not None and old.basis.spec_digest == digest:
        image = old.basis.image if _begun(situation) else situation.settings.trainer_image
        basis = old.basis.model_copy(update={"image": image})
        return old.model_copy(update={"start_time": old.start_time or now}), basis
    reused = {"cached": True, "attempts": 0, "message": "the result of an earlier generation is used"}
    fresh = TrainingWorkflowStatus(
        conditions=old.conditions,
        tasks=tuple(
            entry.model_copy(update=reused)
            for entry in old.tasks
            if entry.state == TaskState.SUCCEEDED and entry.result is not None
        ),
        start_time=now,
    )
    return fresh, BasisStatus(image=situation.settings.trainer_image, spec_digest=digest)


def _begun(situation: Situation) -> bool:
    """Return whether a pod has run for the workflow: before that, an image that is not to be had holds nothing up."""
    ended = any(entry.state in {TaskState.SUCCEEDED, TaskState.FAILED} for entry in situation.old.tasks)
    ran = any(jobs.finished(job) or jobs.started(job, situation.snapshot) for job in situation.snapshot.jobs)
    return situation.old.plan is not None or ended or ran


def _refused(old: TrainingWorkflowStatus) -> bool:
    return any(entry.reason == WorkflowReason.INVALID_SPEC for entry in old.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leftovers:
    """Jobs of the workflow that this generation does not use."""

    ended: tuple[Deletion, ...]
    """Those that ended, but for earlier attempts of what is still at work: they tell how often it was tried."""
    stoppable: tuple[Deletion, ...]
    """Those whose stop costs no work: held back, or without a pod that ever ran."""
    running: tuple[Manifest, ...]

    @classmethod
    def of(cls, situation: Situation, facts: Facts) -> "_Leftovers":
        used = needed_jobs(facts.tasks)
        undecided = {view.entry.content_hash for view in facts.tasks if not view.ended}
        given_up = {deletion.name for view in facts.tasks for deletion in view.delete}
        others = [
            job
            for job in situation.snapshot.jobs
            if jobs.name_of(job) not in used | given_up and not jobs.is_going(job)
        ]
        unfinished = [job for job in others if not jobs.finished(job)]
        running = [job for job in unfinished if jobs.started(job, situation.snapshot) and not jobs.held_back(job)]
        return cls(
            ended=tuple(
                jobs.deletion(job)
                for job in others
                if jobs.finished(job) and jobs.content_hash_of(job) not in undecided
            ),
            stoppable=tuple(jobs.deletion(job) for job in unfinished if job not in running),
            running=tuple(running),
        )


def _queue(situation: Situation, others: _Leftovers) -> Reconciliation:
    """Let running tasks of the old generation finish; none of its other tasks starts."""
    spec, old = situation.spec, situation.old
    tasks = [observed_again(entry, situation.snapshot) for entry in old.tasks]
    names = [jobs.task_label(job) or jobs.name_of(job) for job in others.running]
    new = queued_status(situation, sorted(names), tasks)
    stop, apply, look = list(others.stoppable), [], None
    if spec.suspend:
        apply = [jobs.with_suspension(job, suspend=True) for job in others.running]
    elif spec.active_deadline_seconds is not None and old.start_time is not None:
        ends = parse_timestamp(old.start_time) + timedelta(seconds=spec.active_deadline_seconds)
        look = max(0.0, (ends - situation.now).total_seconds())
        if look == 0:
            stop += [jobs.deletion(job) for job in others.running]
            look = None
    return _written(old, new, Reconciliation(apply=tuple(apply), delete=tuple(stop), requeue_after=look))


def _at_rest(situation: Situation, ended: datetime) -> Reconciliation:
    """Decide nothing again: keep the endpoint, clear away old Jobs, expire."""
    ttl = situation.spec.ttl_seconds_after_finished
    left = None if ttl is None else (ended + timedelta(seconds=ttl) - situation.now).total_seconds()
    if left is not None and left <= 0:
        owner = situation.owner
        return Reconciliation(delete=(Deletion(api_version=API_VERSION, kind=KIND, name=owner.name, uid=owner.uid),))
    used = {entry.job_name for entry in situation.old.tasks}
    cleared = [
        jobs.deletion(job)
        for job in situation.snapshot.jobs
        if jobs.name_of(job) not in used and not jobs.is_going(job)
    ]
    missing = situation.old.artifact is not None and situation.snapshot.deployment is None
    desired = wanted_deployment(situation) if missing else None
    return Reconciliation(apply=() if desired is None else (desired,), delete=tuple(cleared), requeue_after=left)


def _claim(situation: Situation) -> tuple[Manifest, ...]:
    name, outputs = artifact_claim(situation.workflow), situation.spec.outputs
    if situation.snapshot.claims.get(name) is not None or (outputs is not None and outputs.storage_uri is not None):
        return ()
    storage_class = None if outputs is None else outputs.storage_class_name
    size = claim_mebibytes(situation.spec)
    return (build_artifact_claim(situation.owner, name, mebibytes=size, storage_class=storage_class),)


def _deadline_passed(facts: Facts) -> bool:
    return facts.obstacle is not None and facts.obstacle.reason is WorkflowReason.DEADLINE_EXCEEDED and facts.ended


def _stoppable(job: Manifest) -> bool:
    return not jobs.finished(job) and not jobs.is_going(job)


def _next_look(facts: Facts, new: TrainingWorkflowStatus) -> float | None:
    looks: list[float] = []
    if any(view.look_again or view.state is TaskState.RUNNING for view in facts.tasks) and not facts.ended:
        looks.append(facts.situation.settings.progress_period_seconds)
    deadline = seconds_to_deadline(facts)
    if deadline is not None:
        looks.append(max(0.0, deadline))
    ttl = facts.situation.spec.ttl_seconds_after_finished
    if ttl is not None and new.completion_time is not None:
        ends = parse_timestamp(new.completion_time) + timedelta(seconds=ttl)
        looks.append(max(0.0, (ends - facts.situation.now).total_seconds()))
    return min(looks, default=None)


def _written(
    old: TrainingWorkflowStatus,
    new: TrainingWorkflowStatus,
    carried: Reconciliation,
    *,
    period: float = 0.0,
    now: datetime | None = None,
) -> Reconciliation:
    """Return the turn with its status and events, where the status changed; progress alone is written seldom."""
    if new == old:
        return carried
    wait = 0.0
    if now is not None and new.model_copy(update={"progress": old.progress}) == old:
        wait = due(old.progress, now, period)
    if wait > 0:
        look = wait if carried.requeue_after is None else min(wait, carried.requeue_after)
        return Reconciliation(apply=carried.apply, delete=carried.delete, requeue_after=look)
    return Reconciliation(
        apply=carried.apply,
        delete=carried.delete,
        status=new.to_status(),
        events=events_between(old, new),
        requeue_after=carried.requeue_after,
    )
