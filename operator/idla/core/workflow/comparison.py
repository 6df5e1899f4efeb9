"""What a paired comparison of trained candidates came to, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from idla_contract.choice import Comparison, SelectReport
from idla_contract.problem import Metric
from idla_contract.result import TrainReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The trained candidates, each beside the best."""

    reports: Mapping[str, TrainReport]
    """By template; each with the score on the examples by which all were compared."""
    comparisons: Mapping[str, Comparison]
    """By template."""
    winner: TrainReport
    best: TrainReport

    def is_within(self, template: str, tolerance: float) -> bool:
        """Return whether a candidate's loss is within the tolerance at the upper bound of its interval."""
        return self.comparisons[template].drop_interval[1] <= tolerance


def pair_reports(reports: Mapping[str, TrainReport], told: SelectReport) -> Compared | None:
    """Return a comparison by its candidates, or None where it was not of these.

    Args:
        reports: of the trainings that were compared, by template, in their order.
        told: what the comparison came to.
    """
    places = range(len(reports))
    if len(told.compared) != len(reports) or told.winner not in places or told.best not in places:
        return None
    comparisons = dict(zip(reports, told.compared, strict=True))
    scored = {
        name: report.model_copy(update={"validation_score": comparisons[name].score})
        for name, report in reports.items()
    }
    in_order = list(scored.values())
    return Compared(reports=scored, comparisons=comparisons, winner=in_order[told.winner], best=in_order[told.best])


def explain_winner(compared: Compared, tolerance: float) -> str:
    """Return why the winner won, with its figures."""
    winner, best, count = compared.winner, compared.best, len(compared.reports)
    if winner.template == best.template:
        return f"{_figures(winner)}, the best of {count}" if count > 1 else _figures(winner)
    difference = _difference(compared.comparisons[winner.template], best.metric)
    against = f"than {best.template} with {best.parameters} weights"
    return f"{_figures(winner)}; {difference} {against}, within {_tolerated(tolerance, best.metric)}"


def explain_other(compared: Compared, template: str, tolerance: float) -> str:
    """Return why a candidate did not win, with its figures."""
    report, best = compared.reports[template], compared.best
    if template == best.template:
        return f"{_figures(report)}, the best of {len(compared.reports)}; {compared.winner.template} is smaller"
    found = f"{_figures(report)}; {_difference(compared.comparisons[template], best.metric)}"
    tolerated = _tolerated(tolerance, best.metric)
    if compared.is_within(template, tolerance):
        return f"{found}, within {tolerated}, but it is not smaller"
    return f"{found}, more than {tolerated}" if report.parameters < best.parameters else found


def describe_figures(report: TrainReport) -> str:
    """Return for people the figures of a training that nothing is compared with in pairs."""
    return _figures(report, f" ± {report.validation_score_error:.4f}")


def _figures(report: TrainReport, error: str = "") -> str:
    stopped = ", ended by the budget" if report.stopped == "Budget" else ""
    return f"validation {report.metric} {report.validation_score:.4f}{error}, {report.parameters} weights{stopped}"


def _difference(compared: Comparison, metric: Metric) -> str:
    low, high = compared.drop_interval
    worse = "points lower" if metric.maximized else "% worse"
    return f"{_hundredths(compared.drop)} {worse} (95 % interval {_hundredths(low)} to {_hundredths(high)})"


def _tolerated(tolerance: float, metric: Metric) -> str:
    return f"the {100 * tolerance:g} {'points' if metric.maximized else '%'} that a smaller model may lose"


def _hundredths(share: float) -> str:
    """Return a share times 100, without the sign of a zero."""
    return f"{round(100 * share, 2) + 0.0:.2f}"
