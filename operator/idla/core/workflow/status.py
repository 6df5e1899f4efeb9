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
from idla.core.situation import Situation
from idla.core.workflow.conditions import TRUE, conditions_of
from idla.core.workflow.generation import Facts
from idla.core.workflow.results import artifact_status, data_status, explained_variant, other_variants, results_status
from idla.core.workflow.tasks import unstarted
from idla.core.workflow.training_progress import progress_status

_ALTERNATIVES = 16


def status_of(facts: Facts) -> TrainingWorkflowStatus:
    """Return what is written: what was decided, done and found, and what stays from earlier generations."""
    situation, remembered = facts.situation, facts.remembered
    now = timestamp(situation.now)
    published = facts.published and facts.selected is not None and facts.publish is not None
    artifact, results = situation.old.artifact, situation.old.results
    if published and facts.selected and facts.publish and facts.publish.result:
        found = artifact_status(
            facts.selected, facts.publish.result, generation=situation.generation, old=situation.old.artifact
        )
        artifact = found or artifact
        results = results_status(facts.selected, facts.publish.result) or results
    return TrainingWorkflowStatus(
        observed_generation=situation.generation,
        conditions=merged(situation.old, conditions_of(facts), situation.generation, situation.now),
        basis=facts.basis,
        plan=facts.plan,
        decisions=_decisions(facts),
        progress=progress_status(facts),
        tasks=_tasks(facts),
        data=remembered.data if facts.data is None else data_status(facts.data),
        results=results,
        artifact=artifact,
        deployment_ref=situation.old.deployment_ref
        if facts.endpoint is None or facts.endpoint.obstacle is not None
        else DeploymentReference(name=facts.endpoint.name),
        start_time=timestamp(facts.started),
        completion_time=(remembered.completion_time or now) if facts.ended else None,
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
    situation: Situation, waited_for: Sequence[str], tasks: Iterable[TaskStatus]
) -> TrainingWorkflowStatus:
    """Return the status while tasks of the old generation are let finish: it speaks of the old one still."""
    old = situation.old
    names = ", ".join(waited_for)
    queued = Condition(
        type=WorkflowCondition.RECONCILING,
        status=TRUE,
        reason=WorkflowReason.GENERATION_QUEUED,
        message=f"generation {situation.generation} waits for the running tasks of generation"
        f" {old.observed_generation} that it does not need: {names}",
    )
    kept = [
        Condition(type=entry.type, status=entry.status, reason=entry.reason, message=entry.message)
        for entry in old.conditions
        if entry.type not in {WorkflowCondition.RECONCILING, WorkflowCondition.STALLED}
    ]
    conditions = merged(old, [*kept, queued], max(0, old.observed_generation), situation.now)
    return old.model_copy(update={"conditions": conditions, "tasks": tuple(tasks)})


def merged(
    old: TrainingWorkflowStatus, conditions: Iterable[Condition], generation: int, now: datetime
) -> tuple[ConditionStatus, ...]:
    """Return conditions with the transition times of the old ones where nothing changed."""
    previous = [entry.to_status() for entry in old.conditions]
    entries = merge_conditions(previous, conditions, generation=generation, now=now)
    return tuple(ConditionStatus.model_validate(entry) for entry in entries)


def _tasks(facts: Facts) -> tuple[TaskStatus, ...]:
    views = list(facts.tasks)
    if facts.plan is not None and facts.publish is None:
        views.append(unstarted(PUBLISH, "waits for the trainings"))
    return tuple(view.entry for view in views)


def _decisions(facts: Facts) -> tuple[DecisionStatus, ...]:
    decisions = [*_candidates(facts), *_selection(facts), *_compression(facts)]
    before = {entry.name: entry for entry in facts.remembered.decisions}
    return tuple(_dated(decision, before.get(decision.name)) for decision in decisions)


def _dated(decision: DecisionStatus, before: DecisionStatus | None) -> DecisionStatus:
    if before is not None and before.model_copy(update={"time": decision.time}) == decision:
        return before
    return decision


def _candidates(facts: Facts) -> list[DecisionStatus]:
    if facts.choice is None:
        return [entry for entry in facts.remembered.decisions if entry.name == DecisionName.CANDIDATES]
    names = ", ".join(candidate.template for candidate in facts.choice.candidates)
    return [
        _decision(
            facts, DecisionName.CANDIDATES, names, facts.choice.reason, facts.choice.message, facts.choice.rejected
        )
    ]


def _selection(facts: Facts) -> list[DecisionStatus]:
    selected = facts.selected
    if selected is None:
        return []
    name, choice = DecisionName.MODEL_SELECTION, selected.candidate.template
    return [_decision(facts, name, choice, selected.reason, selected.message, selected.alternatives)]


def _compression(facts: Facts) -> list[DecisionStatus]:
    result = None if facts.publish is None else facts.publish.result
    if result is None or result.compress is None:
        return []
    report = result.compress
    message = explained_variant(report, result.refit)
    return [_decision(facts, DecisionName.COMPRESSION, report.choice, report.reason, message, other_variants(report))]


def _decision(  # noqa: PLR0917  # one field of the entry each
    facts: Facts,
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
        time=timestamp(facts.situation.now),
        alternatives=tuple(alternatives[:_ALTERNATIVES]),
    )
