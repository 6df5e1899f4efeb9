"""What to do for a generation: profile, plan, trainings, publication, endpoint, each decided from the one before."""

from dataclasses import replace

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import BasisStatus, PlanStatus, TaskStatus, TrainingWorkflowStatus
from idla.core.blocker import Blocker
from idla.core.cluster.capacity import find_impossible_pod, find_missing_claim
from idla.core.conditions import shortened
from idla.core.planning.candidates import nominate_candidates
from idla.core.planning.plan import PROFILE, PUBLISH, SEARCH, make_plan
from idla.core.task_state import TaskState
from idla.core.workflow.approval import read_approval, why_blocked
from idla.core.workflow.deadline import with_deadline
from idla.core.workflow.failures import explain_failed_publication, explain_failed_trainings, known_reason
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.model_deployment import find_name_conflict, observe_endpoint
from idla.core.workflow.planned_tasks import (
    define_profile_task,
    define_publish_task,
    define_search_task,
    define_training_task,
)
from idla.core.workflow.results import artifact_status
from idla.core.workflow.search_selection import select_trial
from idla.core.workflow.selection import describe_figures, select_candidate
from idla.core.workflow.tasks import JobContext, TaskDecision, pending_task, reconcile_task


def observe_generation(inputs: ReconcileInput, previous: TrainingWorkflowStatus, basis: BasisStatus) -> GenerationState:
    """Return where the generation stands, with what is to be done about its tasks."""
    state = _with_profile(inputs, previous, basis)
    state = _with_plan(state)
    if state.plan is not None:
        state = _with_publication(_with_trainings(state, state.plan), state.plan)
    if state.published and state.blocker is None:
        state = _with_endpoint(state)
    return with_deadline(_with_refusal(state))


def _with_profile(inputs: ReconcileInput, previous: TrainingWorkflowStatus, basis: BasisStatus) -> GenerationState:
    task, entry = define_profile_task(inputs, basis), _entry(previous, PROFILE)
    blocker = None
    if previous.plan is None:
        found = nominate_candidates(inputs.requirements, inputs.snapshot.templates, None)
        refused = found if isinstance(found, Blocker) else None
        blocker = refused or _find_obstacle(inputs)
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


def _find_obstacle(inputs: ReconcileInput) -> Blocker | None:
    """Return what stops every task of the workflow before its first one, or None."""
    wanted, snapshot = inputs.requirements, inputs.snapshot
    named = {"spec.data.storageUri": wanted.data_claim}
    if wanted.artifact_mebibytes is None:
        named["spec.outputs.storageUri"] = wanted.artifact_claim
    return (
        find_missing_claim(named, snapshot.claims, namespace=inputs.owner.namespace)
        or find_impossible_pod(wanted.training_pod, snapshot.nodes)
        or find_name_conflict(inputs)
    )


def _with_plan(state: GenerationState) -> GenerationState:
    if state.blocker is not None:
        return state
    plan, choice = state.previous.plan, None
    if plan is None:
        if state.profile.state is not TaskState.SUCCEEDED:
            return state
        requirements, templates = state.inputs.requirements, state.inputs.snapshot.templates
        found = nominate_candidates(requirements, templates, state.data)
        if isinstance(found, Blocker):
            return replace(state, blocker=found)
        choice = found
        plan = make_plan(
            requirements.spec, choice, state.basis, data_digest=None if state.data is None else state.data.digest
        )
    return replace(state, plan=plan, choice=choice, approval=read_approval(state.inputs, state.previous, plan))


def _with_trainings(state: GenerationState, plan: PlanStatus) -> GenerationState:
    inputs, previous = state.inputs, state.previous
    job_context, blocked_by = _job_context(inputs), why_blocked(state.approval)
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
    wanted = inputs.requirements.quality
    selected = (
        select_candidate(plan.candidates, decisions, wanted)
        if plan.search is None
        else select_trial(plan, plan.search, decisions[SEARCH], wanted)
    )
    if selected is None:
        return replace(state, blocker=explain_failed_trainings(decisions))
    if wanted is not None and not selected.reaches_minimum:
        relax = (
            "Lower `spec.objectives[0].minimum`" if wanted.metric.maximized else "Raise `spec.objectives[0].maximum`"
        )
        best = f"the best candidate, {selected.candidate.template}, has {describe_figures(selected.report)}"
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
        blocked = state.blocker is not None
        message = "it will not run: nothing can be published" if blocked else "waits for the trainings"
        return replace(state, publish=pending_task(PUBLISH, message))
    inputs, previous = state.inputs, state.previous
    task = define_publish_task(inputs, plan, state.selected)
    job_context = _job_context(inputs)
    decision = reconcile_task(
        task, _entry(previous, PUBLISH), inputs.snapshot, job_context, blocked_by=why_blocked(state.approval)
    )
    if decision.state is TaskState.SUCCEEDED and (decision.result is None or decision.result.artifact is None):
        message = "the task succeeded without an artifact"
        changes = {"state": TaskState.FAILED, "reason": WorkflowReason.RESULT_MISSING, "message": message}
        decision = TaskDecision(entry=decision.entry.model_copy(update=changes))
    blocker = explain_failed_publication(decision) if decision.state is TaskState.FAILED else None
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
    found = None if artifact is None else observe_endpoint(state.inputs, artifact)
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


def _job_context(inputs: ReconcileInput) -> JobContext:
    return JobContext(
        owner=inputs.owner,
        suspend=inputs.spec.suspend,
        generation=inputs.generation,
        now=inputs.now,
    )


def _entry(status: TrainingWorkflowStatus, name: str) -> TaskStatus | None:
    return next((entry for entry in status.tasks if entry.name == name), None)
