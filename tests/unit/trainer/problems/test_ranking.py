"""The objective of a ranking: what counts, what is left out, what the baseline is."""

import numpy as np
from idla_contract.problem import Metric
from idla_trainer.objective import MeanObjective
from idla_trainer.problems.recommendation.ranking import Ranking

NDCG = Ranking(metric=Metric.NDCG_AT_10, items=4)
RECALL = Ranking(metric=Metric.RECALL_AT_10, items=4)
TARGETS = np.array([[1, -3, 0], [2, 4, 0], [5, -1, -2]], np.int32)
VALUES = np.array([[2.0, 3.0, 9.0, 1.0], [0.0, 3.0, 1.0, 2.0], [9.0, 9.0, 1.0, 2.0]], np.float32)


def test_seen_items_are_not_ranked_and_unknown_ones_never_found() -> None:
    second = 1 / np.log2(3)
    np.testing.assert_allclose(NDCG.each(TARGETS, VALUES, {}), [second, 1.0, 0.0])
    np.testing.assert_allclose(RECALL.each(TARGETS, VALUES, {}), [1.0, 1.0, 0.0])


def test_a_score_is_the_mean_of_the_users() -> None:
    assert isinstance(NDCG, MeanObjective)
    for objective in (NDCG, RECALL):
        assert objective.score(TARGETS, VALUES, {}) == np.mean(objective.each(TARGETS, VALUES, {}))


def test_the_naive_answer_is_how_often_an_item_is_wanted() -> None:
    learned = np.array([[2, 4, 0], [2, -1, 0], [2, 1, 5]], np.int32)
    found = NDCG.naive(learned, {"user": np.array(["a", "b"], dtype=object)})
    assert found.tolist() == [[1.0, 3.0, 0.0, 1.0]] * 2
