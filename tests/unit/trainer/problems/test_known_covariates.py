"""What is known ahead of series: which columns hold it, how cells lie beside the windows, and what is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import Columns, DataSource
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.table import Table
from idla_trainer.problems.series.examples import prepare
from idla_trainer.problems.series.resampling import resample

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.refusals import refused

GAP = float("nan")
ROWS = 60


def table(**columns: Any) -> Table:
    return Table({name: np.asarray(column) for name, column in columns.items()})


def wide(rows: int = ROWS, **more: Any) -> Table:
    """Return two sensors, and whether a row is a promotion: each third one."""
    count = np.arange(rows)
    parts = {"timestamp": 3600 * count, "a": count + 0.0, "b": count + 0.5, "promo": count % 3 // 2 + 0.0}
    return table(**parts | more)


def long(rows: int = ROWS, **more: Any) -> Table:
    """Return the sales of two shops, which have promotions and prices of their own."""
    count = np.arange(rows)
    parts = {
        "shop": objects(["n"] * rows + ["s"] * rows), "timestamp": np.tile(3600 * count, 2),
        "sold": np.arange(2.0 * rows), "price": np.r_[count % 5, 10 + count % 5] + 0.0,
    }  # fmt: skip
    return table(**parts | more)


def columns(*names: str, **more: Any) -> Columns:
    return Columns(known_covariates=names, **more)


def prepared(found: Table, asked: Columns, test: Table | None = None) -> Dataset:
    problem = Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, history=3, horizon=2)
    source = DataSource(uri="sample://x", columns=asked, test_uri=None if test is None else "sample://y")
    return prepare(found, source, problem, digest="sha256:" + "0" * 64, test=test).described(found.columns)


def of(dataset: Dataset) -> dict[str, list[Any]]:
    """Return the inputs of the eleventh window."""
    return {name: values[10].tolist() for name, values in dataset.raw.items() if name != "time"}


def test_the_steps_of_a_window_and_of_its_target_are_beside_it() -> None:
    dataset = prepared(wide(), columns("promo"))
    assert of(dataset) == {"series": [[10, 10.5], [11, 11.5], [12, 12.5]], "promo": [0, 1, 0, 0, 1]}
    assert dataset.targets[10].tolist() == [[13, 13.5], [14, 14.5]]
    assert dataset.examples(dataset.parts.train).inputs["covariates"].shape == (len(dataset.parts.train), 5, 1, 1)


def test_each_series_of_a_long_table_has_its_own() -> None:
    dataset = prepared(long(), columns("price", series=("shop",), target="sold"))
    assert of(dataset)["price"] == [[0, 10], [1, 11], [2, 12], [3, 13], [4, 14]]
    assert [(each.name, each.shape) for each in dataset.preprocess.inputs] == [
        ("series", (-1, 3, 2)),
        ("price", (-1, 5, 2)),
    ]


def test_what_a_gap_has_is_missing() -> None:
    found = wide(holiday=objects(["x", "y"] * 30))
    some = Table({name: column[np.arange(ROWS) != 12] for name, column in found.columns.items()})
    found_inputs = of(prepared(some, columns("promo", "holiday")))
    assert np.nan_to_num(found_inputs["promo"], nan=-1).tolist() == [0, 1, -1, 0, 1]
    assert found_inputs["holiday"] == ["x", "y", "", "y", "x"]


def test_rows_after_the_last_target_are_known_ahead() -> None:
    sold = np.arange(ROWS + 0.0)
    sold[-2:] = GAP
    dataset = prepared(wide(a=sold, b=sold), columns("promo"))
    assert dataset.raw["promo"][-1].tolist() == [0, 1, 0, 0, 1]
    assert len(dataset.raw["promo"]) == len(dataset.targets)


@pytest.mark.parametrize(
    ("cells", "asked", "expected"),
    [
        pytest.param(np.arange(ROWS) % 2 == 0, {}, [1, 0, 1, 0, 1], id="truth values"),
        pytest.param(np.arange(ROWS) % 2, {"categorical": ("it",)}, ["0", "1", "0", "1", "0"], id="numbers as names"),
        pytest.param(np.arange(ROWS) % 2, {"types": {"it": "Category"}}, ["0", "1", "0", "1", "0"], id="by type"),
        pytest.param(objects(["1,5", "2,5"] * 30), {}, [1.5, 2.5, 1.5, 2.5, 1.5], id="decimal commas"),
        pytest.param(objects(["yes", "no"] * 30), {}, ["yes", "no", "yes", "no", "yes"], id="names"),
    ],
)
def test_cells_are_numbers_or_names(cells: npt.NDArray[Any], asked: dict[str, Any], expected: list[Any]) -> None:
    dataset = prepared(wide(it=cells), columns("it", "promo", **asked))
    assert of(dataset)["it"] == expected
    kinds = {each.name: (each.role, each.type) for each in dataset.columns}
    assert kinds["it"] == ("covariate", "Category" if isinstance(expected[0], str) else "Number")
    assert {name for name, (role, _) in kinds.items() if role == "target"} == {"a", "b"}


def test_a_test_file_goes_on_with_them() -> None:
    found, all_cells = wide(80, it=objects([""] * 80)), wide(80, it=objects(["x", "y"] * 40))
    first = Table({name: column[:60] for name, column in all_cells.columns.items()})
    grid = resample(first, columns("promo", "it"), None, test=Table({n: c[60:] for n, c in found.columns.items()}))
    np.testing.assert_array_equal(grid.covariates["promo"], found.columns["promo"])
    assert grid.covariates["it"].tolist() == ["x", "y"] * 30 + [""] * 20


def test_what_says_nothing_is_left_out() -> None:
    dataset = prepared(wide(never=np.zeros(ROWS)), columns("promo", "never"))
    told = "'never' of knownCovariates are left out: no value, or one alone, in the training part says nothing"
    assert told in dataset.warnings
    assert [each.name for each in dataset.preprocess.inputs] == ["series", "promo"]
    plain = prepared(wide(promo=np.zeros(ROWS)), columns("promo"))
    without = prepared(wide(), Columns(features=("a", "b")))
    assert plain.preprocess.content() == without.preprocess.content()


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        pytest.param(wide(), columns("price"), id="not there"),
        pytest.param(wide(), columns("a", target="a"), id="the target"),
        pytest.param(wide(), columns("a", features=("a", "b")), id="a feature"),
        pytest.param(wide(), columns("timestamp"), id="the time"),
        pytest.param(long(), columns("shop", series=("shop",)), id="the series"),
        pytest.param(wide(time=np.arange(ROWS)), columns("time"), id="the name of another input"),
        pytest.param(wide(), columns("promo", categorical=("a",)), id="a sensor as names"),
        pytest.param(wide(), columns("promo", types={"a": "Category"}), id="a sensor as a category"),
        pytest.param(wide(), columns("promo", types={"promo": "Ignored"}), id="ignored"),
        pytest.param(wide(it=np.zeros((ROWS, 2))), columns("it"), id="arrays"),
        pytest.param(wide(it=objects([b"x"] * ROWS)), columns("it"), id="files"),
        pytest.param(wide(300, it=objects([f"x{n}" for n in range(300)])), columns("it"), id="too many names"),
        pytest.param(wide(it=objects(["x", ""] * 30)), Columns(), id="a text that nobody called known ahead"),
    ],
)
def test_what_is_refused(found: Table, asked: Columns, golden: Golden) -> None:
    reason, said = refused(lambda: prepared(found, asked))
    golden(said)
    assert reason == "DataInvalid"
