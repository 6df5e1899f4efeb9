"""Which model of a plan is published once its trainings have ended."""

from collections.abc import Mapping

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import PlanStatus
from idla.core.blocker import Blocker
from idla.core.planning.plan import SEARCH, training_task_name
from idla.core.planning.requirements import QualityThreshold
from idla.core.workflow.failures import explain_failed_trainings
from idla.core.workflow.search_selection import select_trial
from idla.core.workflow.selection import Selected, describe_figures, select_candidate
from idla.core.workflow.tasks import TaskDecision


def select_model(
    plan: PlanStatus, decisions: Mapping[str, TaskDecision], wanted: QualityThreshold | None
) -> Selected | Blocker:
    """Return the model to publish, or why every training failed.

    Args:
        plan: with the candidates, and the search among them if there is one.
        decisions: by task; the trainings have finished.
        wanted: the quality that is asked for.
    """
    if plan.search is not None:
        search = decisions[SEARCH]
        return select_trial(plan, plan.search, search, wanted) or explain_failed_trainings({SEARCH: search})
    trainings = {entry.template: decisions[training_task_name(entry.template)] for entry in plan.candidates}
    return select_candidate(plan.candidates, trainings, wanted) or explain_failed_trainings(trainings)


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
