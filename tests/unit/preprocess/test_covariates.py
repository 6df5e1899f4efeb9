"""What is known ahead: features of numbers and names over window and horizon, and files that nobody vouches for."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from idla_preprocess import InputError, Signature
from idla_preprocess.covariates import Covariates
from idla_preprocess.quantiles import Quantiles
from idla_preprocess.series import SeriesSpec
from idla_preprocess.tabular_columns import Category, Number

GAP = float("nan")
PRICE = Number("price", 10.0, 0.5, indicator=True, edges=(0.0, 1.0))
HOLIDAY = Category("holiday", ("easter", "may"))


def texts(*values: Any) -> npt.NDArray[Any]:
    return np.array(values, dtype=object)


def spec(**changes: Any) -> SeriesSpec:
    parts: dict[str, Any] = {
        "sensors": ("a", "b"),
        "history": 2,
        "period_seconds": 3600,
        "waves": (),
        "marked": False,
        "location": np.zeros(2, np.float32),
        "scale": np.ones(2, np.float32),
        "covariates": Covariates((PRICE, HOLIDAY), 1),
    }
    return SeriesSpec(**(parts | changes))


def raw(**changes: Any) -> dict[str, npt.NDArray[Any]]:
    parts: dict[str, Any] = {
        "series": np.zeros((1, 2, 2)), "price": np.array([[10, GAP, 12.0]]), "holiday": texts(["", "may", "whit"]),
    }  # fmt: skip
    return parts | changes


def test_each_step_of_window_and_horizon_has_the_features_of_each_column() -> None:
    found = spec().to_tensors(raw())["covariates"]
    assert (found.shape, found.dtype.name) == ((1, 3, 1, 5), "float32")
    twelve = round(1 / np.sqrt(1 + 1 / 9), 6)
    assert np.round(found[0, :, 0].astype(float), 6).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 0, 0, 1],
        [twelve, 0, 1, 0, 0],
    ]


@pytest.mark.parametrize(
    ("series", "sensors", "expected"),
    [
        pytest.param(("n", "s"), ("n", "s"), [1, 2], id="a sensor each"),
        pytest.param(("n", "s"), ("n.x", "n.y", "s.x", "s.y"), [1, 1, 2, 2], id="two sensors each"),
    ],
)
def test_series_have_their_own_values(series: tuple[str, ...], sensors: tuple[str, ...], expected: list[int]) -> None:
    plain = Number("promo", 0.0, 1.0, indicator=False, edges=(0.0, 1.0))
    own = spec(
        sensors=sensors, covariates=Covariates((plain,), 1, series),
        location=np.zeros(len(sensors), np.float32), scale=np.ones(len(sensors), np.float32),
    )  # fmt: skip
    promo = np.array([[[0, 0], [0, 0], [1, 2.0]]])
    found = own.to_tensors({"series": np.zeros((1, 2, len(sensors))), "promo": promo})["covariates"]
    assert found.shape == (1, 3, len(sensors), 1)
    assert found[0, 2, :, 0].tolist() == plain.scaled(np.array(expected, float)).tolist()


def test_each_column_is_an_input_and_says_whose_values_it_has() -> None:
    shared, own = spec(), spec(covariates=Covariates((PRICE,), 1, ("a", "b")))
    assert [(each.name, each.datatype, each.shape, each.missing, each.names) for each in shared.inputs] == [
        ("series", "FP32", (-1, 2, 2), True, ("a", "b")),
        ("price", "FP32", (-1, 3), True, ()),
        ("holiday", "BYTES", (-1, 3), True, ()),
    ]
    assert [(each.name, each.shape, each.names) for each in own.inputs[1:]] == [("price", (-1, 3, 2), ("a", "b"))]
    assert not any(each.optional for each in shared.inputs)


def test_the_training_rows_say_which_names_and_numbers_there_are() -> None:
    columns = {
        "promo": np.array([0, 1, 0, 1.0]),
        "price": np.array([[1, GAP], [2, 3], [2, 4], [5, 6]]),
        "holiday": texts("may", "", "may", "easter"),
        "never": np.zeros(4),
        "once": texts("", "x", "", ""),
    }
    found, left_out = Covariates.fitted(columns, horizon=2)
    assert found is not None
    assert [column.name for column in found.columns] == ["promo", "price", "holiday"]
    assert left_out == ("never", "once")
    assert [getattr(column, "indicator", None) for column in found.columns] == [False, True, None]
    assert found.width == 1 + 2 + 2
    assert Covariates.fitted({"never": np.zeros(3)}, horizon=2) == (None, ("never",))


@pytest.mark.parametrize(
    ("given", "field", "found"),
    [
        ({"price": None}, "price", "the inputs"),
        ({"price": np.zeros((1, 2))}, "price", "the shape [1, 2]"),
        ({"price": np.zeros((2, 3))}, "price", "the shape [2, 3]"),
        ({"price": texts(["a", "b", "c"])}, "price", "values of type object"),
        ({"price": np.full((1, 3), np.inf)}, "price", "an infinite number"),
        ({"holiday": np.zeros((1, 3))}, "holiday", "values of type float64"),
        ({"holiday": texts(["a", 1, "c"])}, "holiday", "the value 1"),
    ],
)
def test_other_values_are_refused(given: dict[str, Any], field: str, found: str) -> None:
    changed = {name: array for name, array in raw(**given).items() if given.get(name, array) is not None}
    with pytest.raises(InputError) as refused:
        spec().to_tensors(changed)
    assert (refused.value.field, found in refused.value.found) == (field, True)


def test_what_is_written_is_read_again() -> None:
    signature = Signature(spec(), Quantiles(horizon=1, sensors=2, levels=()))
    again = Signature.restored(signature.to_json(), signature.arrays())
    assert again.digest() == signature.digest()
    assert again.inputs == signature.inputs
    np.testing.assert_array_equal(
        again.preprocess.to_tensors(raw())["covariates"], spec().to_tensors(raw())["covariates"]
    )


def test_without_them_the_files_are_what_they_were() -> None:
    plain = spec(covariates=None)
    assert "covariates" not in plain.content()
    assert sorted(plain.arrays()) == ["location", "scale"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"columns": []}, "covariates.columns"),
        ({"columns": "ab"}, "covariates.columns"),
        ({"columns": [{"name": "x"}]}, "columns[0]"),
        ({"horizon": 0}, "covariates.horizon"),
        ({"horizon": True}, "covariates.horizon"),
        ({"series": ["a", "a"]}, "covariates.series"),
        ({"series": ["a", "b", "c"]}, "covariates.series"),
        ({"series": None}, "covariates.series"),
        ({"more": 1}, "covariates"),
    ],
)
def test_a_file_that_describes_nothing_known_ahead_is_refused(changed: dict[str, Any], field: str) -> None:
    content = json.loads(json.dumps(spec().content()))
    with pytest.raises(InputError) as refused:
        SeriesSpec.restored(content | {"covariates": content["covariates"] | changed}, spec().arrays())
    assert refused.value.field == field


@pytest.mark.parametrize("stray", [{"categories5": np.array(["x"])}, {"categories1": np.array([1])}])
def test_other_arrays_are_refused(stray: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        SeriesSpec.restored(json.loads(json.dumps(spec().content())), spec().arrays() | stray)


def test_a_column_is_not_called_as_another_input() -> None:
    with pytest.raises(InputError, match="the column 'time'"):
        spec(covariates=Covariates((Category("time", ("a",)),), 1))
