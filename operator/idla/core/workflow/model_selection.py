"""Which model of a plan is published once its trainings have ended."""

from collections.abc import Mapping

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import DecisionStatus, PlanStatus, TaskStatus
from idla.core.blocker import Blocker
from idla.core.planning.plan import SEARCH, find_selecting_task, training_task_name
from idla.core.planning.requirements import QualityThreshold, Requirements
from idla.core.task_state import TaskState
from idla.core.workflow.comparison import describe_figures
from idla.core.workflow.failures import (
    explain_failed_selection,
    explain_failed_trainings,
    explain_missing_comparison,
)
from idla.core.workflow.search_selection import select_trial
from idla.core.workflow.selection import (
    Selected,
    find_trained,
    keep_selection,
    select_best,
    select_compared,
)
from idla.core.workflow.tasks import TaskDecision


def collect_trained(plan: PlanStatus, decisions: Mapping[str, TaskDecision]) -> tuple[TaskStatus, ...] | Blocker:
    """Return the tasks that trained a candidate, in the order of the candidates, or why every training failed.

    Args:
        plan: with the candidates, each trained in a pod of its own.
        decisions: by task; the trainings have finished.
    """
    trainings = _trainings(plan, decisions)
    trained = tuple(trainings[name].entry for name in find_trained(plan.candidates, trainings))
    return trained or explain_failed_trainings(trainings)


def select_model(
    plan: PlanStatus,
    decisions: Mapping[str, TaskDecision],
    requirements: Requirements,
    *,
    before: DecisionStatus | None = None,
) -> Selected | Blocker:
    """Return the model to publish, or why there is none.

    Args:
        plan: with the candidates, and the search among them if there is one.
        decisions: by task; the trainings, and the comparison of what they made, have finished.
        requirements: what is asked for.
        before: what was chosen in this generation before.
    """
    wanted = requirements.quality
    if plan.search is not None:
        search = decisions[SEARCH]
        return select_trial(plan, plan.search, search, wanted) or explain_failed_trainings({SEARCH: search})
    trainings = _trainings(plan, decisions)
    selecting = find_selecting_task(plan)
    if selecting is None:
        kept = None if before is None else keep_selection(before, plan.candidates, trainings, wanted)
        return kept or select_best(plan.candidates, trainings, wanted) or explain_failed_trainings(trainings)
    decision = decisions[selecting]
    if decision.state is TaskState.FAILED:
        return explain_failed_selection(decision)
    told = None if decision.result is None else decision.result.select
    if told is None:
        return explain_missing_comparison(selecting)
    found = select_compared(plan.candidates, trainings, told, wanted, tolerance=requirements.tolerance)
    return found or explain_missing_comparison(selecting)


def _trainings(plan: PlanStatus, decisions: Mapping[str, TaskDecision]) -> Mapping[str, TaskDecision]:
    return {entry.template: decisions[training_task_name(entry.template)] for entry in plan.candidates}


def find_missed_minimum(selected: Selected, wanted: QualityThreshold | None) -> Blocker | None:
    """Return that even the selected model is not as good as the least that may be published, or None."""
    if wanted is None or selected.reaches_minimum:
        return None
    relax = "Lower `spec.objectives[0].minimum`" if wanted.metric.maximized else "Raise `spec.objectives[0].maximum`"
    best = f"the best candidate, {selected.candidate.template}, has {describe_figures(selected.report)}"
    return Blocker(
        condition=WorkflowCondition.TRAINED,
        reason=WorkflowReason.MINIMUM_MISSED,
        message=(
            f"{best}; {wanted.bound} {wanted.minimum} is asked for. {relax}, add data, or offer"
            " other templates or more epochs"
        ),
        final=True,
    )
