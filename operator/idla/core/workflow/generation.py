"""Where a generation of a workflow stands: its plan, its tasks, and what holds it up. Nothing is worded here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from idla_contract.result import DataProfile

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow import APPROVED_PLAN, Approval
from idla.api.training_workflow_status import BasisStatus, PlanStatus, TaskStatus, TrainingWorkflowStatus
from idla.core.cluster.capacity import impossible_pod, missing_claim
from idla.core.conditions import parse_timestamp, shortened
from idla.core.planning.candidates import Choice, choose
from idla.core.planning.plan import (
    PROFILE,
    PUBLISH,
    SEARCH,
    make_plan,
)
from idla.core.planning.requirements import bar
from idla.core.situation import Obstacle, Situation
from idla.core.task_state import TaskState
from idla.core.workflow.failures import known_reason, publish_failure, trainings_failure
from idla.core.workflow.model_deployment import Endpoint, endpoint, taken_name
from idla.core.workflow.planned_tasks import profile_work, publish_work, search_work, training_work
from idla.core.workflow.results import artifact_status
from idla.core.workflow.search_selection import select_trial
from idla.core.workflow.selection import Selected, figures, select
from idla.core.workflow.tasks import Orders, TaskView, follow, unstarted


class ApprovalState(StrEnum):
    """Whether the plan may run."""

    NOT_NEEDED = "NotNeeded"
    PLAN_ONLY = "PlanOnly"
    WAITING = "Waiting"
    STALE = "Stale"
    APPROVED = "Approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Where a generation stands in this turn."""

    situation: Situation
    remembered: TrainingWorkflowStatus
    """What was decided before for this generation."""
    basis: BasisStatus
    obstacle: Obstacle | None = None
    profile: TaskView
    choice: Choice | None = None
    """The candidates, where they were chosen in this turn."""
    plan: PlanStatus | None = None
    approval: ApprovalState = ApprovalState.NOT_NEEDED
    trainings: Mapping[str, TaskView]
    """By template, in the order of the plan; of a search its one task."""
    selected: Selected | None = None
    publish: TaskView | None = None
    endpoint: Endpoint | None = None

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """Return every task that is known, in the order of the plan."""
        publish = () if self.publish is None else (self.publish,)
        return (self.profile, *self.trainings.values(), *publish)

    @property
    def active(self) -> tuple[TaskView, ...]:
        """Return the tasks that have a Job at work."""
        return tuple(view for view in self.tasks if view.active)

    @property
    def paused(self) -> bool:
        """Return whether nothing goes on until a person or the cluster mends it; that costs no deadline."""
        unapproved = self.approval in {ApprovalState.WAITING, ApprovalState.STALE} and not self.active
        return self.situation.spec.suspend or unapproved or self.obstacle is not None

    @property
    def started(self) -> datetime:
        """Return when the generation began, moved by the time in which it was paused."""
        assert self.remembered.start_time is not None  # set when the generation was taken up
        began, old = parse_timestamp(self.remembered.start_time), self.situation.old
        since = _paused_since(old) if self.basis == old.basis else None
        if since is None or self.paused or self.ended:
            return began
        return began + max(timedelta(0), self.situation.now - since)

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
    def ended(self) -> bool:
        """Return whether nothing is left to do for this generation."""
        if self.obstacle is not None:
            return self.obstacle.final
        return self.plan_shown or self.served

    @property
    def suspended(self) -> bool:
        """Return whether work is held back."""
        return self.situation.spec.suspend and not self.ended


def find_facts(situation: Situation, remembered: TrainingWorkflowStatus, basis: BasisStatus) -> Facts:
    """Return where the generation stands, with what is to be done about its tasks."""
    facts = _with_profile(situation, remembered, basis)
    facts = _with_plan(facts)
    if facts.plan is not None:
        facts = _with_publication(_with_trainings(facts, facts.plan), facts.plan)
    if facts.published and facts.obstacle is None:
        facts = _with_endpoint(facts)
    return _with_deadline(_with_refusal(facts))


