"""Forecasting: windows and their parts in time, the grid of timestamps, the objective's figures, refusals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataSource, Split
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.table import Table
from idla_trainer.failures import TaskError
from idla_trainer.problems.series.examples import prepare
from idla_trainer.problems.series.forecast import Forecast
from idla_trainer.problems.series.resampling import resample
from idla_trainer.problems.series.times import times_of

from tests.columns import objects

GAP = float("nan")


def table(**columns: Any) -> Table:
    return Table({name: np.asarray(column) for name, column in columns.items()})


def ramps(rows: int) -> Table:
    """Return two sensors whose values tell their row."""
    return table(a=np.arange(rows, dtype=np.float64), b=np.arange(rows) + 0.5)


def prepared(
    found: Table, *, test: Table | None = None, split: Mapping[str, int] | None = None, **asked: Any
) -> Dataset:
    source = DataSource(uri="sample://x", split=Split(**(split or {})))
    problem = Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, **({"history": 4, "horizon": 3} | asked))
    return prepare(found, source, problem, digest="sha256:" + "0" * 64, test=test)


def rows_of(dataset: Dataset, part: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Return the first and the last row that are targets of a part."""
    targets = dataset.targets[part][..., 0]
    return int(targets.min()), int(targets.max())


def test_a_target_follows_its_window() -> None:
    dataset = prepared(ramps(100))
    assert dataset.raw["series"].shape == (94, 4, 2)
    assert dataset.targets.shape == (94, 3, 2)
    assert dataset.raw["series"][10].tolist() == [[10, 10.5], [11, 11.5], [12, 12.5], [13, 13.5]]
    assert dataset.targets[10].tolist() == [[14, 14.5], [15, 15.5], [16, 16.5]]


def test_windows_are_views_of_one_array() -> None:
    dataset = prepared(ramps(100))
    assert np.shares_memory(dataset.raw["series"], dataset.targets)


def test_the_parts_follow_one_another_and_share_no_target() -> None:
    dataset = prepared(ramps(1000))
    parts = dataset.parts
    assert [rows_of(dataset, part) for part in (parts.train, parts.validation, parts.gate, parts.test)] == [
        (4, 639),
        (640, 719),
        (720, 799),
        (800, 999),
    ]
    assert dataset.raw["series"][parts.test[0]][:, 0].tolist() == [796, 797, 798, 799]


@given(st.integers(120, 400), st.integers(1, 9), st.integers(1, 9), st.integers(10, 30), st.integers(10, 30))
def test_no_target_is_in_two_parts(rows: int, history: int, horizon: int, validation: int, test: int) -> None:
    shares = {"trainPercent": 100 - validation - test, "validationPercent": validation, "testPercent": test}
    dataset = prepared(ramps(rows), split=shares, history=history, horizon=horizon)
    parts = dataset.parts
    borders = [rows_of(dataset, part) for part in (parts.train, parts.validation, parts.gate, parts.test) if len(part)]
    flat = [row for pair in borders for row in pair]
    assert flat == sorted(flat)
    assert len(set(flat[1:-1:2]) & set(flat[2:-1:2])) == 0


def test_the_scaling_knows_the_training_rows_alone() -> None:
    rows = np.r_[np.zeros(64), np.ones(36) * 1e6]
    dataset = prepared(table(a=rows, b=np.arange(100.0)))
    assert dataset.preprocess.arrays()["location"].tolist() == [0, 31.5]


def test_a_test_file_goes_on_where_the_other_ends() -> None:
    dataset = prepared(ramps(100), test=table(a=np.arange(100, 130.0), b=np.arange(100, 130.0)))
    assert rows_of(dataset, dataset.parts.test) == (100, 129)
    assert rows_of(dataset, dataset.parts.validation) == (80, 99)


