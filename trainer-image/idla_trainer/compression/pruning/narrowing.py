"""Smaller networks from a larger one: the channels, columns and rows that matter least leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from idla_trainer.compression.distill import Arrays, Lesson
from idla_trainer.compression.keras_graph import Reading, read
from idla_trainer.compression.pruning.batch_norm import reestimate
from idla_trainer.compression.pruning.channels import Analysis, analysed
from idla_trainer.compression.pruning.embeddings import with_concentrated_columns, with_fewer_rows
from idla_trainer.compression.pruning.gradients import products
from idla_trainer.compression.pruning.importance import by_loss
from idla_trainer.compression.pruning.layer_rules import RULES
from idla_trainer.compression.pruning.prune import selected, without

_MULTIPLE = 4
_ROWS = 0.5
"""Power of the share of channels that gives the share of rows of a vocabulary that stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Narrowing:
    """What is known of a baseline before channels are taken from it."""

    reading: Reading
    analysis: Analysis
    scores: Mapping[int, float]
    inputs: Arrays
    """To learn from."""
    seed: int

    @classmethod
    def of(cls, baseline: Any, lesson: Lesson, *, seed: int) -> Self:
        """Return what a lesson says of the channels of a network."""
        reading = read(with_concentrated_columns(baseline))
        analysis = analysed(reading.graph, RULES)
        scores = by_loss(analysis, products(reading, lesson.data, lesson.loss, seed=seed))
        return cls(reading, analysis, scores, lesson.data.inputs, seed)

    def narrowed(self, share: float) -> Any:
        """Return the network with a share of the channels; it has learned nothing yet."""
        removed = selected(self.analysis.families, self.scores, keep=share, multiple=_MULTIPLE)
        narrow = without(self.reading, self.analysis, removed).model
        student = with_fewer_rows(narrow, self.inputs, keep=share**_ROWS)
        reestimate(student, self.inputs, seed=self.seed)
        return student


def size_of(reading: Reading, analysis: Analysis, share: float) -> float:
    """Return the share of the weights that a network with a share of its channels has."""
    scores = {int(channel): 0.0 for family in analysis.families for channel in family.channels}
    removed = selected(analysis.families, scores, keep=share, multiple=_MULTIPLE)
    if not len(removed):
        return 1.0
    smaller = without(reading, analysis, removed).model
    return float(smaller.count_params() / reading.model.count_params())
