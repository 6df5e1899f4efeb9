"""Long tables of series: the wide table that they stand for, how its roles are found, and what is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_contract.task import Columns
from idla_trainer.data.table import Table
from idla_trainer.problems.series.resampling import TimeGrid, resample

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.refusals import refused

GAP = float("nan")


def table(**columns: Any) -> Table:
    return Table({name: np.asarray(column) for name, column in columns.items()})


def shops(*, rows: int = 6, names: tuple[str, ...] = ("north", "south"), **more: Any) -> Table:
    """Return the sales of shops, shop after shop, of which each tells shop and row."""
    sold = np.concatenate([100.0 * number + np.arange(rows) for number in range(len(names))])
    hours = np.tile(3600 * np.arange(rows), len(names))
    return table(shop=objects(np.repeat(names, rows).tolist()), timestamp=hours, sold=sold, **more)


def stalls(*, shops_named: str = "nns", stalls_named: tuple[object, ...] = (1.0, 2.0, 1.0)) -> Table:
    """Return six hours of stalls in shops, one after the other."""
    shop, stall = objects(np.repeat(list(shops_named), 6).tolist()), np.repeat(np.array(stalls_named), 6)
    return table(shop=shop, stall=stall, timestamp=np.tile(3600 * np.arange(6), 3), sold=np.arange(18.0))


def chosen(found: Table, rows: npt.NDArray[np.int64] | list[int]) -> Table:
    return Table({name: column[rows] for name, column in found.columns.items()})


def values(grid: TimeGrid) -> list[list[float]]:
    return [[float(value) for value in row] for row in np.nan_to_num(grid.values, nan=-1)]


def understood(series: str, left_out: str = "") -> str:
    left = f"; left out: {left_out} (data.columns.knownCovariates is for what is known ahead)" if left_out else ""
    return (
        f"a row for each series and time: 2 series of {series}, value 'sold'{left}; if that is wrong, set "
        "data.columns.series and data.columns.target"
    )


@settings(deadline=None)
@given(rows=st.integers(2, 20), series=st.integers(2, 5), seed=st.integers(0, 99))
def test_the_rows_of_a_long_table_in_any_order_are_the_wide_one(rows: int, series: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    wide = random.normal(size=(rows, series)).astype(np.float32)
    wide[1:][random.random((rows - 1, series)) < 0.2] = GAP
    names = [f"s{number}" for number in range(series)]
    order = np.r_[np.arange(series), series + random.permutation((rows - 1) * series)]
    left = order[np.isfinite(wide.reshape(-1)[order])]
    place, number = np.divmod(left, series)
    long = table(
        timestamp=60 * place, name=objects([names[each] for each in number]), value=wide[place, number].astype(float)
    )
    grid = resample(long, Columns(series=("name",)), 60)
    expected = resample(table(timestamp=60 * np.arange(rows), **dict(zip(names, wide.T, strict=True))), Columns(), 60)
    assert grid.sensors == expected.sensors
    np.testing.assert_array_equal(grid.values, expected.values[: len(grid.values)])


@pytest.mark.parametrize(
    ("found", "columns", "sensors", "told"),
    [
        pytest.param(shops(), Columns(), ("north", "south"),
                     (understood("'shop' ('north', 'south')"),), id="found by looking"),
        pytest.param(shops(), Columns(series=("shop",), target="sold"), ("north", "south"), (), id="named"),
        pytest.param(shops(promo=np.zeros(12)), Columns(series=("shop",), target="sold"), ("north", "south"),
                     (understood("'shop' ('north', 'south')", "'promo'"),), id="left out"),
        pytest.param(shops(promo=np.zeros(12)), Columns(series=("shop",), features=("sold", "promo")),
                     ("north.sold", "north.promo", "south.sold", "south.promo"), (), id="two values each"),
        pytest.param(shops(town=objects(["a", "b"] * 6)), Columns(types={"town": "Ignored"}), ("north", "south"),
                     (understood("'shop' ('north', 'south')"),), id="ignored"),
        pytest.param(shops(names=("north",), rows=6), Columns(series=("shop",), target="sold"), ("north",), (),
                     id="one series"),
        pytest.param(stalls(), Columns(series=("shop", "stall"), target="sold"), ("n/1", "n/2", "s/1"), (),
                     id="named by two columns"),
        pytest.param(shops(store=np.repeat([7.0, 12.0], 6)), Columns(series=("store",), target="sold"), ("7", "12"),
                     (understood("'store' ('7', '12')", "'shop'"),), id="whole numbers"),
    ],
)  # fmt: skip
def test_how_a_long_table_is_understood(
    found: Table, columns: Columns, sensors: tuple[str, ...], told: tuple[str, ...]
) -> None:
    grid = resample(found, columns, None)
    assert (grid.sensors, grid.told, grid.period_seconds, len(grid.values)) == (sensors, told, 3600, 6)


def test_what_a_series_lacks_is_missing() -> None:
    grid = resample(chosen(shops(), [0, 1, 2, 3, 8, 9, 10, 11]), Columns(series=("shop",)), None)
    assert values(grid) == [[0, -1], [1, -1], [2, 102], [3, 103], [-1, 104], [-1, 105]]


def test_with_a_period_each_row_of_a_series_is_put_on_its_nearest_step() -> None:
    found = shops(rows=4)
    late = np.where(np.arange(8) < 4, 0, 40)
    jittered = Table({**found.columns, "timestamp": found.columns["timestamp"] + late})
    assert values(resample(jittered, Columns(series=("shop",)), 3600)) == [[0, 100], [1, 101], [2, 102], [3, 103]]


def test_a_test_file_of_fewer_series_goes_on() -> None:
    found = shops()
    test = chosen(found, [10, 11])
    grid = resample(chosen(found, [0, 1, 2, 3, 6, 7, 8, 9]), Columns(), None, test=test)
    assert (values(grid)[4:], grid.test_from) == ([[-1, 104], [-1, 105]], 4)


@pytest.mark.parametrize(
    ("found", "columns"),
    [
        pytest.param(shops(town=objects(["a"] * 6 + ["b"] * 6)), Columns(target="sold"), id="two columns of texts"),
        pytest.param(table(timestamp=[0, 0, 60, 60], store=[1, 2, 1, 2], sold=[1.0, 2.5, 3.5, 4.5]),
                     Columns(target="sold"), id="numbers alone"),
        pytest.param(shops(price=np.zeros(12)), Columns(), id="two columns of values"),
        pytest.param(shops(target=objects(["x"] * 12)), Columns(series=("shop",), target="target"),
                     id="texts as values"),
        pytest.param(shops(), Columns(series=("store",)), id="no such column"),
        pytest.param(stalls(), Columns(series=("shop",), target="sold"), id="one of two columns"),
        pytest.param(stalls(), Columns(series=("shop", "store"), target="sold"), id="a second column that is none"),
        pytest.param(
            table(a=objects(["x/y", "x"]), b=objects(["z", "y/z"]), timestamp=[0, 0], sold=[1.0, 2.0]),
            Columns(series=("a", "b"), target="sold"), id="names that are joined alike",
        ),
        pytest.param(table(shop=objects(["a", "b"]), sold=[1.0, 2.0]), Columns(series=("shop",)), id="no times"),
        pytest.param(chosen(shops(), [0, 1, 2, 6, 7, 2]), Columns(series=("shop",)), id="twice"),
        pytest.param(shops(names=("north", "")), Columns(series=("shop",)), id="no name"),
        pytest.param(shops(names=tuple(f"s{number}" for number in range(1001)), rows=2), Columns(), id="too many"),
        pytest.param(chosen(shops(rows=40, names=("a", "b", "c", "d", "e")), [*range(40), 40, 80, 81, 120, 160]),
                     Columns(series=("shop",)), id="too short ones"),
    ],
)  # fmt: skip
def test_what_a_long_table_cannot_be(found: Table, columns: Columns, golden: Golden) -> None:
    reason, said = refused(lambda: resample(found, columns, None))
    golden(said)
    assert reason == "DataInvalid"


def test_another_series_in_the_test_file_is_refused(golden: Golden) -> None:
    found = shops(names=("north", "south", "west"))
    golden(refused(lambda: resample(chosen(found, list(range(10))), Columns(), None, test=chosen(found, [16, 17])))[1])


def test_an_index_without_a_name_is_no_sensor() -> None:
    found = Table({"Unnamed: 0": np.arange(5.0), "a": np.arange(5.0), "index": np.array([0.0, 1, 2, 4, 3])})
    grid = resample(found, Columns(), None)
    told = "'Unnamed: 0' only counts the rows and is left out; name it in data.columns.features to forecast it"
    assert (grid.sensors, grid.told) == (("a", "index"), (told,))
    test = Table({"Unnamed: 0": np.arange(5.0, 7.0), "a": np.ones(2), "index": np.ones(2)})
    assert resample(found, Columns(), None, test=test).sensors == ("a", "index")
    assert resample(found, Columns(features=("Unnamed: 0",)), None).sensors == ("Unnamed: 0",)