def test_windows_without_a_known_target_are_in_no_part() -> None:
    values = np.arange(100.0)
    values[20:30] = GAP
    dataset = prepared(table(a=values, b=values))
    assert sorted(set(range(61)) - set(dataset.parts.train)) == [16, 17, 18, 19, 20, 21, 22, 23, *range(58, 61)]
    assert dataset.facts["missingShare"] == 0.1
    assert "known" in dataset.examples(dataset.parts.train).inputs


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(table(a=np.arange(100.0) % 30, b=np.ones(100)),
                     ["1 of 2 sensors have one value alone"], id="constant"),
        pytest.param(table(a=np.r_[np.full(64, GAP), np.ones(36)], b=np.arange(100.0)),
                     ["1 of 2 sensors have no known value"], id="unknown"),
        pytest.param(table(a=np.where(np.arange(100) % 9 == 0, 0.0, 50.0 + np.arange(100) % 4), b=np.arange(100.0)),
                     ["1 of 2 sensors are 0 at times"], id="zeros"),
    ],
)  # fmt: skip
def test_what_harms_a_forecast_is_told(found: Table, expected: list[str]) -> None:
    warnings = prepared(found).warnings
    assert len(warnings) == len(expected)
    assert all(told.startswith(begin) for told, begin in zip(warnings, expected, strict=True))


@pytest.mark.parametrize(
    ("times", "start", "rows"),
    [
        pytest.param(["2024-01-01T00:00:00Z", "2024-01-01T00:05:00Z", "2024-01-01T00:15:00Z"], 1704067200, 4, id="gap"),
        pytest.param(["2024-01-01T01:00:00+01:00", "2024-01-01 00:05", "2024-01-01T00:10"], 1704067200, 3, id="offset"),
        pytest.param(["2024-01-01T00:10", "2024-01-01", "2024-01-01T00:05"], 1704067200, 3, id="disorder"),
    ],
)
def test_rows_are_put_where_their_time_says(times: list[str], start: int, rows: int) -> None:
    grid = resample(table(timestamp=objects(times), a=np.array([1.0, 2.0, 3.0])), Columns(), 300)
    assert (grid.start, grid.period_seconds, len(grid.values), grid.sensors) == (start, 300, rows, ("a",))


def test_the_step_is_the_median_of_the_differences_and_missing_rows_are_gaps() -> None:
    grid = resample(table(time=np.array([0, 60, 120, 240]), a=np.arange(4.0)), Columns(timestamp="time"), None)
    assert grid.period_seconds == 60
    assert grid.values[:, 0] == pytest.approx([0, 1, 2, GAP, 3], nan_ok=True)


def test_an_array_of_sensors_is_one_sensor_a_column() -> None:
    grid = resample(table(x=np.arange(6.0).reshape(3, 2)), Columns(), None)
    assert (grid.sensors, grid.start, grid.period_seconds) == (("x.0", "x.1"), 0, 300)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        pytest.param(["2024-01-31T00:00:00Z", "2024-02-01"], ["2024-01-31", "2024-02-01"], id="ISO 8601"),
        pytest.param(["31.01.2024 08:15", "1.2.2024 8:15"], ["2024-01-31T08:15", "2024-02-01T08:15"], id="day first"),
        pytest.param(["01/31/2024", "02/01/2024"], ["2024-01-31", "2024-02-01"], id="month first"),
        pytest.param(["2024/01/31 00:00:05", "2024/2/1"], ["2024-01-31T00:00:05", "2024-02-01"], id="year first"),
        pytest.param([f"0{day}.02.2024" for day in range(1, 9)], [f"2024-02-0{day}" for day in range(1, 9)],
                     id="by equal steps"),
        pytest.param([20240131.0, 20240201.0], ["2024-01-31", "2024-02-01"], id="whole numbers"),
        pytest.param([20240131.0, 20240199.0], ["1970-08-23T06:15:31", "1970-08-23T06:16:39"], id="no dates"),
        pytest.param([60.0, 120.0], ["1970-01-01T00:01", "1970-01-01T00:02"], id="seconds"),
    ],
)  # fmt: skip
def test_times_are_read_as_people_write_them(column: list[Any], expected: list[str]) -> None:
    values = np.array(column) if isinstance(column[0], float) else objects(column)
    times = times_of(table(timestamp=values), Columns())
    assert times is not None
    assert times.tolist() == [int(np.datetime64(each, "s").astype(int)) for each in expected]


