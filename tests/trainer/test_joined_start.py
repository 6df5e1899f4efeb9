"""What the classifier of embeddings and n-grams begins with is the most probable of all weights."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from idla_contract.problem import Metric
from idla_trainer.data.dataset import Examples
from idla_trainer.models.text import joined_start
from idla_trainer.models.text.joined_start import Deviations, find_weights
from idla_trainer.problems.classification import Classification

pytestmark = pytest.mark.trainer

TEXTS, FEATURES, LENGTH, WIDTH, CLASSES = 60, 12, 4, 3, 3
OBJECTIVE = Classification(metric=Metric.ACCURACY, classes=CLASSES)
NARROW, WIDE = Deviations(0.1, 0.1), Deviations(3.0, 1.5)


def examples(*, counts: npt.NDArray[np.float32] | None = None) -> Examples:
    """Return texts whose class both their embedding and an n-gram tell; the last n-gram is in none of them."""
    random = np.random.default_rng(0)
    targets = np.arange(TEXTS) % CLASSES
    embedding = random.normal(np.eye(CLASSES)[targets], 0.7).astype(np.float32)
    ids = np.array([random.choice(np.arange(4, FEATURES - 1), LENGTH, replace=False) for _ in targets])
    told = random.random(TEXTS) < 0.8
    ids[told, 0] = targets[told] + 1
    ids[::5, -1] = 0
    weights = random.uniform(0.2, 1.0, ids.shape).astype(np.float32) * (ids > 0)
    inputs = {"ids": ids.astype(np.int32), "weights": weights.astype(np.float32), "embedding": embedding}
    return Examples(inputs, targets, {}, counts)


def cost(some: Examples, found: Sequence[npt.NDArray[np.floating]], prior: Deviations) -> float:
    """Return the mean cross-entropy with the share of both priors, as the textbook has it."""
    bias, embedding, ngrams = (np.asarray(each, np.float64) for each in found)
    logits = some.inputs["embedding"] @ embedding + bias
    logits += (ngrams[some.inputs["ids"]] * some.inputs["weights"][:, :, np.newaxis]).sum(axis=1)
    counts = np.ones(len(some)) if some.weights is None else some.weights
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(some)), some.targets]
    penalties = (embedding**2).sum() / (2 * prior.embedding**2) + (ngrams**2).sum() / (2 * prior.ngrams**2)
    return float(((losses * counts).sum() + penalties) / len(some))


@pytest.mark.parametrize("prior", [pytest.param(NARROW, id="narrow"), pytest.param(WIDE, id="wide")])
@pytest.mark.parametrize("weighted", [False, True], ids=["all alike", "of different counts"])
def test_no_weights_near_them_are_more_probable(prior: Deviations, *, weighted: bool) -> None:
    some = examples(counts=np.linspace(0.5, 2, TEXTS, dtype=np.float32) if weighted else None)
    found = find_weights(some, OBJECTIVE, FEATURES, [prior], seed=0)
    assert [each.shape for each in found] == [(CLASSES,), (WIDTH, CLASSES), (FEATURES, CLASSES)]
    least, random = cost(some, found, prior), np.random.default_rng(1)
    for size in (0.1, 0.01):
        for _ in range(20):
            moved = tuple(each + random.normal(0, size, each.shape) for each in found)
            assert cost(some, moved, prior) > least
    np.testing.assert_allclose(found[2][[0, FEATURES - 1]], 0, atol=1e-6)  # the padding, and what no text has


@pytest.mark.parametrize("choices", [[NARROW, WIDE], [WIDE, NARROW]], ids=["last", "first"])
def test_held_out_texts_choose_the_prior(choices: list[Deviations]) -> None:
    found = find_weights(examples(), OBJECTIVE, FEATURES, choices, seed=0)
    for one, other in zip(found, find_weights(examples(), OBJECTIVE, FEATURES, [WIDE], seed=0), strict=True):
        np.testing.assert_array_equal(one, other)


def test_too_many_weights_of_n_grams_begin_at_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined_start, "_MOST_WEIGHTS", FEATURES * CLASSES - 1)
    _, embedding, ngrams = find_weights(examples(), OBJECTIVE, FEATURES, [WIDE], seed=0)
    assert (bool(embedding.any()), bool(ngrams.any()), ngrams.shape) == (True, False, (FEATURES, CLASSES))
