"""How sure scores and drops are, where the score is a mean of the examples and where it is not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric
from idla_trainer.evaluation import paired
from idla_trainer.evaluation.paired import PairedEvaluation
from idla_trainer.objective import MeanObjective
from idla_trainer.problems.recommendation.ranking import Ranking
from idla_trainer.problems.regression import Regression

DRAWN = np.random.default_rng(0)
RANKING = Ranking(metric=Metric.NDCG_AT_10, items=30)
TARGETS = np.array([DRAWN.permutation(30)[:6] + 1 for _ in range(50)], np.int32) * np.array([1, 1, 1, -1, -1, -1])
VALUES = DRAWN.normal(size=(50, 30))


@dataclass(frozen=True)
class Whole:
    """The same objective without what each example adds."""

    metric = Metric.NDCG_AT_10

    def score(self, targets: Any, values: Any, raw: Any) -> float:
        return RANKING.score(targets, values, raw)


@pytest.mark.parametrize("method", ["error", "interval", "drop", "drop_interval"])
def test_samples_of_a_mean_are_those_of_the_whole_score(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "RESAMPLES", 50)  # it holds of each sample
    whole: Any = Whole()
    assert isinstance(RANKING, MeanObjective)
    assert not isinstance(whole, MeanObjective)
    given = (VALUES, VALUES + 0.3) if method.startswith("drop") else (VALUES,)
    found, wanted = (
        getattr(PairedEvaluation(objective, TARGETS, {}), method)(*given) for objective in (RANKING, whole)
    )
    np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("method", ["error", "interval", "drop_interval"])
def test_smaller_samples_of_many_examples_say_the_same(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    targets = generator.normal(size=4000)
    close, closer = ((targets + spread * generator.normal(size=4000))[:, np.newaxis] for spread in (0.6, 0.5))
    evaluation = PairedEvaluation(Regression.fitted(Metric.RMSE, targets), targets, {})
    given = (close, closer) if method == "drop_interval" else (close,)
    whole = getattr(evaluation, method)(*given)
    monkeypatch.setattr(paired, "MOST", 400)
    np.testing.assert_allclose(getattr(evaluation, method)(*given), whole, rtol=0.1)