def test_rows_about_a_step_apart_are_put_on_their_nearest_step() -> None:
    grid = resample(table(timestamp=np.array([5, 293, 605, 1203]), a=np.arange(4.0)), Columns(), 300)
    assert (grid.start, grid.values[:, 0].tolist()[:3]) == (5, [0, 1, 2])
    assert grid.values[4].tolist() == [3]


def test_a_target_is_the_only_series() -> None:
    grid = resample(table(a=np.arange(3.0), b=np.ones(3), c=objects(["x"] * 3)), Columns(target="b"), None)
    assert (grid.sensors, grid.values.tolist()) == (("b",), [[1], [1], [1]])


def test_the_time_of_a_window_is_that_of_its_last_row() -> None:
    rows = 100
    stamps = 86400 * 1000 + 3600 * np.arange(rows)
    dataset = prepared(table(timestamp=stamps, a=np.arange(float(rows))))
    assert dataset.raw["time"][:2].tolist() == [int(stamps[3]), int(stamps[4])]
    assert [tensor.name for tensor in dataset.preprocess.inputs] == ["series", "time"]
    assert "time" not in prepared(ramps(rows)).raw


@pytest.mark.parametrize(
    ("found", "columns", "period", "told"),
    [
        (table(a=objects(["x", "y"])), Columns(), None, "the column 'a' is not numeric"),
        (table(a=np.ones(2)), Columns(features=("c",)), None, "no column 'c'; there are 'a'"),
        (table(a=np.ones(2)), Columns(timestamp="t"), None, "no column 't'; there are 'a'"),
        (table(timestamp=np.arange(2)), Columns(), None, "there is no column of a sensor"),
        (table(a=np.array([1, np.inf])), Columns(), None, "the sensor 'a' is infinite in row 1"),
        (table(timestamp=objects(["2024-01-01", "x"]), a=np.ones(2)), Columns(), None, "the timestamp of row 1"),
        (table(timestamp=np.array([1, GAP]), a=np.ones(2)), Columns(), None, "the timestamp of row 1"),
        (table(timestamp=np.array([1e21, 2e21]), a=np.ones(2)), Columns(), None, "the timestamp of row 0"),
        (
            table(timestamp=np.array([60, 60]), a=np.ones(2)),
            Columns(),
            None,
            "the timestamp '60' stands twice, in the rows 0 and 1",
        ),
        (table(timestamp=np.array([0, 60, 90]), a=np.ones(3)), Columns(), 60, "is 30 seconds off the steps of 60"),
        (table(timestamp=np.array([0, 60, 90]), a=np.ones(3)), Columns(), None, "is no whole number of steps of 45"),
        (table(timestamp=np.array([0, 50, 70]), a=np.ones(3)), Columns(), 60, "are nearest to the same step of 60"),
        (
            table(timestamp=objects(["01.02.2024", "02.03.2024"]), a=np.ones(2)),
            Columns(),
            None,
            "may be day.month.year or month/day/year: no day is above 12",
        ),
        (
            table(timestamp=objects(["31.12.2024", "12/31/2024"]), a=np.ones(2)),
            Columns(),
            None,
            "the timestamp of row 0",
        ),
        (
            table(timestamp=objects(2 * ["2023-10-29 02:00"]), a=np.ones(2)),
            Columns(),
            None,
            "the timestamp '2023-10-29 02:00' stands twice, in the rows 0 and 1 (counted from 0); each row",
        ),
        (table(timestamp=np.array([0, 60, 6000]), a=np.ones(3)), Columns(), 60, "3 rows are spread over 101 steps"),
    ],
)
def test_tables_that_are_no_series_are_refused(found: Table, columns: Columns, period: int | None, told: str) -> None:
    with pytest.raises(TaskError) as refused:
        resample(found, columns, period)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (table(a=np.ones(5)), "the test file has the sensors 'a'"),
        (table(a=np.ones(5), b=np.ones(5), timestamp=np.arange(5)), "one of the two files has timestamps"),
    ],
)
def test_a_test_file_of_other_columns_is_refused(test: Table, told: str) -> None:
    with pytest.raises(TaskError, match=told):
        prepared(ramps(100), test=test)


