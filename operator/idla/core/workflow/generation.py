"""Where a generation of a workflow stands: its plan, its tasks, and what holds it up. Nothing is worded here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from idla_contract.result import DataProfile

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow import APPROVED_PLAN, Approval
from idla.api.training_workflow_status import BasisStatus, PlanStatus, TaskStatus, TrainingWorkflowStatus
from idla.core.cluster.capacity import find_impossible_pod, find_missing_claim
from idla.core.conditions import parse_timestamp, shortened
from idla.core.inputs import Blocker, ReconcileInput
from idla.core.planning.candidates import Choice, nominate_candidates
from idla.core.planning.plan import (
    PROFILE,
    PUBLISH,
    SEARCH,
    make_plan,
)
from idla.core.planning.requirements import quality_threshold
from idla.core.task_state import TaskState
from idla.core.workflow.failures import known_reason, publish_failure, trainings_failure
from idla.core.workflow.model_deployment import Endpoint, endpoint, find_name_conflict
from idla.core.workflow.planned_tasks import (
    define_profile_task,
    define_publish_task,
    define_search_task,
    define_training_task,
)
from idla.core.workflow.results import artifact_status
from idla.core.workflow.search_selection import select_trial
from idla.core.workflow.selection import Selected, figures, select_candidate
from idla.core.workflow.tasks import JobContext, TaskDecision, pending_task, reconcile_task


class ApprovalState(StrEnum):
    """Whether the plan may run."""

    NOT_NEEDED = "NotNeeded"
    PLAN_ONLY = "PlanOnly"
    WAITING = "Waiting"
    STALE = "Stale"
    APPROVED = "Approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationState:
    """Where a generation stands in this reconciliation."""

    inputs: ReconcileInput
    previous: TrainingWorkflowStatus
    """What was decided before for this generation."""
    basis: BasisStatus
    blocker: Blocker | None = None
    profile: TaskDecision
    choice: Choice | None = None
    """The candidates, where they were chosen in this reconciliation."""
    plan: PlanStatus | None = None
    approval: ApprovalState = ApprovalState.NOT_NEEDED
    trainings: Mapping[str, TaskDecision]
    """By template, in the order of the plan; of a search its one task."""
    selected: Selected | None = None
    publish: TaskDecision | None = None
    endpoint: Endpoint | None = None

    @property
    def tasks(self) -> tuple[TaskDecision, ...]:
        """Return every task that is known, in the order of the plan."""
        publish = () if self.publish is None else (self.publish,)
        return (self.profile, *self.trainings.values(), *publish)

    @property
    def active(self) -> tuple[TaskDecision, ...]:
        """Return the tasks that have a Job at work."""
        return tuple(decision for decision in self.tasks if decision.active)

    @property
    def paused(self) -> bool:
        """Return whether nothing goes on until a person or the cluster mends it; that costs no deadline."""
        unapproved = self.approval in {ApprovalState.WAITING, ApprovalState.STALE} and not self.active
        return self.inputs.spec.suspend or unapproved or self.blocker is not None

    @property
    def started(self) -> datetime:
        """Return when the generation began, moved by the time in which it was paused."""
        assert self.previous.start_time is not None  # set when the generation was started
        began, old = parse_timestamp(self.previous.start_time), self.inputs.old
        since = _paused_since(old) if self.basis == old.basis else None
        if since is None or self.paused or self.finished:
            return began
        return began + max(timedelta(0), self.inputs.now - since)

    @property
    def data(self) -> DataProfile | None:
        """Return the profile of the data, once it is known."""
        return None if self.profile.result is None else self.profile.result.profile

    @property
    def published(self) -> bool:
        """Return whether this generation's artifact is published."""
        return self.publish is not None and self.publish.state is TaskState.SUCCEEDED

    @property
    def plan_shown(self) -> bool:
        """Return whether the plan is all that was asked for, and is made."""
        asked = self.approval is ApprovalState.PLAN_ONLY and self.plan is not None
        return asked and not self.published and not self.active

    @property
    def served(self) -> bool:
        """Return whether the artifact is published and, where that is wanted, served."""
        return self.published and (self.endpoint is None or self.endpoint.ready)

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to do for this generation."""
        if self.blocker is not None:
            return self.blocker.final
        return self.plan_shown or self.served

    @property
    def suspended(self) -> bool:
        """Return whether work is held back."""
        return self.inputs.spec.suspend and not self.finished


def observe_generation(inputs: ReconcileInput, previous: TrainingWorkflowStatus, basis: BasisStatus) -> GenerationState:
    """Return where the generation stands, with what is to be done about its tasks."""
    state = _with_profile(inputs, previous, basis)
    state = _with_plan(state)
    if state.plan is not None:
        state = _with_publication(_with_trainings(state, state.plan), state.plan)
    if state.published and state.blocker is None:
        state = _with_endpoint(state)
    return _with_deadline(_with_refusal(state))


def _with_profile(inputs: ReconcileInput, previous: TrainingWorkflowStatus, basis: BasisStatus) -> GenerationState:
    task, entry = define_profile_task(inputs, basis), _entry(previous, PROFILE)
    blocker = None
    if previous.plan is None:
        found = nominate_candidates(inputs.spec, inputs.snapshot.templates, None)
        refused = found if isinstance(found, Blocker) else None
        blocker = refused or find_missing_claim(inputs) or find_impossible_pod(inputs) or find_name_conflict(inputs)
    blocked_by = None if blocker is None else blocker.message
    decision = reconcile_task(task, entry, inputs.snapshot, _job_context(inputs), blocked_by=blocked_by)
    if decision.state is TaskState.FAILED:
        blocker = Blocker(
            condition=WorkflowCondition.DATA_READY,
            reason=known_reason(decision.entry.reason),
            message=decision.entry.message,
            final=True,
        )
    return GenerationState(
        inputs=inputs, previous=previous, basis=basis, blocker=blocker, profile=decision, trainings={}
    )


def _with_plan(state: GenerationState) -> GenerationState:
    if state.blocker is not None:
        return state
    plan, choice = state.previous.plan, None
    if plan is None:
        if state.profile.state is not TaskState.SUCCEEDED:
            return state
        spec, templates = state.inputs.spec, state.inputs.snapshot.templates
        found = nominate_candidates(spec, templates, state.data)
        if isinstance(found, Blocker):
            return replace(state, blocker=found)
        plan, choice = (
            make_plan(spec, found, state.basis, data_digest=None if state.data is None else state.data.digest),
            found,
        )
    return replace(state, plan=plan, choice=choice, approval=read_approval(state.inputs, state.previous, plan))


def read_approval(inputs: ReconcileInput, previous: TrainingWorkflowStatus, plan: PlanStatus) -> ApprovalState:
    """Return whether a plan may run; what was approved once stays approved while the plan is the same."""
    asked = inputs.spec.approval or Approval.AUTO
    if asked is Approval.AUTO:
        return ApprovalState.NOT_NEEDED
    if asked is Approval.PLAN_ONLY:
        return ApprovalState.PLAN_ONLY
    named = (inputs.workflow["metadata"].get("annotations") or {}).get(APPROVED_PLAN)
    if named == plan.hash or _was_approved(previous):
        return ApprovalState.APPROVED
    return ApprovalState.STALE if named else ApprovalState.WAITING


def _was_approved(previous: TrainingWorkflowStatus) -> bool:
    if previous.plan is None:  # the condition speaks of an earlier generation's plan
        return False
    return any(entry.type == WorkflowCondition.APPROVED and entry.status == "True" for entry in previous.conditions)


def _blocked_by(state: GenerationState) -> str | None:
    holds = {
        ApprovalState.PLAN_ONLY: "`spec.approval` is PlanOnly: nothing is trained",
        ApprovalState.WAITING: "the plan waits for approval",
        ApprovalState.STALE: "the plan waits for approval",
    }
    return holds.get(state.approval)


def _with_trainings(state: GenerationState, plan: PlanStatus) -> GenerationState:
    inputs, previous = state.inputs, state.previous
    job_context, blocked_by = _job_context(inputs), _blocked_by(state)
    tasks = (
        {candidate.template: define_training_task(inputs, plan, candidate) for candidate in plan.candidates}
        if plan.search is None
        else {SEARCH: define_search_task(inputs, plan, plan.search)}
    )
    decisions = {
        name: reconcile_task(task, _entry(previous, task.name), inputs.snapshot, job_context, blocked_by=blocked_by)
        for name, task in tasks.items()
    }
    state = replace(state, trainings=decisions)
    if not all(decision.finished for decision in decisions.values()):
        return state
    wanted = quality_threshold(inputs.spec)
    selected = (
        select_candidate(plan.candidates, decisions, wanted)
        if plan.search is None
        else select_trial(plan, plan.search, decisions[SEARCH], wanted)
    )
    if selected is None:
        return replace(state, blocker=trainings_failure(decisions))
    if wanted is not None and not selected.reaches_minimum:
        relax = (
            "Lower `spec.objectives[0].minimum`" if wanted.metric.maximized else "Raise `spec.objectives[0].maximum`"
        )
        best = f"the best candidate, {selected.candidate.template}, has {figures(selected.report)}"
        message = (
            f"{best}; {wanted.bound} {wanted.minimum} is asked for. {relax}, add data, or offer"
            " other templates or more epochs"
        )
        blocker = Blocker(
            condition=WorkflowCondition.TRAINED, reason=WorkflowReason.MINIMUM_MISSED, message=message, final=True
        )
        return replace(state, selected=selected, blocker=blocker)
    return replace(state, selected=selected)


def _with_publication(state: GenerationState, plan: PlanStatus) -> GenerationState:
    if state.selected is None or state.blocker is not None:
        finished = state.blocker is not None
        message = "it will not run: nothing can be published" if finished else "waits for the trainings"
        return replace(state, publish=pending_task(PUBLISH, message))
    inputs, previous = state.inputs, state.previous
    task = define_publish_task(inputs, plan, state.selected)
    job_context = _job_context(inputs)
    decision = reconcile_task(
        task, _entry(previous, PUBLISH), inputs.snapshot, job_context, blocked_by=_blocked_by(state)
    )
    if decision.state is TaskState.SUCCEEDED and (decision.result is None or decision.result.artifact is None):
        message = "the task ended well and named no artifact"
        changes = {"state": TaskState.FAILED, "reason": WorkflowReason.RESULT_MISSING, "message": message}
        decision = TaskDecision(entry=decision.entry.model_copy(update=changes))
    blocker = publish_failure(decision) if decision.state is TaskState.FAILED else None
    return replace(state, publish=decision, blocker=blocker)


def _with_endpoint(state: GenerationState) -> GenerationState:
    assert state.selected is not None  # published, so selected
    assert state.publish is not None
    assert state.publish.result is not None
    artifact = artifact_status(
        state.selected,
        state.publish.result,
        generation=state.inputs.generation,
        old=state.inputs.old.artifact,
    )
    found = None if artifact is None else endpoint(state.inputs, artifact)
    if found is None:
        return state
    return replace(state, endpoint=found, blocker=found.blocker)


def _with_refusal(state: GenerationState) -> GenerationState:
    refusal = state.inputs.snapshot.refusal
    if refusal is None or state.blocker is not None:
        return state
    blocker = Blocker(
        condition=WorkflowCondition.RESOURCES_READY,
        reason=WorkflowReason.APPLY_REFUSED,
        message=shortened(refusal),
        final=False,
    )
    return replace(state, blocker=blocker)


def _with_deadline(state: GenerationState) -> GenerationState:
    """Stop what runs once the deadline has passed; waiting for a person and holding back cost nothing of it."""
    left = seconds_to_deadline(state)
    if left is None or left > 0:
        return state
    seconds = state.inputs.spec.active_deadline_seconds
    blocker = Blocker(
        condition=WorkflowCondition.SUCCEEDED,
        reason=WorkflowReason.DEADLINE_EXCEEDED,
        message=f"the work was stopped {seconds} seconds after it began; raise `spec.activeDeadlineSeconds` to go on",
        final=True,
    )
    return replace(
        state,
        blocker=blocker,
        profile=_stopped(state.profile),
        trainings={name: _stopped(decision) for name, decision in state.trainings.items()},
        publish=None if state.publish is None else _stopped(state.publish),
    )


def seconds_to_deadline(state: GenerationState) -> float | None:
    """Return the seconds that are left, or None where nothing counts them down."""
    seconds = state.inputs.spec.active_deadline_seconds
    if seconds is None or state.paused or state.finished:
        return None
    return (state.started + timedelta(seconds=seconds) - state.inputs.now).total_seconds()


def _paused_since(old: TrainingWorkflowStatus) -> datetime | None:
    """Return since when nothing was worked on, as the last status tells it."""
    if old.completion_time is not None:
        return parse_timestamp(old.completion_time)
    found = {entry.type: entry for entry in old.conditions}
    summary = found.get(WorkflowCondition.SUCCEEDED)
    unapproved = summary is not None and summary.reason == WorkflowReason.WAITING_FOR_APPROVAL
    kinds = [
        WorkflowCondition.SUSPENDED,
        WorkflowCondition.STALLED,
        *([WorkflowCondition.APPROVED] if unapproved else []),
    ]
    moments = [parse_timestamp(found[kind].last_transition_time) for kind in kinds if kind in found]
    return min(moments, default=None)


def _stopped(decision: TaskDecision) -> TaskDecision:
    if decision.finished or decision.entry.job_name is None:
        return replace(decision, active=False, apply=(), delete=())
    entry = decision.entry.model_copy(
        update={"state": TaskState.PENDING, "reason": None, "message": "stopped by the deadline", "job_name": None}
    )
    return TaskDecision(entry=entry)


def _job_context(inputs: ReconcileInput) -> JobContext:
    return JobContext(
        owner=inputs.owner,
        suspend=inputs.spec.suspend,
        generation=inputs.generation,
        now=inputs.now,
    )


def _entry(status: TrainingWorkflowStatus, name: str) -> TaskStatus | None:
    return next((entry for entry in status.tasks if entry.name == name), None)
