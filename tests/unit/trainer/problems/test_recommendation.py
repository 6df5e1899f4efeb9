"""What is learned of users and items: columns, splits, refusals."""

from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataSource
from idla_preprocess.interactions import InteractionsSpec
from idla_preprocess.items import Rating
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.table import Table
from idla_trainer.problems.recommendation.examples import prepare
from idla_trainer.problems.recommendation.ratings import Ratings

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.refusals import refused

ROWS = 400


def columns(rows: int = ROWS, seed: int = 0) -> dict[str, Any]:
    """Return ratings of 20 users and 40 items, none of them twice."""
    generator = np.random.default_rng(seed)
    pairs = generator.permutation(20 * 40)[:rows]
    return {
        "user": objects([f"u{pair // 40}" for pair in pairs]),
        "item": (pairs % 40).astype(np.float64),
        "rating": generator.integers(1, 6, rows).astype(np.float64),
    }


def prepared(
    table: dict[str, Any], *, metric: Metric = Metric.RMSE, test: dict[str, Any] | None = None, **roles: Any
) -> Dataset:
    problem = Problem(type=TaskType.RECOMMENDATION, metric=metric)
    source = DataSource(uri="pvc://claim/ratings.csv", columns=Columns(**roles))
    held_out = None if test is None else Table(test)
    return prepare(Table(table), source, problem, digest="sha256:" + "0" * 64, test=held_out)


def owned(dataset: Dataset, part: Any) -> dict[str, list[int]]:
    """Return the positions of each user in a part."""
    found: dict[str, list[int]] = {}
    for position in part.tolist():
        found.setdefault(dataset.raw["user"][position], []).append(position)
    return found


def test_ratings_are_split_and_users_and_items_known_by_the_training_part() -> None:
    table = columns()
    dataset = prepared(table)
    parts = dataset.parts
    assert sorted(np.concatenate([parts.train, parts.validation, parts.gate, parts.test]).tolist()) == list(range(ROWS))
    spec, train = dataset.preprocess, parts.train
    assert isinstance(spec, InteractionsSpec)
    assert spec.rates
    assert spec.users.tolist() == sorted(set(table["user"][train].tolist()))
    assert spec.items.tolist() == sorted({str(int(item)) for item in table["item"][train]})
    assert dataset.answers == Rating()
    targets = table["rating"][train]
    assert dataset.objective == Ratings(
        metric=Metric.RMSE, center=float(targets.mean()), scale=float(targets.std()), lowest=1.0, highest=5.0
    )
    assert dict(dataset.facts) == {
        "users": 20, "items": 40, "filledPercent": 50.0, "split": "random",
    }  # fmt: skip
    assert dataset.warnings == ()


def test_of_each_user_the_latest_ratings_are_the_test() -> None:
    table = columns() | {"timestamp": np.random.default_rng(1).permutation(ROWS).astype(np.float64)}
    dataset = prepared(table)
    parts, times = dataset.parts, table["timestamp"]
    learned, tested = owned(dataset, parts.train), owned(dataset, parts.test)
    assert tested
    for user, positions in tested.items():
        earlier = learned[user] + owned(dataset, np.concatenate([parts.validation, parts.gate])).get(user, [])
        assert times[earlier].max() < times[positions].min()
        assert len(positions) == (len(positions) + len(earlier)) * 20 // 100
    assert dataset.facts["split"] == "latest of each user"


def test_times_may_be_texts() -> None:
    numbers = np.random.default_rng(1).permutation(ROWS)
    stamps = objects([str(np.datetime64("2026-01-01T00:00:00") + np.timedelta64(int(n), "m")) for n in numbers])
    of_texts = prepared(columns() | {"timestamp": stamps}).parts
    of_numbers = prepared(columns() | {"timestamp": numbers.astype(np.float64)}).parts
    assert of_texts.test.tolist() == of_numbers.test.tolist()


