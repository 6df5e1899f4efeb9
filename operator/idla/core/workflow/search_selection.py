"""Which trial of a search is published, and why the others are not, judged on the validation split alone."""

from idla_contract.problem import Metric
from idla_contract.result import FailureReason, TrialReport

from idla.api.reasons import DecisionReason
from idla.api.training_workflow_status import AlternativeStatus, PlanStatus, SearchStatus, TrialStatus
from idla.core.conditions import shorten
from idla.core.planning.requirements import QualityThreshold
from idla.core.planning.search import candidate_of, label
from idla.core.workflow.comparison import describe_figures
from idla.core.workflow.selection import Selected
from idla.core.workflow.tasks import TaskDecision

_CHOICE = 253


def select_trial(
    plan: PlanStatus, search: SearchStatus, decision: TaskDecision, wanted: QualityThreshold | None
) -> Selected | None:
    """Return the winner of a search, or None where it has none.

    Args:
        plan: with the candidates.
        search: its trials.
        decision: of the search's task, finished.
        wanted: the quality that is asked for.
    """
    result = decision.result
    if result is None or result.search is None or result.train is None:
        return None
    found, report = result.search, result.train
    if found.winner not in range(len(search.trials)) or len(found.trials) != len(search.trials):
        return None
    trial = search.trials[found.winner]
    base = next(entry for entry in plan.candidates if entry.template == trial.template)
    others = [
        (entry, came)
        for place, (entry, came) in enumerate(zip(search.trials, found.trials, strict=True))
        if place != found.winner
    ]
    others.sort(key=lambda pair: -pair[1].rung)
    return Selected.of(
        candidate_of(base, trial),
        report,
        wanted,
        reason=DecisionReason.BEST_OF_SEARCH,
        message=f"{describe_figures(report)}, {_settings(trial)}; the best of {len(search.trials)} trials",
        alternatives=tuple(_alternative(entry, came, search, report.metric) for entry, came in others),
    )


def _settings(trial: TrialStatus) -> str:
    own = label(trial).removeprefix(trial.template).strip(" ()")
    return f"with {own}" if own else "with the template's own settings"


def _alternative(trial: TrialStatus, came: TrialReport, search: SearchStatus, metric: Metric) -> AlternativeStatus:
    return AlternativeStatus(
        choice=label(trial)[:_CHOICE], reason=_reason(came, search), message=shorten(_figures(came, search, metric))
    )


def _reason(came: TrialReport, search: SearchStatus) -> str:
    if came.failure == FailureReason.CONSTRAINT_UNMET:
        return DecisionReason.SIZE_EXCEEDED
    if came.failure:
        return came.failure
    if not came.rung:
        return DecisionReason.BUDGET
    return DecisionReason.LOWER_ACCURACY if came.rung == len(search.rungs) else DecisionReason.HALTED


def _figures(came: TrialReport, search: SearchStatus, metric: Metric) -> str:
    if came.failure == FailureReason.CONSTRAINT_UNMET:
        return "its network has more weights than `modelSizeMebibytes` has room for"
    if not came.rung:
        return "it could not be trained" if came.failure else "the budget ended before its turn"
    score = f"validation {metric} {came.validation_score:.4f} ± {came.validation_score_error:.4f}"
    how_far = f"after {came.epochs} epoch{'' if came.epochs == 1 else 's'}, at rung {came.rung} of {len(search.rungs)}"
    return f"{score} {how_far}, {came.parameters} weights"
