"""What the classifier of embeddings and n-grams begins with: the most probable weights, their priors chosen by texts.

Steps of batches come near to these weights late: on embeddings that costs points of accuracy. Which prior is right
depends on the classes and on what tells them apart, so a part of the training texts is held out to choose it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from idla_trainer.data.dataset import Examples
from idla_trainer.data.split import Indices
from idla_trainer.models.lbfgs import Vector, minimize
from idla_trainer.objective import Objective

_log = logging.getLogger(__name__)
_JUDGED, _MOST_JUDGED = 0.2, 1250
"""Share of the texts that is held out, and how many texts take part in a choice at most."""
_MOST = 50_000
"""Texts; more hardly move the weights, while every step would look at all of them."""
_MOST_WEIGHTS = 10_000_000
"""Beyond them the n-grams begin at 0: what finds their weights keeps many times as many numbers."""
_STEPS, _FEWEST, _WORK = 200, 30, 20_000_000
"""Steps at most; of many weights of n-grams as many as move so many numbers, but not fewer than the second."""

Array = npt.NDArray[np.float32]
Weights = tuple[Array, ...]
"""The bias [classes], the weights of the embedding [384, classes] and those of the n-grams [F, classes]."""


@dataclass(frozen=True, slots=True)
class Deviations:
    """What is expected of the weights before any text is seen: a normal distribution around 0."""

    ngrams: float
    embedding: float


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts as a linear model sees them."""

    ngrams: Any
    """A sparse tensor [N, F]."""
    embeddings: Any
    """[N, 384]."""
    targets: Any
    """Class numbers [N]."""
    counts: Any
    """What each counts in the mean loss [N]."""

    def logits(self, bias: Any, embedding: Any, ngrams: Any | None = None) -> Any:
        """Return what the weights make of the texts, [N, classes]; without those of n-grams they are 0."""
        found = self.embeddings @ embedding + bias
        return found if ngrams is None else found + tf.sparse.sparse_dense_matmul(self.ngrams, ngrams)


def find_weights(
    examples: Examples, objective: Objective, features: int, choices: Sequence[Deviations], *, seed: int
) -> Weights:
    """Return the mode of likelihood and prior, by the prior that is best on held-out texts where there are several.

    Args:
        examples: with `ids`, `weights` and `embedding`, and class numbers as targets.
        objective: its loss, and how many classes there are.
        features: ids that there are, the padding's among them.
        choices: of the prior, one or more.
        seed: of what is held out, and of what is looked at where there are very many texts.
    """
    order, columns = np.random.default_rng(seed).permutation(len(examples)), np.arange(features)
    chosen = choices[0]
    if len(choices) > 1:
        asked, learned = np.split(order[:_MOST_JUDGED], [max(1, round(len(order[:_MOST_JUDGED]) * _JUDGED))])
        # What no learned text has keeps the weight 0.
        known = np.unique(examples.inputs["ids"][learned])
        texts, held_out = (_texts(examples, part, known) for part in (learned, asked))
        losses = [_loss(held_out, objective, _fit(texts, objective, choice)) for choice in choices]
        chosen = choices[int(np.argmin(losses))]
        best = f"{chosen.ngrams:g} for n-grams, {chosen.embedding:g} for the embedding"
        _log.info("of %d priors the best on %d held-out training texts: %s", len(choices), len(asked), best)
    return _fit(_texts(examples, np.sort(order[:_MOST]), columns), objective, chosen)


def _fit(texts: Texts, objective: Objective, prior: Deviations) -> Weights:
    """Return the weights of some texts: those of the embedding alone first, then all of them from there."""
    (classes,) = objective.shape
    count, width = texts.embeddings.shape
    shares = [1 / (2 * deviation**2 * count) for deviation in (prior.embedding, prior.ngrams)]

    def slope(*weights: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            losses = objective.loss(texts.targets, texts.logits(*weights)) * texts.counts
            _, *penalised = weights
            penalties = [share * tf.reduce_sum(each**2) for share, each in zip(shares, penalised, strict=False)]
            total = tf.add_n([tf.reduce_sum(losses), *penalties])
        return total, tape.gradient(total, weights)

    shapes = [(classes,), (width, classes), (int(texts.ngrams.shape[1]), classes)]
    begun = _minimize(slope, [np.zeros(shape, np.float32) for shape in shapes[:2]], steps=_STEPS)
    ngrams = np.zeros(shapes[2], np.float32)
    if ngrams.size > _MOST_WEIGHTS:
        return *begun, ngrams
    return tuple(_minimize(slope, [*begun, ngrams], steps=int(np.clip(_WORK // ngrams.size, _FEWEST, _STEPS))))


def _minimize(slope: Any, start: Sequence[Array], *, steps: int) -> list[Array]:
    """Return the weights of the least value, from those of the start on."""
    borders, run = np.cumsum([each.size for each in start])[:-1], tf.function(slope)

    def parts(place: Vector) -> list[Array]:
        split = np.split(place.astype(np.float32), borders)
        return [part.reshape(each.shape) for part, each in zip(split, start, strict=True)]

    def at(place: Vector) -> tuple[float, Vector]:
        value, gradients = run(*map(tf.constant, parts(place)))
        return float(value), np.concatenate([each.numpy().ravel() for each in gradients]).astype(np.float64)

    return parts(minimize(at, np.concatenate([each.ravel() for each in start]).astype(np.float64), steps=steps))


def _loss(texts: Texts, objective: Objective, weights: Weights) -> float:
    return float(tf.reduce_sum(objective.loss(texts.targets, texts.logits(*weights)) * texts.counts))


def _texts(examples: Examples, part: Indices, columns: Indices) -> Texts:
    """Return some texts with those n-grams that the ascending columns name."""
    ids, weights = (examples.inputs[name][part] for name in ("ids", "weights"))
    places = np.minimum(np.searchsorted(columns, ids), len(columns) - 1)
    rows, slots = np.nonzero((columns[places] == ids) & (ids > 0))
    found = places[rows, slots]
    order = np.lexsort((found, rows))
    counts = np.ones(len(part), np.float32) if examples.weights is None else examples.weights[part]
    indices = np.stack([rows, found], axis=1)[order].astype(np.int64)
    return Texts(
        ngrams=tf.SparseTensor(indices, weights[rows, slots][order], (len(part), len(columns))),
        embeddings=tf.constant(examples.inputs["embedding"][part]),
        targets=tf.constant(examples.targets[part]),
        counts=tf.constant(counts / len(part), tf.float32),
    )
