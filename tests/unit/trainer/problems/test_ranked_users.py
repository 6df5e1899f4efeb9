"""What is learned of users who meet items: examples, splits, what is known of each, refusals."""

from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataSource, Split
from idla_preprocess.interactions import InteractionsSpec
from idla_preprocess.items import Items
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Parts
from idla_trainer.data.table import Table
from idla_trainer.failures import TaskError
from idla_trainer.problems.recommendation import ranked_users as module
from idla_trainer.problems.recommendation.columns import Interactions
from idla_trainer.problems.recommendation.examples import prepare
from idla_trainer.problems.recommendation.ranked_users import ranked_users
from idla_trainer.problems.recommendation.ranking import Ranking, wanted_in

from tests.columns import objects


def columns(*, users: int = 20, each: int = 20, timed: bool = True) -> dict[str, Any]:
    """Return meetings of users who each meet so many of 40 items, none twice."""
    generator = np.random.default_rng(0)
    items = np.concatenate([generator.permutation(40)[:each] for _ in range(users)])
    found = {"user": objects([f"u{row // each:02}" for row in range(users * each)]), "item": items.astype(np.float64)}
    return found | ({"timestamp": generator.permutation(users * each).astype(np.float64)} if timed else {})


def prepared(table: dict[str, Any], *, test: dict[str, Any] | None = None, split: Split | None = None) -> Dataset:
    problem = Problem(type=TaskType.RECOMMENDATION, metric=Metric.NDCG_AT_10)
    source = DataSource(uri="pvc://claim/visits.csv", columns=Columns(), split=split or Split())
    held_out = None if test is None else Table(test)
    return prepare(Table(table), source, problem, digest="sha256:" + "0" * 64, test=held_out)


def met_by(table: dict[str, Any], user: str) -> list[str]:
    """Return the items of a user, the earliest first."""
    own = np.flatnonzero(table["user"] == user)
    return [str(int(item)) for item in table["item"][own[np.argsort(table["timestamp"][own])]]]


def named(dataset: Dataset, row: int) -> tuple[list[str], list[str]]:
    """Return what an example has seen and what it wants, in the order of the targets; '?' is an unknown item."""
    spec = dataset.preprocess
    assert isinstance(spec, InteractionsSpec)
    names = [*spec.items.tolist(), "?"]
    target = dataset.targets[row]
    return [names[-number - 1] for number in target[target < 0]], [names[number - 1] for number in target[target > 0]]


def test_of_each_user_the_latest_meetings_are_wanted_and_the_earlier_ones_seen() -> None:
    table = columns()
    dataset = prepared(table)
    spec = dataset.preprocess
    assert isinstance(spec, InteractionsSpec)
    assert not spec.rates
    known = set(spec.items.tolist())
    for row in dataset.parts.train.tolist():
        assert named(dataset, row) == ([], met_by(table, dataset.raw["user"][row])[:13])
    for row in np.concatenate([dataset.parts.validation, dataset.parts.gate]).tolist():
        own = met_by(table, dataset.raw["user"][row])
        assert named(dataset, row) == (own[:13], [item if item in known else "?" for item in own[13:16]])
    for row in dataset.parts.test.tolist():
        own = met_by(table, dataset.raw["user"][row])
        seen, wanted = named(dataset, row)
        assert seen == [item for item in own[:16] if item in known]
        assert wanted == [item if item in known else "?" for item in own[16:]]
    assert [len(part) for part in (dataset.parts.train, dataset.parts.validation, dataset.parts.test)] == [20, 20, 20]
    assert dataset.objective == Ranking(metric=Metric.NDCG_AT_10, items=len(known), ordered=True)
    assert dict(dataset.facts) == {
        "interactions": 400, "users": 20, "items": 40, "filledPercent": 50.0, "split": "latest of each user",
    }  # fmt: skip


