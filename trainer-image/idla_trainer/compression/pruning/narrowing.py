"""Smaller networks from a larger one: the channels, columns and rows that matter least leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from idla_trainer.compression.distill import Arrays, DistillationTask
from idla_trainer.compression.keras_graph import KerasGraph, read_graph
from idla_trainer.compression.pruning.batch_norm import recalibrate_batch_norm
from idla_trainer.compression.pruning.channels import Analysis, analyse_channels
from idla_trainer.compression.pruning.embeddings import drop_embedding_rows, rotate_embeddings
from idla_trainer.compression.pruning.gradients import weight_times_gradient
from idla_trainer.compression.pruning.importance import rank_by_loss
from idla_trainer.compression.pruning.layer_rules import RULES
from idla_trainer.compression.pruning.prune import remove_channels, select_channels

_MULTIPLE = 4
_ROWS = 0.5
"""Power of the share of channels that gives the share of rows of a vocabulary that stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Narrowing:
    """What is known of a baseline before channels are taken from it."""

    keras_graph: KerasGraph
    analysis: Analysis
    scores: Mapping[int, float]
    inputs: Arrays
    """To learn from."""
    seed: int

    @classmethod
    def of(cls, baseline: Any, distillation: DistillationTask, *, seed: int) -> Self:
        """Return what the loss of the training examples says of the channels of a network."""
        keras_graph = read_graph(rotate_embeddings(baseline))
        analysis = analyse_channels(keras_graph.graph, RULES)
        products = weight_times_gradient(keras_graph, distillation.data, distillation.loss, seed=seed)
        return cls(keras_graph, analysis, rank_by_loss(analysis, products), distillation.data.inputs, seed)

    def narrowed(self, share: float) -> Any:
        """Return the network with a share of the channels; it has learned nothing yet."""
        removed = select_channels(self.analysis.groups, self.scores, keep=share, multiple=_MULTIPLE)
        narrow = remove_channels(self.keras_graph, self.analysis, removed)
        student = drop_embedding_rows(narrow, self.inputs, keep=share**_ROWS)
        recalibrate_batch_norm(student, self.inputs, seed=self.seed)
        return student


def size_of(keras_graph: KerasGraph, analysis: Analysis, share: float) -> float:
    """Return the share of the weights that a network with a share of its channels has."""
    scores = {int(channel): 0.0 for group in analysis.groups for channel in group.channels}
    removed = select_channels(analysis.groups, scores, keep=share, multiple=_MULTIPLE)
    if not len(removed):
        return 1.0
    smaller = remove_channels(keras_graph, analysis, removed)
    return float(smaller.count_params() / keras_graph.model.count_params())
