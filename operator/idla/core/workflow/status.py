"""The whole status of a TrainingWorkflow, from where it stands."""

from collections.abc import Iterable, Sequence
from datetime import datetime

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
        conditions=merge_conditions(
            inputs.old.conditions, build_conditions(state), generation=inputs.generation, now=inputs.now
        ),
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
        Condition(WorkflowCondition.SUCCEEDED, FALSE, reason, text),
        Condition(WorkflowCondition.ACCEPTED, FALSE, reason, text),
        Condition(WorkflowCondition.STALLED, TRUE, reason, text),
    ]
    merged = merge_conditions(old.conditions, conditions, generation=generation, now=now)
    return old.model_copy(update={"observed_generation": generation, "conditions": merged})


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
    replaced = {WorkflowCondition.RECONCILING, WorkflowCondition.STALLED}
    conditions = merge_conditions(
        old.conditions,
        [*(entry for entry in old.conditions if entry.type not in replaced), queued],
        generation=max(0, old.observed_generation),
        now=inputs.now,
    )
    return old.model_copy(update={"conditions": conditions, "tasks": tuple(tasks)})


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
