"""For a refit every kind of task learns from all but the test examples, and these stay the same ones."""

from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import Columns, DataSource, Split
from idla_preprocess.intents import Intents
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.source import Origin
from idla_trainer.problems.registry import load_dataset

from tests import generated
from tools.samples import samples_folder

FILM = {"user": "userId", "item": "movieId", "timestamp": "timestamp"}
TEXTS = Columns(label="0", text="1")
KINDS = {
    "images": (Problem(), DataSource(uri="sample://digits")),
    "texts": (
        Problem(type=TaskType.TEXT_CLASSIFICATION, metric=Metric.F1, positive_label="spam"),
        DataSource(uri="pvc://datasets/messages.tsv", columns=TEXTS),
    ),
    "texts with a test file": (
        Problem(type=TaskType.TEXT_CLASSIFICATION),
        DataSource(
            uri="pvc://datasets/intents/train.csv", test_uri="pvc://datasets/intents/test.csv",
            columns=Columns(label="category", text="text"),
            split=Split(train_percent=90, validation_percent=10, test_percent=0),
        ),
    ),
    "intents": (
        Problem(type=TaskType.INTENT_DETECTION),
        DataSource(uri="pvc://datasets/intents/train.csv", columns=Columns(label="category", text="text")),
    ),
    "classes of records": (
        Problem(type=TaskType.TABULAR_CLASSIFICATION, metric=Metric.LOG_LOSS),
        DataSource(uri="pvc://datasets/tumours.csv", columns=Columns(label="9")),
    ),
    "numbers of records": (
        Problem(type=TaskType.TABULAR_REGRESSION, metric=Metric.RMSE),
        DataSource(uri="pvc://datasets/houses.csv", columns=Columns(label="price")),
    ),
    "series": (
        Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, history=12, horizon=12, period_seconds=300),
        DataSource(uri="pvc://datasets/speeds.csv", header=True),
    ),
    "rankings": (
        Problem(type=TaskType.RECOMMENDATION, metric=Metric.NDCG_AT_10),
        DataSource(uri="pvc://datasets/ratings.csv", columns=Columns(**FILM)),
    ),
    "ratings": (
        Problem(type=TaskType.RECOMMENDATION, metric=Metric.RMSE),
        DataSource(uri="pvc://datasets/ratings.csv", columns=Columns(rating="rating", **FILM)),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    folder = tmp_path_factory.mktemp("data")
    generated.write(folder)
    return Origin(data_mount=folder, samples=samples_folder(), downloads=folder / "downloads")


def shown(dataset: Dataset, part: Any) -> list[str]:
    """Return what the examples of a part are, a missing number among them."""
    arrays = [dataset.targets, *dataset.raw.values()]
    return [repr([np.asarray(array[place]).tolist() for array in arrays]) for place in part]


@pytest.mark.parametrize("kind", [*KINDS])
def test_all_but_the_test_is_learned_from(kind: str, origin: Origin) -> None:
    problem, source = KINDS[kind]
    before, whole = (load_dataset(problem, source, origin, whole=choice) for choice in (False, True))
    assert (len(whole.parts.validation), len(whole.parts.gate)) == (0, 0)
    assert len(set(whole.parts.train) & set(whole.parts.test)) == 0
    assert whole.digest == before.digest
    assert whole.classes == before.classes


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"rankings", "ratings"}))
def test_the_test_examples_stay_the_same(kind: str, origin: Origin) -> None:
    problem, source = KINDS[kind]
    before, whole = (load_dataset(problem, source, origin, whole=choice) for choice in (False, True))
    assert whole.parts.test.tolist() == before.parts.test.tolist()
    assert shown(whole, whole.parts.test) == shown(before, before.parts.test)
    known = np.concatenate([before.parts.train, before.parts.validation, before.parts.gate])
    assert set(known) <= set(whole.parts.train)


@pytest.mark.parametrize(("metric", "columns"), [(Metric.RMSE, {"rating": "rating"}), (Metric.NDCG_AT_10, {})])
def test_what_users_are_tested_by_stays_the_same(metric: Metric, columns: dict[str, str], origin: Origin) -> None:
    problem = Problem(type=TaskType.RECOMMENDATION, metric=metric)
    source = DataSource(uri="pvc://datasets/ratings.csv", columns=Columns(**FILM, **columns))
    before, whole = (load_dataset(problem, source, origin, whole=choice) for choice in (False, True))
    assert shown(whole, whole.parts.test) == shown(before, before.parts.test)


def test_a_forecast_learns_from_windows_that_end_before_the_test_rows(origin: Origin) -> None:
    problem, source = KINDS["series"]
    before, whole = (load_dataset(problem, source, origin, whole=choice) for choice in (False, True))
    assert whole.parts.train.max() + problem.horizon <= before.parts.test.min()
    gained = set(whole.parts.train) - {*before.parts.train, *before.parts.validation, *before.parts.gate}
    assert gained, "windows across the borders of parts that no longer exist"


def test_nothing_is_refused_until_the_threshold_is_taken_over(origin: Origin) -> None:
    problem, source = KINDS["intents"]
    whole = load_dataset(problem, source, origin, whole=True)
    assert isinstance(whole.answers, Intents)
    assert (whole.answers.threshold, whole.facts.keys() & {"outOfScopeAuroc", "inScopeRecall"}) == (0.0, set())
