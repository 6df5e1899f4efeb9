"""The whole status of a TrainingWorkflow, from where it stands."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from idla.api.meta import ConditionStatus
from idla.api.reasons import DecisionName, WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import (
    AlternativeStatus,
    DecisionStatus,
    DeploymentReference,
    TaskStatus,
    TrainingWorkflowStatus,
)
from idla.core.conditions import Condition, merge_conditions, shortened, timestamp
from idla.core.planning.plan import PUBLISH
from idla.core.workflow.conditions import TRUE, build_conditions
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.results import artifact_status, data_status, explain_variant, other_variants, results_status
from idla.core.workflow.tasks import pending_task
from idla.core.workflow.training_progress import progress_status

_ALTERNATIVES = 16


def build_status(state: GenerationState) -> TrainingWorkflowStatus:
    """Return what is written: what was decided, done and found, and what stays from earlier generations."""
    inputs, previous = state.inputs, state.previous
    now = timestamp(inputs.now)
    published = state.published and state.selected is not None and state.publish is not None
    artifact, results = inputs.old.artifact, inputs.old.results
    if published and state.selected and state.publish and state.publish.result:
        found = artifact_status(
            state.selected, state.publish.result, generation=inputs.generation, old=inputs.old.artifact
        )
        artifact = found or artifact
        results = results_status(state.selected, state.publish.result) or results
    return TrainingWorkflowStatus(
        observed_generation=inputs.generation,
        conditions=merged(inputs.old, build_conditions(state), inputs.generation, inputs.now),
        basis=state.basis,
        plan=state.plan,
        decisions=_decisions(state),
        progress=progress_status(state),
        tasks=_tasks(state),
        data=previous.data if state.data is None else data_status(state.data),
        results=results,
        artifact=artifact,
        deployment_ref=inputs.old.deployment_ref
        if state.endpoint is None or state.endpoint.blocker is not None
        else DeploymentReference(name=state.endpoint.name),
        start_time=timestamp(state.started),
        completion_time=(previous.completion_time or now) if state.finished else None,
    )


def refused_status(
    old: TrainingWorkflowStatus, message: str, *, generation: int, now: datetime
) -> TrainingWorkflowStatus:
    """Return the status of a spec that cannot be read; everything that was reached stays."""
    reason, text = WorkflowReason.INVALID_SPEC, shortened(message)
    conditions = [
        Condition(type=WorkflowCondition.SUCCEEDED, status="False", reason=reason, message=text),
        Condition(type=WorkflowCondition.ACCEPTED, status="False", reason=reason, message=text),
        Condition(type=WorkflowCondition.STALLED, status=TRUE, reason=reason, message=text),
    ]
    update = {"observed_generation": generation, "conditions": merged(old, conditions, generation, now)}
    return old.model_copy(update=update)


def queued_status(
    inputs: ReconcileInput, waited_for: Sequence[str], tasks: Iterable[TaskStatus]
) -> TrainingWorkflowStatus:
    """Return the status while tasks of the old generation are allowed to finish: it still describes the old one."""
    old = inputs.old
    names = ", ".join(waited_for)
    queued = Condition(
        type=WorkflowCondition.RECONCILING,
        status=TRUE,
        reason=WorkflowReason.GENERATION_QUEUED,
        message=f"generation {inputs.generation} waits for the running tasks of generation"
        f" {old.observed_generation} that it does not need: {names}",
    )
    kept = [
        Condition(type=entry.type, status=entry.status, reason=entry.reason, message=entry.message)
        for entry in old.conditions
        if entry.type not in {WorkflowCondition.RECONCILING, WorkflowCondition.STALLED}
    ]
    conditions = merged(old, [*kept, queued], max(0, old.observed_generation), inputs.now)
    return old.model_copy(update={"conditions": conditions, "tasks": tuple(tasks)})


def merged(
    old: TrainingWorkflowStatus, conditions: Iterable[Condition], generation: int, now: datetime
) -> tuple[ConditionStatus, ...]:
    """Return conditions with the transition times of the old ones where nothing changed."""
    previous = [entry.to_status() for entry in old.conditions]
    entries = merge_conditions(previous, conditions, generation=generation, now=now)
    return tuple(ConditionStatus.model_validate(entry) for entry in entries)


def _tasks(state: GenerationState) -> tuple[TaskStatus, ...]:
    decisions = list(state.tasks)
    if state.plan is not None and state.publish is None:
        decisions.append(pending_task(PUBLISH, "waits for the trainings"))
    return tuple(decision.entry for decision in decisions)


def _decisions(state: GenerationState) -> tuple[DecisionStatus, ...]:
    decisions = [*_candidates(state), *_selection(state), *_compression(state)]
    before = {entry.name: entry for entry in state.previous.decisions}
    return tuple(_keep_time(decision, before.get(decision.name)) for decision in decisions)


def _keep_time(decision: DecisionStatus, before: DecisionStatus | None) -> DecisionStatus:
    if before is not None and before.model_copy(update={"time": decision.time}) == decision:
        return before
    return decision


def _candidates(state: GenerationState) -> list[DecisionStatus]:
    if state.choice is None:
        return [entry for entry in state.previous.decisions if entry.name == DecisionName.CANDIDATES]
    names = ", ".join(candidate.template for candidate in state.choice.candidates)
    return [
        _decision(
            state, DecisionName.CANDIDATES, names, state.choice.reason, state.choice.message, state.choice.rejected
        )
    ]


def _selection(state: GenerationState) -> list[DecisionStatus]:
    selected = state.selected
    if selected is None:
        return []
    name, choice = DecisionName.MODEL_SELECTION, selected.candidate.template
    return [_decision(state, name, choice, selected.reason, selected.message, selected.alternatives)]


def _compression(state: GenerationState) -> list[DecisionStatus]:
    result = None if state.publish is None else state.publish.result
    if result is None or result.compress is None:
        return []
    report = result.compress
    message = explain_variant(report, result.refit)
    return [_decision(state, DecisionName.COMPRESSION, report.choice, report.reason, message, other_variants(report))]


def _decision(  # noqa: PLR0917  # one field of the entry each
    state: GenerationState,
    name: DecisionName,
    choice: str,
    reason: str,
    message: str,
    alternatives: Sequence[AlternativeStatus],
) -> DecisionStatus:
    return DecisionStatus(
        name=name,
        choice=choice[:253],
        reason=reason,
        message=shortened(message),
        time=timestamp(state.inputs.now),
        alternatives=tuple(alternatives[:_ALTERNATIVES]),
    )
