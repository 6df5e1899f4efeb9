"""Series as people have them: what is made of odd times, steps and cells, and what is said of what cannot be used."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import Columns, DataSource
from idla_trainer.data.table import Table
from idla_trainer.problems.series.examples import prepare
from idla_trainer.problems.series.resampling import TimeGrid, resample

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.refusals import refused

GAP = float("nan")
ROWS = 60
BERLIN = ZoneInfo("Europe/Berlin")


def table(**columns: Any) -> Table:
    return Table({name: np.asarray(column) for name, column in columns.items()})


def at(times: Any, **more: Any) -> Table:
    """Return a sensor at some times."""
    times = objects(times) if isinstance(times[0], str) else times
    return table(**{"timestamp": times, "a": np.arange(len(times)) % 7 + 0.5} | more)


def days(count: int = ROWS, first: str = "2024-01-01", *, hour: str = "") -> list[str]:
    return [f"{day}{hour}" for day in np.datetime64(first) + np.arange(count)]


def business(count: int = ROWS, *, hour: str = "") -> list[str]:
    return [f"{day}{hour}" for day in np.busday_offset(np.datetime64("2024-01-01"), np.arange(count))]


def local_midnights(count: int, first: datetime) -> list[str]:
    return [(first + timedelta(days=day)).isoformat() for day in range(count)]


def shops(names: Iterable[str], times: Callable[[str], list[int]]) -> Table:
    rows = [(name, time) for name in names for time in times(name)]
    return table(
        shop=objects([name for name, _ in rows]), timestamp=[time for _, time in rows], sold=np.arange(len(rows)) + 0.0
    )


def understood(grid: TimeGrid) -> tuple[int, int, str | None, int]:
    """Return rows, seconds of a step, its name, and the rows without any value."""
    return len(grid.values), grid.period_seconds, grid.period, int(np.isnan(grid.values).all(axis=1).sum())


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(at(business()), (60, 120960, "1 business day", 0), id="business days"),
        pytest.param(at([day for day in business() if day != "2024-02-01"]), (60, 120960, "1 business day", 1),
                     id="business days and a holiday"),
        pytest.param(at(business(hour="T17:00:00-05:00")), (60, 120960, "1 business day", 0), id="New York's close"),
        pytest.param(at(business(9)), (11, 86400, None, 2), id="too few to tell business days"),
        pytest.param(at(days()), (60, 86400, None, 0), id="all days of the week"),
        pytest.param(at(local_midnights(60, datetime(2024, 3, 1, tzinfo=BERLIN))), (60, 86400, None, 0),
                     id="midnights of a place in spring"),
        pytest.param(at(local_midnights(60, datetime(2024, 10, 1, tzinfo=BERLIN))), (60, 86400, None, 0),
                     id="midnights of a place in autumn"),
        pytest.param(at(1704067200000 + 3600000 * np.arange(60)), (60, 3600, None, 0), id="milliseconds"),
        pytest.param(at((1704067200 + 3600 * np.arange(60)) * 1e6), (60, 3600, None, 0), id="microseconds"),
        pytest.param(at([f"{1704067200 + 3600 * row}000000000" for row in range(60)]), (60, 3600, None, 0),
                     id="nanoseconds, too long for a double"),
        pytest.param(at(np.arange(60) * 3600), (60, 3600, None, 0), id="seconds"),
    ],
)  # fmt: skip
def test_odd_times_are_steps(found: Table, expected: tuple[int, int, str | None, int]) -> None:
    assert understood(resample(found, Columns(), None)) == expected


def test_every_business_day_has_its_time() -> None:
    grid = resample(
        at([day for day in business(hour="T08:00:00") if not day.startswith("2024-02-01")]), Columns(), None
    )
    times = [datetime.fromtimestamp(int(time), UTC) for time in grid.seconds_of(np.arange(60))]
    assert [time.date().isoformat() for time in times] == business()
    assert {time.hour for time in times} == {8}


def test_a_test_file_of_business_days_goes_on() -> None:
    grid = resample(at(business()[:50]), Columns(), None, test=at(business()[50:]))
    assert (*understood(grid), grid.test_from) == (60, 120960, "1 business day", 0, 50)


@pytest.mark.parametrize(
    ("found", "columns"),
    [
        pytest.param(at(days(), b=objects([f"{row % 7},5" for row in range(ROWS)])), Columns(), id="decimal commas"),
        pytest.param(at(days(), b=objects(["-", *map(str, range(ROWS - 1))])), Columns(), id="a stray text"),
        pytest.param(at(days(), b=objects(["1", "x"] * 30)), Columns(types={"b": "Number"}), id="numbers by type"),
        pytest.param(at(days(), b=objects(["x"] * ROWS)), Columns(types={"b": "Ignored"}), id="ignored"),
        pytest.param(shops("ab", lambda name: [3600 * row + 1200 * (name == "b") for row in range(ROWS)]),
                     Columns(series=("shop",), target="sold"), id="series with times beside one another's"),
        pytest.param(shops("ab", lambda _: list(range(0, 60 * ROWS, 60))),
                     Columns(series=("shop",), target="sold"), id="nothing odd"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_told(found: Table, columns: Columns, golden: Golden) -> None:
    golden(list(resample(found, columns, None).told))


def test_cells_that_are_no_numbers_are_missing() -> None:
    grid = resample(at(days(4), b=objects(["1", "x", "3", "4"])), Columns(types={"b": "Number"}), None)
    assert np.nan_to_num(grid.values[:, 1], nan=-1).tolist() == [1, -1, 3, 4]


@pytest.mark.parametrize(
    ("found", "columns"),
    [
        pytest.param(at(days(), a=1e9 + np.arange(ROWS) % 9), Columns(), id="more digits than 32 bits have"),
        pytest.param(table(date=objects(days()), a=np.arange(ROWS)), Columns(), id="times by another name"),
        pytest.param(table(city=objects(["Rome"] * ROWS), a=np.arange(ROWS)), Columns(), id="texts"),
        pytest.param(table(a=objects([b"x"] * ROWS)), Columns(), id="files"),
        pytest.param(at([*days(59), "2204-01-01"]), Columns(), id="a typing error in a year"),
        pytest.param(at([*days(30), *days(30, "2024-02-01", hour="T05:00")]), Columns(), id="steps that differ"),
        pytest.param(at(days(), a=np.r_[np.arange(40.0), np.full(20, GAP)]), Columns(), id="nothing known in the test"),
        pytest.param(at(days(25)), Columns(), id="too few rows"),
        pytest.param(shops("ab", lambda _: list(range(ROWS))), Columns(series=("shop", "timestamp"), target="sold"),
                     id="the time as series"),
        pytest.param(shops("ab", lambda _: list(range(ROWS))), Columns(series=("shop",), target="shop"),
                     id="the series as target"),
        pytest.param(
            table(timestamp=np.tile(np.arange(ROWS), 4), store=objects(np.repeat(list("ab"), 2 * ROWS).tolist()),
                  item=np.tile(np.repeat([1, 2], ROWS), 2), sold=np.arange(4.0 * ROWS)),
            Columns(target="sold"), id="series of two columns that nobody named",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(found: Table, columns: Columns, golden: Golden) -> None:
    problem = Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, history=7, horizon=3)
    source = DataSource(uri="sample://x", columns=columns)
    golden(refused(lambda: prepare(found, source, problem, digest="sha256:" + "0" * 64))[1])