def _with_profile(situation: Situation, remembered: TrainingWorkflowStatus, basis: BasisStatus) -> Facts:
    work, entry = profile_work(situation, basis), _entry(remembered, PROFILE)
    obstacle = None
    if remembered.plan is None:
        found = choose(situation.spec, situation.snapshot.templates, None)
        refused = found if isinstance(found, Obstacle) else None
        obstacle = refused or missing_claim(situation) or impossible_pod(situation) or taken_name(situation)
    hold = None if obstacle is None else obstacle.message
    view = follow(work, entry, situation.snapshot, _orders(situation), hold=hold)
    if view.state is TaskState.FAILED:
        obstacle = Obstacle(
            condition=WorkflowCondition.DATA_READY,
            reason=known_reason(view.entry.reason),
            message=view.entry.message,
            final=True,
        )
    return Facts(situation=situation, remembered=remembered, basis=basis, obstacle=obstacle, profile=view, trainings={})


def _with_plan(facts: Facts) -> Facts:
    if facts.obstacle is not None:
        return facts
    plan, choice = facts.remembered.plan, None
    if plan is None:
        if facts.profile.state is not TaskState.SUCCEEDED:
            return facts
        spec, templates = facts.situation.spec, facts.situation.snapshot.templates
        found = choose(spec, templates, facts.data)
        if isinstance(found, Obstacle):
            return replace(facts, obstacle=found)
        plan, choice = (
            make_plan(spec, found, facts.basis, data_digest=None if facts.data is None else facts.data.digest),
            found,
        )
    return replace(facts, plan=plan, choice=choice, approval=approval_of(facts.situation, facts.remembered, plan))


def approval_of(situation: Situation, remembered: TrainingWorkflowStatus, plan: PlanStatus) -> ApprovalState:
    """Return whether a plan may run; what was approved once stays approved while the plan is the same."""
    asked = situation.spec.approval or Approval.AUTO
    if asked is Approval.AUTO:
        return ApprovalState.NOT_NEEDED
    if asked is Approval.PLAN_ONLY:
        return ApprovalState.PLAN_ONLY
    named = (situation.workflow["metadata"].get("annotations") or {}).get(APPROVED_PLAN)
    if named == plan.hash or _was_approved(remembered):
        return ApprovalState.APPROVED
    return ApprovalState.STALE if named else ApprovalState.WAITING


def _was_approved(remembered: TrainingWorkflowStatus) -> bool:
    if remembered.plan is None:  # the condition speaks of an earlier generation's plan
        return False
    return any(entry.type == WorkflowCondition.APPROVED and entry.status == "True" for entry in remembered.conditions)


def _hold(facts: Facts) -> str | None:
    holds = {
        ApprovalState.PLAN_ONLY: "`spec.approval` is PlanOnly: nothing is trained",
        ApprovalState.WAITING: "the plan waits for approval",
        ApprovalState.STALE: "the plan waits for approval",
    }
    return holds.get(facts.approval)


def _with_trainings(facts: Facts, plan: PlanStatus) -> Facts:
    situation, remembered = facts.situation, facts.remembered
    orders, hold = _orders(situation), _hold(facts)
    works = (
        {candidate.template: training_work(situation, plan, candidate) for candidate in plan.candidates}
        if plan.search is None
        else {SEARCH: search_work(situation, plan, plan.search)}
    )
    views = {
        name: follow(work, _entry(remembered, work.name), situation.snapshot, orders, hold=hold)
        for name, work in works.items()
    }
    facts = replace(facts, trainings=views)
    if not all(view.ended for view in views.values()):
        return facts
    wanted = bar(situation.spec)
    selected = (
        select(plan.candidates, views, wanted)
        if plan.search is None
        else select_trial(plan, plan.search, views[SEARCH], wanted)
    )
    if selected is None:
        return replace(facts, obstacle=trainings_failure(views))
    if wanted is not None and not selected.reaches_minimum:
        relax = (
            "Lower `spec.objectives[0].minimum`" if wanted.metric.maximized else "Raise `spec.objectives[0].maximum`"
        )
        best = f"the best candidate, {selected.candidate.template}, has {figures(selected.report)}"
        message = (
            f"{best}; {wanted.bound} {wanted.least} is asked for. {relax}, add data, or offer"
            " other templates or more epochs"
        )
        obstacle = Obstacle(
            condition=WorkflowCondition.TRAINED, reason=WorkflowReason.MINIMUM_MISSED, message=message, final=True
        )
        return replace(facts, selected=selected, obstacle=obstacle)
    return replace(facts, selected=selected)


