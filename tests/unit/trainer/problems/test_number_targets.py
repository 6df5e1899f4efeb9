"""The strata by which examples with a number to predict are split."""

import numpy as np
from idla_trainer.problems.number_targets import quantile_strata


def test_a_group_is_in_the_stratum_of_its_mean() -> None:
    targets = np.arange(200, dtype=np.float32)
    groups = np.arange(200)
    groups[[50, 199]] = 0
    strata, names = quantile_strata(targets, groups)
    assert names == ("quantile 0", "quantile 1", "quantile 2")
    assert strata[[0, 50, 199]].tolist() == [1, 1, 1]
    assert np.bincount(strata[np.unique(groups)]).tolist() == [66, 66, 66]


def test_few_examples_are_one_stratum() -> None:
    strata, names = quantile_strata(np.arange(60, dtype=np.float32), np.arange(60))
    assert (strata.tolist(), names) == ([0] * 60, ("quantile 0",))
