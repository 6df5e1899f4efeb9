"""The closed form that a training of rankings begins with."""

from typing import Any

import numpy as np
import pytest
from idla_trainer.models.recommendation import ranking_start
from idla_trainer.models.recommendation.incidence import Incidence, Matrix, factored
from idla_trainer.models.recommendation.ranking_start import Scores, ranked

USERS, ITEMS = 60, 40


def meetings(seed: int = 0) -> Incidence:
    """Return meetings of users of two tastes, who mostly meet items of their kind."""
    random = np.random.default_rng(seed)
    users, items = np.divmod(random.permutation(USERS * ITEMS), ITEMS)
    met = random.random(len(users)) < np.where((users % 2) == (items % 2), 0.4, 0.05)
    return Incidence.of(users[met], items[met], 1.0, (USERS, ITEMS))


def dense(met: Incidence) -> Matrix:
    return met.times(np.eye(met.width))


def scored(found: Scores) -> Matrix:
    total: Matrix = found.users[1:] @ found.items + found.biases
    return total


def start(met: Incidence, **changed: Any) -> Scores:
    settings: dict[str, Any] = {"width": ITEMS, "ridge": 10.0, "half_life": np.inf, "seed": 0}
    return ranked(met, **(settings | changed))


def test_what_a_user_has_not_met_is_scored_by_the_linear_models() -> None:
    """The relation is that of Steck (2019): no diagonal, and the least squares of each item by all the others."""
    met = meetings()
    table, found = dense(met), scored(start(met))
    gram = table.T @ table
    models = np.empty((ITEMS, ITEMS))
    for item in range(ITEMS):
        others = np.arange(ITEMS) != item
        models[others, item] = np.linalg.solve(
            gram[np.ix_(others, others)] + 10 * np.eye(ITEMS - 1), gram[others, item]
        )
        models[item, item] = 0.0
    wanted = table @ models
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] == pytest.approx(1.0)


def test_both_inverses_give_the_same_scores() -> None:
    met = meetings()
    one = ranking_start._by_items(met, 10.0)
    two = ranking_start._by_users(met, 10.0)
    drawn = np.random.default_rng(1).normal(size=(ITEMS, 3))
    np.testing.assert_allclose(two.times(drawn), one.times(drawn), atol=1e-10)
    np.testing.assert_allclose(two.transposed(drawn), one.transposed(drawn), atol=1e-10)


@pytest.mark.parametrize("most", [pytest.param(8192, id="linear models"), pytest.param(8, id="projection")])
def test_tastes_are_found(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(ranking_start, "_DENSE", most)
    met = meetings()
    unmet = dense(met) == 0
    found = scored(start(met, width=4))
    alike = (np.arange(USERS)[:, None] % 2) == (np.arange(ITEMS) % 2)
    assert found[unmet & alike].mean() > found[unmet & ~alike].mean() + found[unmet].std()


def test_scores_are_logits_of_what_was_met() -> None:
    met = meetings()
    chances = 1 / (1 + np.exp(-scored(start(met))))
    assert chances.mean() == pytest.approx(dense(met).mean(), abs=0.01)


def test_a_stranger_is_scored_by_what_all_meet() -> None:
    random = np.random.default_rng(2)
    met = random.random((USERS, ITEMS)) < np.linspace(0.05, 0.6, ITEMS)
    rows, columns = np.nonzero(met)
    found = start(Incidence.of(rows, columns, 1.0, (USERS, ITEMS)))
    assert not found.users[0].any()
    assert np.corrcoef(found.biases, met.mean(axis=0))[0, 1] > 0.9


def test_the_latest_meetings_say_most() -> None:
    """One user whose taste has turned: with a short half-life the items of the new kind win."""
    turned = [*np.arange(0, 20, 2), *np.arange(21, 40, 2)]
    rows, columns = np.nonzero(dense(meetings())[1:])
    met = Incidence.of(
        np.concatenate([np.zeros(len(turned), int), rows + 1]), np.concatenate([turned, columns]), 1.0, (USERS, ITEMS)
    )
    left = np.setdiff1d(np.arange(ITEMS), turned)

    def lead(half_life: float) -> float:
        own = scored(start(met, half_life=half_life))[0]
        return float(own[left[left % 2 == 1]].mean() - own[left[left % 2 == 0]].mean())

    assert lead(2.0) > max(0.0, lead(np.inf))


def test_equal_seeds_give_equal_scores_and_factors_past_the_rank_are_zero() -> None:
    one, two = start(meetings(), width=100), start(meetings(), width=100)
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in Scores.__slots__)
    assert (one.users.shape, one.items.shape, one.biases.shape) == ((USERS + 1, 100), (100, ITEMS), (ITEMS,))
    assert not one.users[:, ITEMS:].any()
    assert not one.items[ITEMS:].any()


def test_the_factors_of_products_are_the_best_of_their_rank() -> None:
    matrix = np.random.default_rng(4).normal(size=(30, 20)) @ np.diag(0.7 ** np.arange(20))
    left, right = factored(lambda other: matrix @ other, lambda other: matrix.T @ other, (30, 20), 5, seed=0)
    rows, sizes, columns = np.linalg.svd(matrix, full_matrices=False)
    np.testing.assert_allclose(left @ right, rows[:, :5] * sizes[:5] @ columns[:5], atol=1e-6)
