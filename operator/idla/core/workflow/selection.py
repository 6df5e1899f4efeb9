"""Which trained candidate is published, judged on the validation split alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from idla_contract.choice import SelectReport
from idla_contract.result import TrainReport

from idla.api.reasons import DecisionReason, WorkflowReason
from idla.api.training_workflow_status import AlternativeStatus, CandidateStatus, DecisionStatus
from idla.core.conditions import shorten
from idla.core.planning.requirements import QualityThreshold
from idla.core.workflow.comparison import Compared, describe_figures, explain_other, explain_winner, pair_reports
from idla.core.workflow.tasks import TaskDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The choice, with what was not chosen."""

    candidate: CandidateStatus
    report: TrainReport
    """Of its training; the score is the one by which it was chosen."""
    reason: str
    """A `DecisionReason`, of this version or of the one that chose."""
    message: str
    alternatives: tuple[AlternativeStatus, ...]
    reaches_minimum: bool
    """Whether it is good enough to be published."""
    reaches_target: bool

    @classmethod
    def of(
        cls,
        candidate: CandidateStatus,
        report: TrainReport,
        wanted: QualityThreshold | None,
        *,
        reason: str,
        message: str,
        alternatives: tuple[AlternativeStatus, ...],
    ) -> Self:
        """Return the choice of a candidate, held to the quality that is asked for."""
        return cls(
            candidate=candidate,
            report=report,
            reason=reason,
            message=message,
            alternatives=alternatives,
            reaches_minimum=wanted is None or wanted.reached(report.validation_score),
            reaches_target=wanted is None or wanted.target_reached(report.validation_score),
        )


def find_trained(
    candidates: Sequence[CandidateStatus], trainings: Mapping[str, TaskDecision]
) -> Mapping[str, TrainReport]:
    """Return what became of every candidate that was trained, by template, in the order of the plan.

    Args:
        candidates: in the order of the plan.
        trainings: finished trainings by template.
    """
    results = ((entry.template, trainings[entry.template].result) for entry in candidates)
    return {name: result.train for name, result in results if result is not None and result.train is not None}


def select_compared(
    candidates: Sequence[CandidateStatus],
    trainings: Mapping[str, TaskDecision],
    told: SelectReport,
    wanted: QualityThreshold | None,
    *,
    tolerance: float,
) -> Selected | None:
    """Return the candidate that won a paired comparison, or None where that was not of these candidates.

    Args:
        candidates: in the order of the plan.
        trainings: finished trainings by template.
        told: what the comparison of those that were trained came to.
        wanted: the quality that is asked for.
        tolerance: loss that a smaller candidate may have.
    """
    compared = pair_reports(find_trained(candidates, trainings), told)
    if compared is None:
        return None
    chosen = compared.winner
    return Selected.of(
        next(entry for entry in candidates if entry.template == chosen.template),
        chosen,
        wanted,
        reason=(
            DecisionReason.BEST_ACCURACY
            if chosen.template == compared.best.template
            else DecisionReason.SMALLER_WITHIN_TOLERANCE
        ),
        message=explain_winner(compared, tolerance),
        alternatives=tuple(
            _compared_alternative(entry.template, compared, wanted, tolerance)
            or _failed_alternative(entry.template, trainings[entry.template])
            for entry in candidates
            if entry.template != chosen.template
        ),
    )


def select_best(
    candidates: Sequence[CandidateStatus], trainings: Mapping[str, TaskDecision], wanted: QualityThreshold | None
) -> Selected | None:
    """Return the candidate of the best validation score, or None where none was trained.

    That is for a plan that compares nothing in pairs; of equal scores the one with fewer weights wins.

    Args:
        candidates: in the order of the plan.
        trainings: finished trainings by template.
        wanted: the quality that is asked for.
    """
    reports = find_trained(candidates, trainings)
    if not reports:
        return None
    best = max(reports.values(), key=lambda report: (_quality(report), -report.parameters))
    among = f", the best of {len(reports)}" if len(reports) > 1 else ""
    return Selected.of(
        next(entry for entry in candidates if entry.template == best.template),
        best,
        wanted,
        reason=DecisionReason.BEST_ACCURACY,
        message=f"{describe_figures(best)}{among}",
        alternatives=tuple(
            _lesser_alternative(reports[entry.template], best, wanted)
            if entry.template in reports
            else _failed_alternative(entry.template, trainings[entry.template])
            for entry in candidates
            if entry.template != best.template
        ),
    )


def keep_selection(
    decision: DecisionStatus,
    candidates: Sequence[CandidateStatus],
    trainings: Mapping[str, TaskDecision],
    wanted: QualityThreshold | None,
) -> Selected | None:
    """Return the choice that an earlier version of the operator made, as it told it, or None where that is none.

    The published task depends on every word of it; by another rule a finished workflow would be published again.

    Args:
        decision: the choice, as the status has it.
        candidates: in the order of the plan.
        trainings: finished trainings by template.
        wanted: the quality that is asked for.
    """
    report = find_trained(candidates, trainings).get(decision.choice)
    if report is None:
        return None
    return Selected.of(
        next(entry for entry in candidates if entry.template == decision.choice),
        report,
        wanted,
        reason=decision.reason,
        message=decision.message,
        alternatives=decision.alternatives,
    )


def _quality(report: TrainReport) -> float:
    """Return the score such that more is better."""
    return report.validation_score if report.metric.maximized else -report.validation_score


def _misses_minimum(report: TrainReport, chosen: TrainReport, wanted: QualityThreshold | None) -> bool:
    """Return whether a candidate is not good enough to be published, and the chosen one is."""
    if wanted is None or wanted.reached(report.validation_score):
        return False
    return wanted.reached(chosen.validation_score)


def _compared_alternative(
    template: str, compared: Compared, wanted: QualityThreshold | None, tolerance: float
) -> AlternativeStatus | None:
    """Return why a candidate that was compared is not the one, or None where it was not."""
    report = compared.reports.get(template)
    if report is None:
        return None
    if _misses_minimum(report, compared.winner, wanted):
        reason = DecisionReason.BELOW_MINIMUM
    elif compared.is_within(template, tolerance):
        reason = DecisionReason.LARGER_WITHIN_TOLERANCE
    else:
        reason = DecisionReason.LOWER_ACCURACY
    return AlternativeStatus(
        choice=template, reason=reason, message=shorten(explain_other(compared, template, tolerance))
    )


def _lesser_alternative(report: TrainReport, best: TrainReport, wanted: QualityThreshold | None) -> AlternativeStatus:
    if _misses_minimum(report, best, wanted):
        reason = DecisionReason.BELOW_MINIMUM
    elif _quality(report) < _quality(best):
        reason = DecisionReason.LOWER_ACCURACY
    else:
        reason = DecisionReason.LARGER_WITHIN_TOLERANCE
    return AlternativeStatus(choice=report.template, reason=reason, message=describe_figures(report))


def _failed_alternative(template: str, decision: TaskDecision) -> AlternativeStatus:
    reason: str = decision.entry.reason or WorkflowReason.RESULT_MISSING
    return AlternativeStatus(choice=template, reason=reason, message=shorten(decision.entry.message))