def test_the_served_answers_know_all_but_the_test() -> None:
    table = columns()
    answers = prepared(table).answers
    assert isinstance(answers, Items)
    for number, user in enumerate(answers.users.tolist(), start=1):
        assert set(answers.items[answers.seen_by(number)].tolist()) == set(met_by(table, user)[:16])


def test_without_times_random_meetings_are_wanted() -> None:
    dataset = prepared(columns(timed=False))
    assert dataset.objective == Ranking(metric=Metric.NDCG_AT_10, items=40, ordered=False)
    assert dataset.facts["split"] == "random"
    assert [len(wanted) for wanted in wanted_in(dataset.targets[dataset.parts.test])] == [4] * 20


def test_a_second_meeting_counts_as_the_earliest_of_them() -> None:
    table = columns()
    again = {name: values[:5] for name, values in table.items()} | {"timestamp": np.arange(-5.0, 0.0)}
    dataset = prepared({name: np.concatenate([table[name], again[name]]) for name in table})
    first = [str(int(item)) for item in again["item"]]
    seen_first = named(dataset, int(dataset.parts.train[0]))[1]
    assert seen_first[:5] == first
    assert len(seen_first) == 13
    assert dataset.warnings == ("5 interactions are of a user who had met the item before, and are left out",)


def test_what_a_test_file_holds_is_wanted_and_not_learned_from() -> None:
    table = columns()
    stranger = {"user": objects(["nobody"]), "item": np.array([3.0]), "timestamp": np.array([0.0])}
    test = {name: np.concatenate([values[:5], stranger[name]]) for name, values in table.items()}
    dataset = prepared(table, test=test)
    assert dataset.raw["user"][dataset.parts.test].tolist() == ["nobody", "u00"]
    unseen, tested = (named(dataset, row) for row in dataset.parts.test.tolist())
    assert unseen == ([], ["3"])
    assert sorted(tested[1]) == sorted(str(int(item)) for item in table["item"][:5])
    learned = named(dataset, int(dataset.parts.train[0]))[1]
    assert not set(learned) & set(tested[1])
    assert not set(tested[0]) & set(tested[1])


def test_of_too_many_users_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SCORES", 40 * 7)
    dataset = prepared(columns())
    assert [len(part) for part in (dataset.parts.train, dataset.parts.validation, dataset.parts.test)] == [20, 7, 7]
    assert dataset.warnings == ("of the users of a part 7 are drawn and judged, since there are 40 items to rank",)


def test_users_of_too_few_meetings_are_refused() -> None:
    with pytest.raises(TaskError) as refusal:
        prepared(columns(each=3))
    assert refusal.value.reason is FailureReason.TOO_FEW_EXAMPLES
    assert str(refusal.value) == (
        "60 interactions of 20 users are too few of each: of 20 % of a user's to test and 16 % to validate no whole "
        "one is left. Give users with more interactions"
    )


def test_more_than_the_memory_holds_is_refused() -> None:
    found = Interactions(objects(["a"] * 6), objects([str(item) for item in range(6)]), None, None)
    parts = Parts(train=np.arange(3), validation=np.array([3]), gate=np.array([], np.int64), test=np.array([4, 5]))
    names = np.array([str(item) for item in range(6)])
    with pytest.raises(TaskError) as refusal:
        ranked_users(found, np.zeros(6, np.int64), parts, names, seed=0, memory=71)
    assert refusal.value.reason is FailureReason.DATA_INVALID
    assert str(refusal.value) == (
        "data.storageUri: 3 examples of users of whom one has 6 items would take 72 bytes, 71 are free for them; leave "
        "out users with unusually many interactions, or raise spec.resources.limits.memory"
    )
    assert ranked_users(found, np.zeros(6, np.int64), parts, names, seed=0, memory=72).targets.tolist() == [
        [1, 2, 3, 0, 0, 0], [4, -1, -2, -3, 0, 0], [5, 6, -1, -2, -3, -4],
    ]  # fmt: skip
