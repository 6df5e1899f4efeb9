"""The examples on which models are compared: scores, their errors, and losses between two models."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from idla_contract.problem import Metric
from idla_preprocess import Array, Arrays

from idla_trainer.chosen import Chosen
from idla_trainer.evaluation.statistics import accuracy_error, paired_drop_interval, wilson_interval
from idla_trainer.objective import ClassObjective, MeanObjective, Objective

Interval = tuple[float, float]
RESAMPLES = 1000
_SEED = 0
MOST = 50_000
"""Examples of a sample."""
_BOUNDS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class PairedEvaluation:
    """Examples with their truth; what models answer for them is compared in pairs.

    Accuracies have closed forms that hold for small samples too; of every other metric 1,000 bootstrap samples of the
    examples are taken (Efron 1979), the same ones each time; of more than 50,000 examples smaller ones, and what varies
    in them is scaled (Bickel, Goetze and van Zwet 1997).
    """

    objective: Objective
    targets: Array
    raw: Arrays

    def score(self, values: Array) -> float:
        """Return the score of answers [N, ...]."""
        return self.objective.score(self.targets, values, self.raw)

    def scores(self, values: Array) -> dict[str, float]:
        """Return every metric of answers [N, ...]."""
        return self.objective.scores(self.targets, values, self.raw)

    def right(self, values: Array) -> Array | None:
        """Return for each example whether its answer is right, or None where answers are not right or wrong."""
        if self.objective.metric is not Metric.ACCURACY or not isinstance(self.objective, ClassObjective):
            return None
        hits: Array = self.objective.predicted(values) == self.targets
        return hits

    def error(self, values: Array) -> float:
        """Return the standard error of a score."""
        right = self.right(values)
        if right is not None:
            return accuracy_error(int(right.sum()), len(right))
        score = self._sampled(values)
        return float(np.nanstd([score(chosen) for chosen in self._samples()])) * self._scale

    def interval(self, values: Array) -> Interval:
        """Return the 95 % interval of a score."""
        right = self.right(values)
        if right is not None:
            return wilson_interval(int(right.sum()), len(right))
        return self._bounds(self._sampled(values), self.score(values))

    def drop(self, baseline: Array, values: Array) -> float:
        """Return the loss of quality: of a share the difference, of an error its growth relative to the baseline's."""
        before, after = self.right(baseline), self.right(values)
        if before is not None and after is not None:  # counted whole: 0.98 - 0.96 is more than 0.02 in floating point
            return (int(before.sum()) - int(after.sum())) / len(before)
        return self._drop(self.score(baseline), self.score(values))

    def drop_interval(self, baseline: Array, values: Array) -> Interval:
        """Return the paired 95 % interval of the loss."""
        before, after = self.right(baseline), self.right(values)
        if before is not None and after is not None:
            lost, gained = int(np.count_nonzero(before & ~after)), int(np.count_nonzero(after & ~before))
            return paired_drop_interval(lost, gained, len(before))

        first, second = self._sampled(baseline), self._sampled(values)
        whole = self._drop(self.score(baseline), self.score(values))
        return self._bounds(lambda chosen: self._drop(first(chosen), second(chosen)), whole)

    def _drop(self, before: float, after: float) -> float:
        if self.objective.metric.maximized:
            return before - after
        return (after - before) / before if before > 0 else float(after > 0)

    def _samples(self) -> Iterator[Array]:
        generator, count = np.random.default_rng(_SEED), len(self.targets)
        return (generator.integers(0, count, min(count, MOST)) for _ in range(RESAMPLES))

    @property
    def _scale(self) -> float:
        """Return how much a sample of all examples would vary, by how much one of these does."""
        return math.sqrt(min(1.0, MOST / len(self.targets)))

    def _sampled(self, values: Array) -> Callable[[Array], float]:
        """Return what gives the score of some examples."""
        if isinstance(self.objective, MeanObjective):
            each = self.objective.each(self.targets, values, self.raw)
            return lambda chosen: float(each[chosen].mean())
        return lambda chosen: self.objective.score(self.targets[chosen], values[chosen], Chosen(self.raw, chosen))

    def _bounds(self, of: Callable[[Array], float], whole: float) -> Interval:
        """Return the interval of what is computed of samples, and of all examples is `whole`."""
        bounds = np.nanpercentile([of(chosen) for chosen in self._samples()], _BOUNDS)
        low, high = bounds if self._scale == 1 else whole + (bounds - whole) * self._scale
        return float(low), float(high)
