"""Months, quarters and years as steps: where rows are put, their times, and what is refused."""

import calendar
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import Columns, DataSource
from idla_trainer.data.table import Table
from idla_trainer.problems.series.examples import prepare
from idla_trainer.problems.series.resampling import TimeGrid, resample

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.refusals import refused


def moment(month: int, day: int, hour: int = 0) -> int:
    """Return the seconds of a day of a month counted from January of the year 0, of a shorter one the last day."""
    year, number = divmod(month, 12)
    last = calendar.monthrange(year, number + 1)[1]
    return int(datetime(year, number + 1, min(day, last), hour, tzinfo=UTC).timestamp())


def grid_of(times: list[int] | list[str] | list[float], period: int | None = None) -> TimeGrid:
    column = objects(times) if isinstance(times[0], str) else np.array(times)
    return resample(Table({"timestamp": column, "a": np.arange(float(len(times)))}), Columns(), period)


@given(
    first=st.integers(1971 * 12, 2080 * 12),
    months=st.sampled_from([1, 2, 3, 6, 12]),
    day=st.integers(1, 31),
    hour=st.integers(0, 23),
    gaps=st.sets(st.integers(3, 28), max_size=8),
)
def test_a_row_every_so_many_months_is_on_its_step_at_its_own_time(
    first: int, months: int, day: int, hour: int, gaps: set[int]
) -> None:
    left = [step for step in range(30) if step not in gaps]
    grid = grid_of([moment(first + step * months, day, hour) for step in left])
    assert np.flatnonzero(~np.isnan(grid.values[:, 0])).tolist() == left
    whole = [moment(first + step * months, day, hour) for step in range(30)]
    assert grid.period_seconds == months * 2629746
    assert months > 1 or grid.seconds_of(np.arange(30)).tolist() == whole
    assert grid.seconds_of(np.array(left)).tolist() == [whole[step] for step in left]


@pytest.mark.parametrize(
    ("times", "period", "words"),
    [
        pytest.param(["2024-01-31", "2024-02-29", "2024-03-31", "2024-05-31"], None, "1 month", id="ends of months"),
        pytest.param(["2024-01-31", "2024-02-29", "2024-03-29", "2024-05-31"], None, "1 month", id="last work days"),
        pytest.param(["2024-01-02", "2024-02-01", "2024-03-01", "2024-05-02"], None, "1 month", id="first work days"),
        pytest.param(["2024-01-01T00:00+01:00", "2024-02-01T00:00+01:00", "2024-03-01T00:00+01:00",
                      "2024-05-01T00:00+02:00"], None, "1 month", id="midnights of a place"),
        pytest.param(["2024-01-01", "2024-02-01", "2024-03-01", "2024-05-01"], 2592000, "1 month", id="of 30 days"),
        pytest.param(["2023-01-01", "2023-04-01", "2023-07-01", "2024-01-01"], None, "1 quarter", id="quarters"),
        pytest.param(["2020-12-31", "2021-12-31", "2022-12-31", "2024-12-31"], None, "1 year", id="years"),
        pytest.param(["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-29"], None, None, id="weeks"),
        pytest.param(["2024-01-01", "2024-01-31", "2024-03-01", "2024-04-30"], None, None, id="30 days"),
        pytest.param(["2024-01", "2024-02", "2024-03", "2024-5"], None, "1 month", id="months without a day"),
        pytest.param(["11/2023", "12/2023", "01/2024", "03/2024"], None, "1 month", id="month and year"),
        pytest.param(["2023Q1", "2023Q2", "2023Q3", "2024Q1"], None, "1 quarter", id="quarters by name"),
        pytest.param([202311.0, 202312.0, 202401.0, 202403.0], None, "1 month", id="months as whole numbers"),
        pytest.param([2001.0, 2002.0, 2003.0, 2005.0], None, "1 year", id="years as whole numbers"),
        pytest.param([1940.0, 2000.0, 2060.0, 2180.0], None, None, id="seconds"),
    ],
)  # fmt: skip
def test_the_fourth_of_these_is_the_fifth_step(times: list[str], period: int | None, words: str | None) -> None:
    grid = grid_of(times, period)
    assert grid.period == words
    assert np.nan_to_num(grid.values[:, 0], nan=-1).tolist() == [0, 1, 2, -1, 3]


def test_a_missing_month_of_a_place_begins_at_its_midnight() -> None:
    grid = grid_of([f"2024-0{month}-01T00:00+01:00" for month in (1, 2, 3, 5)])
    assert grid.seconds_of(np.arange(5)).tolist() == [moment(2024 * 12 + month, 1) - 3600 for month in range(5)]


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(["2023-01-01", "2023-04-01", "2023-07-01", "2023-09-01"], id="no quarter"),
        pytest.param(["2001-01-01", "2001-02-01", "2001-03-01", "2009-05-01"], id="far apart"),
        pytest.param(["2024-01-01", "2024-02-11", "2024-03-01"], id="no month"),
    ],
)
def test_what_is_no_step_of_the_calendar(times: list[str], golden: Golden) -> None:
    reason, said = refused(lambda: grid_of(times))
    golden(said)
    assert reason == "DataInvalid"


def test_the_facts_say_the_step_and_a_window_ends_at_its_own_time() -> None:
    times = [moment(2010 * 12 + step, 1) for step in range(120)]
    table = Table({"timestamp": np.array(times), "a": np.arange(120.0)})
    problem = Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, history=12, horizon=3)
    dataset = prepare(table, DataSource(uri="sample://x"), problem, digest="sha256:" + "0" * 64)
    assert (dataset.facts["period"], dataset.facts["periodSeconds"]) == ("1 month", 2629746)
    assert dataset.raw["time"].tolist() == times[11:-3]