def test_a_test_file_must_follow_in_time() -> None:
    early = table(timestamp=np.arange(5) * 60, a=np.ones(5))
    with pytest.raises(TaskError, match="its rows must follow"):
        resample(table(timestamp=np.arange(5) * 60 + 120, a=np.ones(5)), Columns(), 60, test=early)


@pytest.mark.parametrize(
    ("rows", "asked", "reason"),
    [
        (6, {}, FailureReason.TOO_FEW_EXAMPLES),
        (30, {}, FailureReason.TOO_FEW_EXAMPLES),
        (100, {"horizon": 30}, FailureReason.TOO_FEW_EXAMPLES),
        (100, {"quantiles": (0.5, 0.5)}, FailureReason.SPEC_INVALID),
        (100, {"quantiles": (1.5,)}, FailureReason.SPEC_INVALID),
    ],
)
def test_too_short_series_and_strange_quantiles_are_refused(
    rows: int, asked: dict[str, Any], reason: FailureReason
) -> None:
    with pytest.raises(TaskError) as refused:
        prepared(ramps(rows), **asked)
    assert refused.value.reason is reason


def objective(**changes: Any) -> Forecast:
    parts: dict[str, Any] = {
        "metric": Metric.RMSE,
        "horizon": 2,
        "levels": (0.1, 0.9),
        "location": np.array([1], np.float32),
        "scale": np.array([2], np.float32),
    }
    return Forecast(**(parts | changes))


def test_the_scores_of_a_forecast() -> None:
    targets = np.array([[[1.0], [GAP]], [[3.0], [5.0]]])
    values = np.array([[[[2, 0, 3]], [[0, 0, 0]]], [[[3, 5, 4]], [[5, 5, 5]]]])
    assert objective().scores(targets, values, {}) == pytest.approx(
        {
            "rmse": np.sqrt(1 / 3),
            "mae": 1 / 3,
            "rmseAt1": np.sqrt(1 / 2),
            "rmseUntil1": np.sqrt(1 / 2),
            "rmseAt2": 0,
            "rmseUntil2": np.sqrt(1 / 3),
            "pinball": ((0.1 + 0.2) + (0.9 + 0.2) + 0) / 6,
            "coverage": 2 / 3,
        }
    )


def test_the_naive_answer_is_the_last_known_value() -> None:
    targets = np.array([[[0.0], [1.0]], [[1.0], [3.0]], [[3.0], [GAP]]])
    windows = np.array([[[4.0], [GAP]], [[GAP], [GAP]]], np.float32)
    naive = objective(levels=(0.5,)).naive(targets, {"series": windows})
    assert naive.tolist() == [[[[4, 5.5]], [[4, 5.5]]], [[[1, 2.5]], [[1, 2.5]]]]


DAYS = np.array([86400.0 * day for day in range(100)])
DESCRIBED: dict[str, tuple[dict[str, Any], Columns, dict[str, str]]] = {
    "a wide table": (
        {"timestamp": DAYS, "a": DAYS % 7, "b": DAYS % 5}, Columns(target="a"),
        {"timestamp": "timestamp", "a": "target", "b": "-"},
    ),
    "a long table": (
        {"timestamp": np.tile(DAYS, 2), "shop": objects(["n"] * 100 + ["s"] * 100), "sold": np.arange(200.0) % 9},
        Columns(), {"timestamp": "timestamp", "shop": "series", "sold": "target"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DESCRIBED)
def test_each_column_has_its_role(case: str) -> None:
    columns, roles, expected = DESCRIBED[case]
    problem = Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, history=4, horizon=3)
    source = DataSource(uri="sample://x", columns=roles)
    found = prepare(Table(columns), source, problem, digest="sha256:" + "0" * 64).described(columns)
    assert {column.name: column.role for column in found.columns} == expected