def _with_publication(facts: Facts, plan: PlanStatus) -> Facts:
    if facts.selected is None or facts.obstacle is not None:
        ended = facts.obstacle is not None
        message = "it will not run: nothing can be published" if ended else "waits for the trainings"
        return replace(facts, publish=unstarted(PUBLISH, message))
    situation, remembered = facts.situation, facts.remembered
    work = publish_work(situation, plan, facts.selected)
    orders = _orders(situation)
    view = follow(work, _entry(remembered, PUBLISH), situation.snapshot, orders, hold=_hold(facts))
    if view.state is TaskState.SUCCEEDED and (view.result is None or view.result.artifact is None):
        message = "the task ended well and named no artifact"
        changes = {"state": TaskState.FAILED, "reason": WorkflowReason.RESULT_MISSING, "message": message}
        view = TaskView(entry=view.entry.model_copy(update=changes))
    obstacle = publish_failure(view) if view.state is TaskState.FAILED else None
    return replace(facts, publish=view, obstacle=obstacle)


def _with_endpoint(facts: Facts) -> Facts:
    assert facts.selected is not None  # published, so selected
    assert facts.publish is not None
    assert facts.publish.result is not None
    artifact = artifact_status(
        facts.selected,
        facts.publish.result,
        generation=facts.situation.generation,
        old=facts.situation.old.artifact,
    )
    found = None if artifact is None else endpoint(facts.situation, artifact)
    if found is None:
        return facts
    return replace(facts, endpoint=found, obstacle=found.obstacle)


def _with_refusal(facts: Facts) -> Facts:
    refusal = facts.situation.snapshot.refusal
    if refusal is None or facts.obstacle is not None:
        return facts
    obstacle = Obstacle(
        condition=WorkflowCondition.RESOURCES_READY,
        reason=WorkflowReason.APPLY_REFUSED,
        message=shortened(refusal),
        final=False,
    )
    return replace(facts, obstacle=obstacle)


def _with_deadline(facts: Facts) -> Facts:
    """Stop what runs once the deadline has passed; waiting for a person and holding back cost nothing of it."""
    left = seconds_to_deadline(facts)
    if left is None or left > 0:
        return facts
    seconds = facts.situation.spec.active_deadline_seconds
    obstacle = Obstacle(
        condition=WorkflowCondition.SUCCEEDED,
        reason=WorkflowReason.DEADLINE_EXCEEDED,
        message=f"the work was stopped {seconds} seconds after it began; raise `spec.activeDeadlineSeconds` to go on",
        final=True,
    )
    return replace(
        facts,
        obstacle=obstacle,
        profile=_stopped(facts.profile),
        trainings={name: _stopped(view) for name, view in facts.trainings.items()},
        publish=None if facts.publish is None else _stopped(facts.publish),
    )


def seconds_to_deadline(facts: Facts) -> float | None:
    """Return the seconds that are left, or None where nothing counts them down."""
    seconds = facts.situation.spec.active_deadline_seconds
    if seconds is None or facts.paused or facts.ended:
        return None
    return (facts.started + timedelta(seconds=seconds) - facts.situation.now).total_seconds()


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


def _stopped(view: TaskView) -> TaskView:
    if view.ended or view.entry.job_name is None:
        return replace(view, active=False, apply=(), delete=())
    entry = view.entry.model_copy(
        update={"state": TaskState.PENDING, "reason": None, "message": "stopped by the deadline", "job_name": None}
    )
    return TaskView(entry=entry)


def _orders(situation: Situation) -> Orders:
    return Orders(
        owner=situation.owner,
        suspend=situation.spec.suspend,
        generation=situation.generation,
        now=situation.now,
    )


def _entry(status: TrainingWorkflowStatus, name: str) -> TaskStatus | None:
    return next((entry for entry in status.tasks if entry.name == name), None)
