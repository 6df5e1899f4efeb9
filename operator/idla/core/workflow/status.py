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
from idla.core.conditions import FALSE, TRUE, Condition, merge_conditions, shorten, timestamp
from idla.core.workflow.conditions import build_conditions
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.results import data_status, explain_variant, other_variants, results_status
from idla.core.workflow.stages import Planned, Published, Trained
from idla.core.workflow.training_progress import progress_status

_ALTERNATIVES = 16


def build_status(state: GenerationState) -> TrainingWorkflowStatus:
    """Return what is written: what was decided, done and found, and what stays from earlier generations."""
    inputs, previous, stage = state.inputs, state.previous, state.stage
    artifact, results, deployment = inputs.old.artifact, inputs.old.results, inputs.old.deployment_ref
    if isinstance(stage, Published):
        artifact = stage.artifact
        results = results_status(stage.selected, stage.result) or results
        if stage.endpoint is not None and stage.endpoint.blocker is None:
            deployment = DeploymentReference(name=stage.endpoint.name)
    return TrainingWorkflowStatus(
        observed_generation=inputs.generation,
        conditions=merge_status_conditions(inputs.old, build_conditions(state), inputs.generation, inputs.now),
        basis=state.generation.basis,
        plan=stage.plan if isinstance(stage, Planned) else None,
        decisions=_decisions(state),
        progress=progress_status(state),
        tasks=tuple(decision.entry for decision in state.tasks),
        data=previous.data if state.data is None else data_status(state.data),
        results=results,
        artifact=artifact,
        deployment_ref=deployment,
        start_time=timestamp(state.started),
        completion_time=(previous.completion_time or timestamp(inputs.now)) if state.finished else None,
    )


def refused_status(
    old: TrainingWorkflowStatus, message: str, *, generation: int, now: datetime
) -> TrainingWorkflowStatus:
    """Return the status of a spec that cannot be read; everything that was reached stays."""
    reason, text = WorkflowReason.INVALID_SPEC, shorten(message)
    conditions = [
        Condition(type=WorkflowCondition.SUCCEEDED, status=FALSE, reason=reason, message=text),
        Condition(type=WorkflowCondition.ACCEPTED, status=FALSE, reason=reason, message=text),
        Condition(type=WorkflowCondition.STALLED, status=TRUE, reason=reason, message=text),
    ]
    update = {
        "observed_generation": generation,
        "conditions": merge_status_conditions(old, conditions, generation, now),
    }
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
    conditions = merge_status_conditions(old, [*kept, queued], max(0, old.observed_generation), inputs.now)
    return old.model_copy(update={"conditions": conditions, "tasks": tuple(tasks)})


def merge_status_conditions(
    old: TrainingWorkflowStatus, conditions: Iterable[Condition], generation: int, now: datetime
) -> tuple[ConditionStatus, ...]:
    """Return conditions with the transition times of the old ones where nothing changed."""
    previous = [entry.to_status() for entry in old.conditions]
    entries = merge_conditions(previous, conditions, generation=generation, now=now)
    return tuple(ConditionStatus.model_validate(entry) for entry in entries)


def _decisions(state: GenerationState) -> tuple[DecisionStatus, ...]:
    decisions = [*_candidates(state), *_selection(state), *_compression(state)]
    before = {entry.name: entry for entry in state.previous.decisions}
    return tuple(_keep_time(decision, before.get(decision.name)) for decision in decisions)


def _keep_time(decision: DecisionStatus, before: DecisionStatus | None) -> DecisionStatus:
    if before is not None and before.model_copy(update={"time": decision.time}) == decision:
        return before
    return decision


def _candidates(state: GenerationState) -> list[DecisionStatus]:
    choice = state.stage.choice if isinstance(state.stage, Planned) else None
    if choice is None:
        return [entry for entry in state.previous.decisions if entry.name == DecisionName.CANDIDATES]
    names = ", ".join(candidate.template for candidate in choice.candidates)
    return [_decision(state, DecisionName.CANDIDATES, names, choice.reason, choice.message, choice.rejected)]


def _selection(state: GenerationState) -> list[DecisionStatus]:
    if not isinstance(state.stage, Trained):
        return []
    selected = state.stage.selected
    name, choice = DecisionName.MODEL_SELECTION, selected.candidate.template
    return [_decision(state, name, choice, selected.reason, selected.message, selected.alternatives)]


def _compression(state: GenerationState) -> list[DecisionStatus]:
    if not isinstance(state.stage, Published) or state.stage.result.compress is None:
        return []
    report = state.stage.result.compress
    message = explain_variant(report, state.stage.result.refit)
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
        message=shorten(message),
        time=timestamp(state.inputs.now),
        alternatives=tuple(alternatives[:_ALTERNATIVES]),
    )
