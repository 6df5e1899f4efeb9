"""The windows' half of the border: scaling, gaps, the calendar, the quantiles, and files that nobody vouches for."""

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from idla_preprocess import InputError
from idla_preprocess.quantiles import Quantiles
from idla_preprocess.series import SeriesSpec, filled

GAP = float("nan")
DAY = 86400


def spec(**changes: Any) -> SeriesSpec:
    parts: dict[str, Any] = {
        "sensors": ("a", "b"),
        "history": 3,
        "period_seconds": 3600,
        "waves": (float(DAY), DAY / 2),
        "marked": True,
        "location": np.array([1, 10], np.float32),
        "scale": np.array([2, 5], np.float32),
    }
    return SeriesSpec(**(parts | changes))


def raw(**changes: Any) -> dict[str, npt.NDArray[Any]]:
    parts: dict[str, Any] = {"series": np.array([[[1, GAP], [3, 20], [GAP, 0]]]), "time": np.array([DAY // 4])}
    return parts | changes


def test_a_window_is_scaled_filled_and_marked_and_its_time_becomes_waves() -> None:
    tensors = spec().to_tensors(raw())
    assert {name: array.dtype for name, array in tensors.items()} == dict.fromkeys(
        ("series", "known", "calendar"), np.dtype(np.float32)
    )
    assert tensors["series"].tolist() == [[[0, 2], [1, 2], [1, -2]]]
    assert tensors["known"].tolist() == [[[1, 0], [1, 1], [0, 1]]]
    assert tensors["calendar"] == pytest.approx(np.array([[1, 0, 0, -1]]), abs=1e-6)


def test_what_training_did_not_have_is_no_input_of_the_network() -> None:
    assert sorted(spec(marked=False).to_tensors(raw())) == ["calendar", "series"]
    assert sorted(spec(waves=()).to_tensors(raw())) == ["known", "series"]


def test_time_is_asked_for_where_there_is_a_calendar() -> None:
    assert [(tensor.name, tensor.datatype, tensor.shape) for tensor in spec().inputs] == [
        ("series", "FP32", (-1, 3, 2)),
        ("time", "INT64", (-1,)),
    ]
    assert [tensor.name for tensor in spec(waves=()).inputs] == ["series"]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ([GAP, 1, GAP, GAP, 2], [1, 1, 1, 1, 2]),
        ([GAP, GAP, GAP], [0, 0, 0]),
        ([1, 2], [1, 2]),
        ([3, GAP], [3, 3]),
    ],
)
def test_gaps_take_the_value_before_else_the_one_after(window: list[float], expected: list[float]) -> None:
    assert filled(np.array(window, np.float32)[np.newaxis, :, np.newaxis])[0, :, 0].tolist() == expected


@given(arrays(np.float32, (2, 5, 3), elements=st.floats(-10, 10, width=32) | st.just(GAP)))
def test_filling_changes_no_known_value_and_leaves_no_gap(windows: npt.NDArray[np.float32]) -> None:
    whole = filled(windows.copy())
    known = ~np.isnan(windows)
    assert not np.isnan(whole).any()
    assert (whole[known] == windows[known]).all()
    assert (filled(whole.copy()) == whole).all()


@given(st.integers(0, 10**10), st.integers(0, 400))
def test_the_calendar_is_the_same_a_whole_number_of_days_later(time: int, days: int) -> None:
    first = spec().to_tensors(raw(time=np.array([time])))["calendar"]
    later = spec().to_tensors(raw(time=np.array([time + days * DAY])))["calendar"]
    assert later == pytest.approx(first, abs=1e-4)


def test_the_scaling_is_that_of_the_known_training_rows() -> None:
    values = np.array([[1, 5, GAP], [3, 5, GAP], [GAP, 5, GAP]], np.float32)
    fitted = SeriesSpec.fitted(values, sensors=("a", "b", "c"), history=2, period_seconds=60)
    assert fitted.location.tolist() == [2, 5, 0]
    assert fitted.scale.tolist() == [1, 1, 1]
    assert fitted.marked
    assert not SeriesSpec.fitted(values[:, 1:2], sensors=("b",), history=2, period_seconds=60).marked


@pytest.mark.parametrize(
    ("rows", "period", "waves"),
    [
        pytest.param(47, 3600, [], id="less than two days"),
        pytest.param(48, 3600, [DAY, DAY / 2, DAY / 3, DAY / 4], id="two days of hours"),
        pytest.param(8, 6 * 3600, [DAY], id="too few steps a day for harmonics"),
        pytest.param(14, DAY, [7 * DAY, 3.5 * DAY], id="two weeks of days"),
        pytest.param(2, 7 * DAY, [], id="a cycle needs three steps"),
        pytest.param(105, 7 * DAY, [31556952, 31556952 / 2], id="two years of weeks"),
    ],
)
def test_the_calendar_has_the_cycles_that_training_saw_twice(rows: int, period: int, waves: list[float]) -> None:
    fitted = SeriesSpec.fitted(np.zeros((rows, 1)), sensors=("a",), history=2, period_seconds=period)
    assert list(fitted.waves) == waves


@pytest.mark.parametrize(
    ("given_raw", "field", "found"),
    [
        ({"time": np.array([1])}, "series", "the inputs ['time']"),
        ({"series": np.zeros((1, 3, 2))}, "time", "the inputs ['series']"),
        (raw(series=np.zeros((1, 2, 3))), "series", "the shape [1, 2, 3]"),
        (raw(series=np.zeros((0, 3, 2))), "series", "the shape [0, 3, 2]"),
        (raw(series=np.array([[["1"]]])), "series", "values of type <U1"),
        (raw(series=np.full((1, 3, 2), np.inf)), "series", "an infinite value"),
        (raw(series=np.full((1, 3, 2), 1e300)), "series", "an infinite value"),
        (raw(time=np.array([1, 2])), "time", "the shape [2]"),
        (raw(time=np.array([1.5])), "time", "values of type float64"),
    ],
)
def test_other_inputs_are_refused(given_raw: dict[str, npt.NDArray[Any]], field: str, found: str) -> None:
    with pytest.raises(InputError) as refused:
        spec().to_tensors(given_raw)
    assert (refused.value.field, found in refused.value.found) == (field, True)


def test_what_is_written_is_read_again() -> None:
    written = spec()
    content = json.loads(json.dumps(written.content()))
    again = SeriesSpec.restored(content, written.arrays())
    assert again.content() == written.content()
    assert {name: array.tolist() for name, array in again.arrays().items()} == {"location": [1, 10], "scale": [2, 5]}
    tensors = again.to_tensors(raw())
    assert all((tensors[name] == array).all() for name, array in spec().to_tensors(raw()).items())


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"sensors": ["a", "a"]}, "sensors"),
        ({"sensors": "ab"}, "sensors"),
        ({"sensors": [1, 2]}, "sensors"),
        ({"sensors": ["a", "b", "c"]}, "location"),
        ({"history": 0}, "history"),
        ({"history": True}, "history"),
        ({"history": 10**9}, "history"),
        ({"periodSeconds": 1.5}, "periodSeconds"),
        ({"waves": [0.5]}, "waves"),
        ({"waves": [GAP]}, "waves"),
        ({"waves": [100.0] * 33}, "waves"),
        ({"waves": None}, "waves"),
        ({"marked": 1}, "marked"),
        ({"more": 1}, "series"),
        ({"location": np.zeros(2)}, "location"),
        ({"location": np.array([0, math.inf], np.float32)}, "location"),
        ({"scale": np.array([0, 1], np.float32)}, "scale"),
        ({"other": np.zeros(2, np.float32)}, "arrays"),
    ],
)
def test_a_file_that_describes_no_windows_is_refused(changed: dict[str, Any], field: str) -> None:
    parts = {name: part for name, part in changed.items() if isinstance(part, np.ndarray)}
    rest = {name: part for name, part in changed.items() if name not in parts}
    with pytest.raises(InputError) as refused:
        SeriesSpec.restored(spec().content() | rest, spec().arrays() | parts)
    assert refused.value.field == field


