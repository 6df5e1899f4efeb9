"""Which trained candidate is published, judged on the validation split alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idla_contract.result import TrainReport

from idla.api.reasons import DecisionReason, WorkflowReason
from idla.api.training_workflow_status import AlternativeStatus, CandidateStatus
from idla.core.conditions import shorten
from idla.core.planning.requirements import QualityThreshold
from idla.core.workflow.tasks import TaskDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The choice, with what was not chosen."""

    candidate: CandidateStatus
    report: TrainReport
    reason: DecisionReason
    message: str
    alternatives: tuple[AlternativeStatus, ...]
    reaches_minimum: bool
    """Whether it is good enough to be published."""
    reaches_target: bool


def select_candidate(
    candidates: Sequence[CandidateStatus], trainings: Mapping[str, TaskDecision], wanted: QualityThreshold | None
) -> Selected | None:
    """Return the candidate to publish, or None where none was trained.

    The best is the one of the best validation score, by the direction of the metric. Among those within one standard
    error of it the smallest wins, since the split cannot tell them apart; where the best is good enough to publish, so
    must be the one that wins.

    Args:
        candidates: in the order of the plan.
        trainings: finished trainings by template.
        wanted: the quality that is asked for.
    """
    results = {name: decision.result for name, decision in trainings.items() if decision.result is not None}
    reports = {name: result.train for name, result in results.items() if result.train is not None}
    trained = [candidate for candidate in candidates if candidate.template in reports]
    if not trained:
        return None
    best = max(trained, key=lambda entry: (_quality(reports[entry.template]), -reports[entry.template].parameters))
    near = [entry for entry in trained if _may_win(reports[entry.template], reports[best.template], wanted)]
    chosen = min(near, key=lambda entry: (reports[entry.template].parameters, -_quality(reports[entry.template])))
    report = reports[chosen.template]
    others = tuple(
        _alternative(entry, trainings[entry.template], reports, chosen, wanted)
        for entry in candidates
        if entry.template != chosen.template
    )
    same = chosen.template == best.template
    return Selected(
        candidate=chosen,
        report=report,
        reason=DecisionReason.BEST_ACCURACY if same else DecisionReason.SMALLER_WITHIN_ERROR,
        message=_explain_choice(report, reports[best.template], trained_count=len(trained)),
        alternatives=others,
        reaches_minimum=wanted is None or wanted.reached(report.validation_score),
        reaches_target=wanted is None or wanted.target_reached(report.validation_score),
    )


def describe_figures(report: TrainReport) -> str:
    """Return a candidate's figures for people."""
    score, error = report.validation_score, report.validation_score_error
    stopped = ", ended by the budget" if report.stopped == "Budget" else ""
    return f"validation {report.metric} {score:.4f} ± {error:.4f}, {report.parameters} weights{stopped}"


def _quality(report: TrainReport) -> float:
    """Return the score such that more is better."""
    return report.validation_score if report.metric.maximized else -report.validation_score


def _is_near(report: TrainReport, best: TrainReport) -> bool:
    return _quality(report) >= _quality(best) - best.validation_score_error


def _may_win(report: TrainReport, best: TrainReport, wanted: QualityThreshold | None) -> bool:
    if not _is_near(report, best):
        return False
    good_enough = wanted is None or wanted.reached(report.validation_score)
    best_is_not = wanted is not None and not wanted.reached(best.validation_score)
    return good_enough or best_is_not


def _explain_choice(report: TrainReport, best: TrainReport, *, trained_count: int) -> str:
    if report.template == best.template:
        among = f", the best of {trained_count}" if trained_count > 1 else ""
        return f"{describe_figures(report)}{among}"
    return (
        f"{describe_figures(report)}; {best.template} has {best.validation_score:.4f}, no more than one standard error"
        f" better, with {best.parameters} weights"
    )


def _alternative(
    candidate: CandidateStatus,
    decision: TaskDecision,
    reports: Mapping[str, TrainReport],
    chosen: CandidateStatus,
    wanted: QualityThreshold | None,
) -> AlternativeStatus:
    report = reports.get(candidate.template)
    if report is None:
        reason: str = decision.entry.reason or WorkflowReason.RESULT_MISSING
        return AlternativeStatus(choice=candidate.template, reason=reason, message=shorten(decision.entry.message))
    best = max(reports.values(), key=_quality)
    shipped = reports[chosen.template].validation_score
    if wanted is not None and not wanted.reached(report.validation_score) and wanted.reached(shipped):
        reason = DecisionReason.BELOW_MINIMUM
    elif not _is_near(report, best):
        reason = DecisionReason.LOWER_ACCURACY
    else:
        reason = DecisionReason.LARGER_WITHIN_ERROR
    return AlternativeStatus(choice=candidate.template, reason=reason, message=describe_figures(report))
