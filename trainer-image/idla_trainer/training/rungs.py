"""Who goes on in a search, how far and for how long: plain decisions about a few figures."""

import math
from collections.abc import Mapping, Sequence

from idla_contract.problem import Metric
from idla_contract.result import TrialReport
from idla_contract.task import Rung


def epochs_of(rung: Rung, max_epochs: int, epoch_steps: int) -> int:
    """Return how many epochs a trial has behind it at the end of a rung; at least one, at most all."""
    return min(max_epochs, max(1, round(max_epochs * rung.percent / 100), math.ceil(rung.steps / epoch_steps)))


def ranked(reports: Mapping[int, TrialReport], metric: Metric) -> list[int]:
    """Return the places of the trials that can go on, the best first.

    Of equal scores the lower loss is better, then the smaller network, then the earlier place.
    """
    sign = -1 if metric.maximized else 1
    able = [place for place, report in reports.items() if not report.failure and report.rung]
    return sorted(
        able,
        key=lambda place: (
            sign * reports[place].validation_score,
            reports[place].validation_loss,
            reports[place].parameters,
            place,
        ),
    )


def seconds_left(max_seconds: int | None, *, rung: int, rungs: int, waiting: int, spent: float) -> float | None:
    """Return how much longer a trial may be trained in a rung, 0 where the time is used up; None: as long as it takes.

    Args:
        max_seconds: of the whole search.
        rung: counted from 1.
        rungs: how many there are; each may have used its equal part, and what those before it have left.
        waiting: trials of the rung that are not trained yet, this one among them.
        spent: seconds of all trials so far.
    """
    if max_seconds is None:
        return None
    return max(0.0, (max_seconds * rung / rungs - spent) / waiting)


def work_shares(rungs: Sequence[Rung], trials: int) -> list[float]:
    """Return for each rung the share of the expected work that one of its trials is: epochs, all alike."""
    widths, left, before = [], [], 0
    for rung in rungs:
        widths.append(rung.percent - before)
        left.append(trials)
        trials, before = min(trials, rung.kept), rung.percent
    whole = sum(width * count for width, count in zip(widths, left, strict=True))
    return [width / whole for width in widths]
