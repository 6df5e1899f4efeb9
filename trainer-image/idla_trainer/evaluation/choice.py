"""Which of several trained networks is published: the best, or a smaller one that loses no more than is tolerated."""

from collections.abc import Sequence
from dataclasses import dataclass

from idla_contract.problem import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A network by what counts in the choice."""

    score: float
    """On the examples by which all are compared."""
    parameters: int
    """Weights, trained or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of the one that is published."""

    metric: Metric
    """Of the scores."""
    tolerance: float
    """Loss against the best that a smaller one may have."""
    minimum: float | None = None
    """The least quality that may be published; of an error it is the most. None: any may be."""

    def quality(self, contender: Contender) -> float:
        """Return the score such that more is better."""
        return contender.score if self.metric.maximized else -contender.score

    def reached(self, contender: Contender) -> bool:
        """Return whether it is good enough to be published."""
        if self.minimum is None:
            return True
        return contender.score >= self.minimum if self.metric.maximized else contender.score <= self.minimum


def find_best(contenders: Sequence[Contender], demand: Demand) -> int:
    """Return the place of the one with the best score; of equal ones the smallest, of these the first."""
    places = range(len(contenders))
    return max(places, key=lambda place: (demand.quality(contenders[place]), -contenders[place].parameters))


def find_winner(contenders: Sequence[Contender], most_lost: Sequence[float], demand: Demand) -> int:
    """Return the place of the one that is published: the best, or the smallest of those that may stand in for it.

    A smaller one may where its loss is within the tolerance at the upper bound of its interval and, where the best
    is good enough to be published, so is it.

    Args:
        contenders: one or more.
        most_lost: the upper bound of the paired interval of each one's loss against the best.
        demand: what is asked for.
    """
    place = find_best(contenders, demand)
    best = contenders[place]
    smaller = [
        other
        for other, contender in enumerate(contenders)
        if contender.parameters < best.parameters
        and most_lost[other] <= demand.tolerance
        and (demand.reached(contender) or not demand.reached(best))
    ]
    return min(
        smaller, key=lambda other: (contenders[other].parameters, -demand.quality(contenders[other])), default=place
    )