def test_what_a_user_says_of_an_item_twice_stays_in_one_part() -> None:
    table = {name: np.concatenate([values, values]) for name, values in columns().items()}
    dataset = prepared(table)
    part = np.empty(2 * ROWS, int)
    for number, positions in enumerate((dataset.parts.train, dataset.parts.validation, dataset.parts.test)):
        part[positions] = number
    part[dataset.parts.gate] = 3
    assert (part[:ROWS] == part[ROWS:]).all()
    assert dataset.warnings == ("400 ratings are copies of an earlier one; copies stay in the same split",)


@pytest.mark.parametrize("timed", [pytest.param(False, id="at random"), pytest.param(True, id="by time")])
def test_what_a_test_file_holds_is_not_learned_from(*, timed: bool) -> None:
    def with_times(table: dict[str, Any]) -> dict[str, Any]:
        return table | {"timestamp": np.arange(float(len(table["user"])))} if timed else table

    table = columns()
    test = {name: values[:60] for name, values in table.items()}
    dataset = prepared(with_times(table), test=with_times(test))
    assert dataset.parts.test.tolist() == list(range(ROWS, ROWS + 60))
    learned = np.concatenate([dataset.parts.train, dataset.parts.validation, dataset.parts.gate])
    assert learned.min() == 60


def test_strangers_get_the_number_zero() -> None:
    dataset = prepared(columns())
    raw = {"user": objects(["nobody", "u1"]), "item": objects(["1", "nothing"])}
    tensors = dataset.preprocess.to_tensors(raw)
    assert tensors["user"].tolist()[0] == 0 < tensors["user"].tolist()[1]
    assert tensors["item"].tolist()[1] == 0 < tensors["item"].tolist()[0]


def changed(**columns_: Any) -> dict[str, Any]:
    table = columns() | columns_
    return {name: values for name, values in table.items() if values is not None}


MISSING = columns()["rating"].copy()
MISSING[7] = np.nan
NAMELESS = objects(["u1", " ", *columns()["user"][2:]])


@pytest.mark.parametrize(
    ("table", "roles", "reason"),
    [
        pytest.param(changed(user=None, userId=columns()["user"]), {}, FailureReason.DATA_INVALID,
                     id="no column of users"),
        pytest.param(changed(), {"item": "film"}, FailureReason.DATA_INVALID, id="no such column"),
        pytest.param(changed(rating=None), {}, FailureReason.DATA_INVALID, id="no ratings"),
        pytest.param(changed(rating=objects(["good"] * ROWS)), {}, FailureReason.DATA_INVALID, id="ratings in words"),
        pytest.param(changed(rating=MISSING), {}, FailureReason.NOT_FINITE, id="a missing rating"),
        pytest.param(changed(rating=np.full(ROWS, 3.0)), {}, FailureReason.DATA_INVALID, id="one rating"),
        pytest.param(changed(user=NAMELESS), {}, FailureReason.DATA_INVALID, id="a user without a name"),
        pytest.param(changed(timestamp=objects(["soon"] * ROWS)), {}, FailureReason.DATA_INVALID, id="no times"),
        pytest.param(changed(timestamp=objects([*["2024-01-31"] * (ROWS - 1), "soon"])), {},
                     FailureReason.DATA_INVALID, id="a time in words"),
        pytest.param(changed(timestamp=objects(["01/02/2024"] * ROWS)), {}, FailureReason.DATA_INVALID,
                     id="times of two orders"),
        pytest.param(changed(user=objects(["NA", *columns()["user"][1:]])), {}, FailureReason.DATA_INVALID,
                     id="a user that is missing"),
        pytest.param({name: values[:8] for name, values in columns().items()}, {}, FailureReason.TOO_FEW_EXAMPLES,
                     id="eight ratings"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_refused(
    table: dict[str, Any], roles: dict[str, Any], reason: FailureReason, golden: Golden
) -> None:
    found, said = refused(lambda: prepared(table, **roles))
    golden(said)
    assert found == reason
