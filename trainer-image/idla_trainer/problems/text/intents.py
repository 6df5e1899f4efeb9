"""Sentences of a dialog with one intent each, and what a model does with a sentence that is none of them."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Problem
from idla_contract.task import DataSource
from idla_preprocess import Answers, Array, Arrays
from idla_preprocess.intents import Intents
from idla_preprocess.text import TextSpec
from typing_extensions import override

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import drawn
from idla_trainer.data.table import Table
from idla_trainer.evaluation.metrics import classification as metrics
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.text import examples as text

OUT_OF_SCOPE_AUROC = "outOfScopeAuroc"
"""How well intents that a light model never saw are told from those that it knows."""
_REFUSED = -1
_HELD_OUT = 0.2
"""The share of the intents that the light model never sees."""
_FEWEST = 5
"""Intents from which on some can be held out."""
_RECALLS = np.linspace(0.9, 0.99, 10)
"""Shares of the sentences in scope that a threshold may let pass."""
_USUAL = 0.95
_SHARPNESS = 20.0
_MOST = 20_000
"""Texts that the light model learns from, and that it is evaluated on."""
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Scope:
    """How well a light model tells held-out intents from known ones, and what follows."""

    recall: float
    """The share of the sentences in scope that is best let pass."""
    threshold: float
    auroc: float | None = None
    fpr_at_95: float | None = None
    """The share of the sentences out of scope that passes where 95 % of those in scope do."""


def prepare(
    table: Table, source: DataSource, problem: Problem, *, digest: str, test: Table | None = None, whole: bool = False
) -> Dataset:
    """Return the data set of texts and intents, with answers that refuse what is out of scope.

    A fifth of the intents is held out of a light model of the training split; the share of validation sentences in
    scope that passes is chosen where the light model tells both kinds apart best, from 0.90 to 0.99. The threshold of
    the trained network follows from that share by `Intents.calibrated`. Where all is learned from, as `Parts.merged`
    says, nothing is held out and nothing refused: such a network takes the threshold over.

    Raises:
        TaskError: the columns, texts or labels cannot be used.
    """
    dataset = text.prepare(table, source, problem, digest=digest, test=test, whole=whole)
    if whole:
        return replace(dataset, answers=Intents(dataset.classes, threshold=0.0, recall=_USUAL))
    scope = scope_of(dataset, seed=source.split.seed)
    facts = {"inScopeRecall": scope.recall}
    if scope.auroc is not None and scope.fpr_at_95 is not None:
        facts |= {OUT_OF_SCOPE_AUROC: scope.auroc, "outOfScopeFprAtRecall95": scope.fpr_at_95}
    return replace(
        dataset,
        answers=Intents(dataset.classes, scope.threshold, scope.recall),
        facts={**dataset.facts, **facts},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentClassification(Classification):
    """The same with the refusal: a sentence in scope that is refused is answered wrongly."""

    threshold: float
    """Confidence under which an answer is refused."""

    @override
    def predicted(self, values: Array) -> Array:
        """Return the number of each answer's intent [N], -1 where it is refused."""
        return np.where(values.max(axis=1) < self.threshold, _REFUSED, values.argmax(axis=1))

    @override
    def scores(self, targets: Array, values: Array, raw: Arrays) -> dict[str, float]:
        """Return every metric of classes, and the share of the sentences in scope that are not refused."""
        accepted = float(np.mean(self.predicted(values) != _REFUSED))
        return {**Classification.scores(self, targets, values, raw), "acceptedShare": accepted}


def as_received(objective: Objective, answers: Answers) -> Objective:
    """Return an objective that measures what a client receives."""
    if not isinstance(answers, Intents) or not isinstance(objective, Classification):
        return objective
    return IntentClassification(**asdict(objective), threshold=answers.threshold)


def scope_of(dataset: Dataset, *, seed: int) -> Scope:
    """Return what held-out intents teach about the refusal.

    Args:
        dataset: texts with classes; its training and validation parts are used.
        seed: decides which intents are held out.
    """
    count = len(dataset.classes)
    if count < _FEWEST:
        return Scope(recall=_USUAL, threshold=0.0)
    chosen = np.random.default_rng(seed).permutation(count)[: max(1, round(count * _HELD_OUT))]
    parts, targets = dataset.parts, dataset.targets
    train = parts.train[~np.isin(targets[parts.train], chosen)]
    asked = np.concatenate([parts.validation, parts.train[np.isin(targets[parts.train], chosen)]])
    train, asked = (drawn(positions, _MOST, seed=seed) for positions in (train, asked))
    unknown = np.isin(targets[asked], chosen)
    texts = dataset.raw["text"]
    confidence = light_confidence(texts[train], targets[train], texts[asked])
    inside, outside = confidence[~unknown], confidence[unknown]
    if not len(inside):
        return Scope(recall=_USUAL, threshold=0.0)
    limits = np.quantile(inside, 1 - _RECALLS, method="lower")
    gains = [float((outside < limit).mean()) + recall for limit, recall in zip(limits, _RECALLS, strict=True)]
    best = int(np.argmax(gains))
    usual = np.quantile(inside, 1 - _USUAL, method="lower")
    return Scope(
        recall=round(float(_RECALLS[best]), 2),
        threshold=float(limits[best]),
        auroc=metrics.auc((~unknown).astype(np.int64), np.stack([1 - confidence, confidence], axis=1)),
        fpr_at_95=float((outside >= usual).mean()),
    )


def light_confidence(
    texts: npt.NDArray[Any], targets: npt.NDArray[np.int64], asked: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the largest probability [M] that a model of class centroids (Rocchio) gives each asked text.

    Args:
        texts: training texts [N].
        targets: class numbers [N].
        asked: texts [M].
    """
    spec = TextSpec.fitted(texts)
    classes, numbers = np.unique(targets, return_inverse=True)
    learned = spec.to_tensors({"text": texts})
    places = numbers[:, np.newaxis] * spec.features + learned["ids"]
    sums = np.bincount(places.ravel(), learned["weights"].ravel(), minlength=len(classes) * spec.features)
    sums = sums.reshape(len(classes), spec.features)
    centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), _SMALLEST)
    found = spec.to_tensors({"text": asked})
    scores = np.empty((len(asked), len(classes)))
    for number, centroid in enumerate(centroids):
        scores[:, number] = (centroid[found["ids"]] * found["weights"]).sum(axis=1)
    scores = np.exp(_SHARPNESS * (scores - scores.max(axis=1, keepdims=True)))
    shares: npt.NDArray[np.float64] = scores.max(axis=1) / scores.sum(axis=1)
    return shares
