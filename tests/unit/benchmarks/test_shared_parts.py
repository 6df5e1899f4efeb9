"""What the benchmarks' figures rest on: folds that share no example, and intervals of paired differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.models.breast_cancer import better, scores
from benchmarks.models.folds import folds
from benchmarks.models.peers import bootstrap, interval

EXAMPLES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=1, max_size=60)


@given(EXAMPLES, st.integers(2, 6), st.integers(0, 3))
def test_every_example_is_tested_once_and_no_group_is_on_both_sides(
    examples: list[tuple[int, int]], count: int, seed: int
) -> None:
    labels, groups = zip(*examples, strict=True)
    tested = []
    for learned, asked in folds(labels, groups, count, seed):
        assert sorted([*learned, *asked]) == list(range(len(examples)))
        assert not {groups[place] for place in learned} & {groups[place] for place in asked}
        tested += asked.tolist()
    assert sorted(tested) == list(range(len(examples)))


def test_each_label_is_dealt_out_evenly() -> None:
    labels = [0] * 40 + [1] * 13
    sizes = [np.bincount(np.array(labels)[asked], minlength=2).tolist() for _, asked in folds(labels, range(53), 5, 0)]
    assert {label for label, _ in sizes} == {8}
    assert sorted(label for _, label in sizes) == [2, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        pytest.param([1.0, 1.0, 1.0], (1.0, 1.0, 1.0), id="no-spread"),
        # t(0.975, 9) = 2.2622; the standard deviation of 1..10 is 3.0277
        pytest.param([float(n) for n in range(1, 11)], (5.5, 3.3341, 7.6659), id="ten"),
        # t(0.975, 4) = 2.7764; the standard deviation of 1..5 is 1.5811
        pytest.param([1.0, 2.0, 3.0, 4.0, 5.0], (3.0, 1.0368, 4.9632), id="five"),
        # t(0.975, 2) = 4.3027
        pytest.param([1.0, 2.0, 3.0], (2.0, -0.4842, 4.4842), id="three"),
    ],
)
def test_the_interval_is_that_of_students_t(differences: list[float], expected: tuple[float, float, float]) -> None:
    assert interval(differences) == pytest.approx(expected, abs=0.005)


def test_the_bootstrap_is_paired() -> None:
    ours = np.arange(200) % 2 == 0
    assert bootstrap(ours, ours) == (0.0, 0.0, 0.0)
    middle, low, high = bootstrap(ours, np.zeros(200, bool))
    assert middle == 0.5
    assert 0.42 < low < 0.45
    assert 0.55 < high < 0.58


def test_the_scores_of_probabilities() -> None:
    truth = np.array([1, 1, 0, 0])
    found = scores(truth, np.array([0.8, 0.5, 0.5, 0.2]))
    assert found == pytest.approx({"logLoss": 0.458145, "brier": 0.145, "auc": 0.875}, abs=1e-6)
    assert better(found, {"logLoss": 0.5, "brier": 0.1, "auc": 0.9}) == pytest.approx(
        {"logLoss": 0.041855, "brier": -0.045, "auc": -0.025}, abs=1e-6
    )