def test_a_forecast_is_the_mean_and_the_quantiles_in_order() -> None:
    answers = Quantiles(horizon=1, sensors=2, levels=(0.1, 0.9))
    values = np.array([[[[5, 3, 8], [5, 9, 1]]]], np.float32)
    found = answers.of(values, {}, {})
    assert {name: array.tolist() for name, array in found.items()} == {
        "forecast": [[[5, 5]]],
        "quantiles": [[[[3, 8], [1, 9]]]],
    }
    assert [(tensor.name, tensor.shape) for tensor in answers.outputs] == [
        ("forecast", (-1, 1, 2)),
        ("quantiles", (-1, 1, 2, 2)),
    ]


def test_without_levels_there_is_the_mean_alone() -> None:
    answers = Quantiles(horizon=1, sensors=1, levels=())
    assert [tensor.name for tensor in answers.outputs] == ["forecast"]
    assert list(answers.of(np.zeros((1, 1, 1, 1), np.float32), {}, {})) == ["forecast"]


def test_another_shape_of_the_networks_output_is_refused() -> None:
    with pytest.raises(InputError, match=r"found a network's output of shape \[1, 2, 1, 1\]; allowed: \[N, 1, 1, 1\]"):
        Quantiles(horizon=1, sensors=1, levels=()).of(np.zeros((1, 2, 1, 1), np.float32), {}, {})


def test_the_answers_are_read_again() -> None:
    answers = Quantiles(horizon=12, sensors=3, levels=(0.1, 0.5, 0.9))
    assert Quantiles.restored(json.loads(json.dumps(answers.content())), answers.arrays()) == answers


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": "1"}, "horizon"),
        ({"sensors": 1 << 20}, "sensors"),
        ({"levels": [0.5, 0.1]}, "levels"),
        ({"levels": [0.5, 0.5]}, "levels"),
        ({"levels": [0.0]}, "levels"),
        ({"levels": [1]}, "levels"),
        ({"levels": [GAP]}, "levels"),
        ({"levels": "0.5"}, "levels"),
        ({"levels": [level / 11 for level in range(1, 11)]}, "levels"),
        ({"more": 1}, "quantiles"),
    ],
)
def test_a_file_that_describes_no_forecast_is_refused(changed: dict[str, Any], field: str) -> None:
    content = Quantiles(horizon=12, sensors=3, levels=(0.5,)).content()
    with pytest.raises(InputError) as refused:
        Quantiles.restored(content | changed, {})
    assert refused.value.field == field
