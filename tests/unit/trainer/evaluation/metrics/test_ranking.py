import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.evaluation.metrics.ranking import ndcg, recall

DISCOUNTS = [1 / math.log2(rank + 2) for rank in range(10)]


@pytest.mark.parametrize(
    ("ranked", "wanted", "gain", "share"),
    [
        ([3, 1, 2], [3], 1.0, 1.0),
        ([3, 1, 2], [1], DISCOUNTS[1], 1.0),
        ([3, 1, 2], [9], 0.0, 0.0),
        ([3, 1, 2], [2, 3], (1 + DISCOUNTS[2]) / (1 + DISCOUNTS[1]), 1.0),
        ([3, 1, 2], [1, 2, 3, 4, 5], 1.0, 1.0),
        ([3, 1, 2], [1, 7, 8, 9], DISCOUNTS[1] / sum(DISCOUNTS[:3]), 1 / 3),
        ([3, -1, -1], [3, 4], 1 / (1 + DISCOUNTS[1]), 0.5),
        ([3, 1, 2], [], math.nan, math.nan),
    ],
)
def test_a_ranking_is_measured(ranked: list[int], wanted: list[int], gain: float, share: float) -> None:
    rows, sets = np.array([ranked], dtype=np.int64), [np.array(wanted, dtype=np.int64)]
    np.testing.assert_allclose(ndcg(rows, sets), [gain], rtol=1e-12)
    np.testing.assert_allclose(recall(rows, sets), [share], rtol=1e-12)


@given(st.permutations(range(12)), st.sets(st.integers(0, 11), min_size=1), st.integers(0, 8))
def test_a_wanted_item_further_in_front_is_never_worse(order: list[int], wanted: set[int], place: int) -> None:
    better = list(order)
    if better[place + 1] in wanted and better[place] not in wanted:
        better[place], better[place + 1] = better[place + 1], better[place]
    sets = [np.array(sorted(wanted), dtype=np.int64)] * 2
    before, after = ndcg(np.array([order[:10], better[:10]], dtype=np.int64), sets)
    assert 0 <= before <= after <= 1 + 1e-12


def test_unequal_numbers_of_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rankings and 1 sets"):
        ndcg(np.zeros((2, 3), dtype=np.int64), [np.array([1])])
