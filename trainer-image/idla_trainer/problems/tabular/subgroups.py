"""Classes of records, with the metric of each subgroup beside that of all."""

from dataclasses import dataclass

import numpy as np
from idla_preprocess import Array, Arrays
from typing_extensions import override

from idla_trainer.problems.classification import Classification

FEWEST = 20
"""Examples that a subgroup needs: of fewer a metric says little."""
MOST = 8
"""Values that a column may have to be reported by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupClassification(Classification):
    """A classifier's objective whose scores tell how well it does for each value of some raw inputs."""

    subgroups: tuple[tuple[str, tuple[str, ...]], ...]
    """Names of raw inputs that hold texts, with the values that are reported."""

    @override
    def scores(self, targets: Array, values: Array, raw: Arrays) -> dict[str, float]:
        """Return every metric, and `<metric>[<input>=<value>]` for each value that 20 examples or more have."""
        scores = Classification.scores(self, targets, values, raw)
        for column, texts in self.subgroups:
            for text in texts:
                chosen = np.asarray(raw[column]) == text
                if np.count_nonzero(chosen) >= FEWEST:
                    found = self.score(targets[chosen], values[chosen], {})
                    if np.isfinite(found):
                        scores[f"{self.metric}[{column}={text}]"] = found
        return scores


def reported(columns: Arrays, names: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the columns [N] of texts among `names` with their values, but those that have more than eight.

    Args:
        columns: of the training part.
        names: of those that a user named as categorical.
    """
    found = []
    for name in names:
        values = tuple(sorted({text for text in columns[name] if text}))
        if 1 < len(values) <= MOST:
            found.append((name, values))
    return tuple(found)
