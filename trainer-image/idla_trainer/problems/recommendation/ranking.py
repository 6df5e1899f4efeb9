"""The best items of a user: binary cross-entropy over all items, evaluated by the first ten."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Metric
from idla_preprocess import Array, Arrays
from idla_preprocess.items import best

from idla_trainer.evaluation.metrics.ranking import ndcg, recall

_FIRST = 10
_MEASURES = {Metric.NDCG_AT_10: ndcg, Metric.RECALL_AT_10: recall}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The objective of a ranking of all items; what is served is a score of each, [N, items].

    The targets of a user are int32 [L]: `n` for the wanted item with the number n, counted from 1, `-n` for one that
    the user has seen before, which is neither learned from nor ranked, 0 for nothing. A wanted item with a number above
    `items` is one that nobody could know: no ranking holds it.
    """

    metric: Metric
    items: int
    ordered: bool = False
    """Whether the wanted items of the training examples stand in the order in which they were met."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return one logit for each item."""
        return (self.items,)

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Return the binary cross-entropy [N], the mean over the items that are not seen.

        Args:
            targets: tensor [N, L].
            outputs: tensor [N, items].
        """
        import tensorflow as tf

        wanted = self._marked(targets, tf.logical_and(targets > 0, targets <= self.items))
        open_ = 1.0 - self._marked(-targets, targets < 0)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(wanted, outputs) * open_
        return tf.reduce_sum(losses, axis=1) / tf.maximum(tf.reduce_sum(open_, axis=1), 1.0)

    def _marked(self, numbers: Any, chosen: Any) -> Any:
        """Return a tensor [N, items] with 1 at the chosen ones of the numbers [N, L]."""
        import tensorflow as tf

        places = tf.where(chosen)
        marks = tf.stack([places[:, 0], tf.cast(tf.gather_nd(numbers, places), tf.int64) - 1], axis=1)
        shape = tf.stack([tf.shape(numbers, tf.int64)[0], tf.constant(self.items, tf.int64)])
        return tf.minimum(tf.scatter_nd(marks, tf.ones(tf.shape(marks)[:1]), shape), 1.0)

    def finish(self, outputs: Any) -> Any:
        """Return the scores: the logits, since shares of 8 bits would have too few steps for a ranking."""
        import keras

        return keras.layers.Activation("linear", name="scores")(outputs)

    def each(self, targets: Array, values: Array, raw: Arrays) -> npt.NDArray[np.float64]:
        """Return `metric` of each user [N]; the score is its mean."""
        del raw
        return _MEASURES[self.metric](self._ranked(targets, values), wanted_in(targets))

    def scores(self, targets: Array, values: Array, raw: Arrays) -> dict[str, float]:
        """Return `ndcgAt10` and `recallAt10` over the full catalogue, means of the users."""
        del raw
        ranked, wanted = self._ranked(targets, values), wanted_in(targets)
        return {name.value: float(np.mean(measure(ranked, wanted))) for name, measure in _MEASURES.items()}

    def score(self, targets: Array, values: Array, raw: Arrays) -> float:
        """Return `metric`."""
        return float(np.mean(self.each(targets, values, raw)))

    def naive(self, targets: Array, raw: Arrays) -> Array:
        """Return for every user how often each item is wanted in the training examples, [M, items]."""
        counts = np.bincount(np.concatenate(wanted_in(targets)) + 1, minlength=self.items + 1)[1 : self.items + 1]
        count = len(next(iter(raw.values())))
        return np.broadcast_to(counts.astype(np.float32), (count, self.items))

    def _ranked(self, targets: Array, values: Array) -> npt.NDArray[np.int64]:
        return best(values, [-row[row < 0] - 1 for row in targets], min(_FIRST, self.items))


def wanted_in(targets: Array) -> Sequence[npt.NDArray[np.integer]]:
    """Return for each row of targets [N, L] the positions of the wanted items, counted from 0."""
    return [row[row > 0] - 1 for row in targets]
