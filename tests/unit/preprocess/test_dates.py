"""Texts that are dates and times, and what a column of them tells a network."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess.base import InputError, Tensor
from idla_preprocess.dates import DateForm, Moments
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.tabular_columns import Category, Number
from idla_preprocess.tabular_moments import Moment, Place

from tests.columns import objects
from tests.golden import Golden

YEAR_FIRST, DAY_FIRST, MONTH_FIRST, WHOLE, SECONDS = DateForm
ONE = datetime(2024, 2, 29, 13, 5, tzinfo=UTC).timestamp()
MIDNIGHT = ONE - 13 * 3600 - 5 * 60
NAN = math.nan


@pytest.mark.parametrize(
    ("form", "text", "clock", "behind"),
    [
        pytest.param(YEAR_FIRST, "2024-02-29", MIDNIGHT, 0, id="date"),
        pytest.param(YEAR_FIRST, " 2024-2-29 13:05 ", ONE, 0, id="spaces-around-it-and-one-digit"),
        pytest.param(YEAR_FIRST, "2024-02-29T13:05:00Z", ONE, 0, id="utc"),
        pytest.param(YEAR_FIRST, "2024-02-29T13:05:00.25+02:00", ONE + 0.25, 7200, id="offset-and-fraction"),
        pytest.param(YEAR_FIRST, "2024/02/29 13:05:00 -0330", ONE, -12600, id="negative-offset"),
        pytest.param(DAY_FIRST, "29.02.2024 13:05", ONE, 0, id="day-first"),
        pytest.param(DAY_FIRST, "29/2/2024, 1:05 pm", ONE, 0, id="afternoon"),
        pytest.param(MONTH_FIRST, "02/29/2024 12:00:00 AM", MIDNIGHT, 0, id="midnight"),
        pytest.param(WHOLE, "20240229", MIDNIGHT, 0, id="whole"),
        pytest.param(SECONDS, "1709211900", ONE, 0, id="seconds"),
        pytest.param(YEAR_FIRST, "2023-02-29", NAN, 0, id="no-leap-year"),
        pytest.param(YEAR_FIRST, "29.02.2024", NAN, 0, id="another-order"),
        pytest.param(MONTH_FIRST, "29.02.2024", NAN, 0, id="no-month-of-29"),
        pytest.param(YEAR_FIRST, "2024-02-29 24:00", NAN, 0, id="no-hour"),
        pytest.param(MONTH_FIRST, "02/29/2024 13:00 PM", NAN, 0, id="no-afternoon"),
        pytest.param(YEAR_FIRST, "2024-02-29 13:05 at noon", NAN, 0, id="words-behind-it"),
        pytest.param(YEAR_FIRST, "2024-02/29", NAN, 0, id="two-signs"),
        pytest.param(YEAR_FIRST, "\uff12\uff10\uff12\uff14-02-29", NAN, 0, id="other-digits"),
        pytest.param(DAY_FIRST, "29.02.24", NAN, 0, id="two-digits-of-a-year"),
        pytest.param(WHOLE, "18991231", NAN, 0, id="a-number-that-is-too-small"),
        pytest.param(WHOLE, "2024", NAN, 0, id="a-year-alone"),
        pytest.param(SECONDS, "1709211900000", NAN, 0, id="milliseconds"),
        pytest.param(YEAR_FIRST, "", NAN, 0, id="empty"),
        pytest.param(YEAR_FIRST, "2024-02-29" + " at noon" * 99, NAN, 0, id="long"),
    ],
)  # fmt: skip
def test_a_text_is_a_moment(form: DateForm, text: str, clock: float, behind: float) -> None:
    found = Moments.read(["x", text], form)
    np.testing.assert_array_equal(found.clock, [NAN, clock])
    np.testing.assert_array_equal(found.instant, [NAN, clock - behind])


FORMATS = {
    "{0:%Y-%m-%dT%H:%M:%S}Z": YEAR_FIRST, "{0.year}/{0.month}/{0.day} {0.hour}:{0:%M:%S}": YEAR_FIRST,
    "{0.day}.{0.month}.{0.year} {0:%H:%M:%S}": DAY_FIRST, "{0:%d-%m-%Y %I:%M:%S %p}": DAY_FIRST,
    "{0.month}/{0.day}/{0.year} {0:%I:%M:%S%p}": MONTH_FIRST, "{0:%Y%m%d %H:%M:%S}": WHOLE,
}  # fmt: skip
moments = st.integers(-2_200_000_000, 4_133_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(st.lists(moments, min_size=1, max_size=20))
def test_what_is_written_is_read_in_every_order(times: list[datetime]) -> None:
    seconds = [time.timestamp() for time in times]
    for written, form in FORMATS.items():
        np.testing.assert_array_equal(Moments.read([written.format(time) for time in times], form).clock, seconds)


def hourly(rows: int, *, hours: int = 1, written: str = "{0:%d.%m.%Y %H:%M}") -> Any:
    return objects(
        [written.format(datetime(2023, 12, 30, tzinfo=UTC) + timedelta(hours=hours * row)) for row in range(rows)]
    )


def fitted(texts: Any, form: DateForm = DAY_FIRST) -> Moment | None:
    return Moment.fitted("when", texts, form)


@pytest.mark.parametrize(
    ("texts", "numbers", "places"),
    [
        pytest.param(hourly(24 * 40), ["elapsed", "day sin", "day cos", "week sin", "week cos", "year sin", "year cos"],
                     {"hour": 24, "weekday": 7, "month": 3, "hour of week": 168}, id="hourly"),
        pytest.param(hourly(31, hours=24), ["elapsed", "week sin", "week cos"], {"weekday": 7}, id="daily"),
        pytest.param(hourly(4, hours=24 * 7), ["elapsed"], {}, id="of-one-weekday"),
        pytest.param(objects(["1.1.2024", "", "2.1.2024"]), ["elapsed"], {}, id="few"),
    ],
)  # fmt: skip
def test_what_varies_in_training_is_told(texts: Any, numbers: list[str], places: dict[str, int]) -> None:
    column = fitted(texts)
    assert column is not None
    found = {place.name: len(place.known) for place in column.places}
    assert ([number.name for number in column.numbers], found) == (numbers, places)
    assert [number.indicator for number in column.numbers] == ["" in texts] + [False] * (len(numbers) - 1)


@pytest.mark.parametrize("texts", [objects(["1.1.2024"] * 9), objects(["", "no date"])])
def test_a_column_of_one_moment_says_nothing(texts: Any) -> None:
    assert fitted(texts) is None


def test_seconds_are_told_apart() -> None:
    column = fitted(objects([f"2024-01-01 00:00:{second:02d}" for second in range(60)]), YEAR_FIRST)
    assert column is not None
    scaled = column.scaled(column.read(objects(["2024-01-01 00:00:30", "2024-01-01 00:00:31"])))
    assert scaled[0][1] - scaled[0][0] > 0.03
    assert len(column.numbers[0].edges) == 17


ELAPSED = Number("elapsed", center=19723.0, scale=1.0, indicator=True, edges=(-1.0, 1.0))
SINE = Number("day sin", center=0.0, scale=1.0, indicator=False, edges=(-1.0, 1.0))
WHEN = Moment("when", DAY_FIRST, "1.1.2024 06:00", (ELAPSED, SINE), (Place("hour", (6, 9)), Place("month", (1, 2))))
SPEC = TabularSpec((Category("ward", ("a",)), WHEN, Number("age", 0.0, 1.0, indicator=True, edges=(0.0, 1.0))))
RAW = {
    "ward": objects(["a", "b", "a"]),
    "when": objects(["1.1.2024 6:00", "NA", "31.12.2023 09:00"]),
    "age": np.array([0.0, 0.0, NAN], np.float32),
}


def soft(value: float) -> float:
    return value / math.sqrt(1 + (value / 3) ** 2)


def test_dates_are_numbers_and_categories_among_the_others() -> None:
    found = SPEC.to_tensors(RAW)
    sine = math.sin(2 * math.pi * 9 / 24)
    expected: Any = [[soft(0.25), soft(1), 0, 0, 0], [0, 0, 0, 1, 0], [soft(-0.625), soft(sine), 0, 0, 1]]
    np.testing.assert_allclose(found["numbers"], expected, rtol=1e-6)
    np.testing.assert_array_equal(found["categories"], [[2, 3 + 2, 7 + 2], [1, 3 + 0, 7 + 0], [2, 3 + 3, 7 + 1]])
    assert [str(found[name].dtype) for name in ("numbers", "categories")] == ["float32", "int32"]
    assert (SPEC.width, SPEC.table_size, len(SPEC.numbers), len(SPEC.categories)) == (5, 11, 3, 3)
    assert SPEC.inputs[1] == Tensor("when", "BYTES", (-1,), missing=True, example=WHEN.example)


def test_hours_are_those_of_the_clock_and_the_time_elapsed_heeds_the_offset() -> None:
    column = fitted(hourly(240, written="{0:%Y-%m-%dT%H:%M}+02:00"), YEAR_FIRST)
    assert column is not None
    here, there = (column.read(objects([text])) for text in ("2024-01-03T08:00+02:00", "2024-01-03T06:00Z"))
    assert column.scaled(here)[0] == column.scaled(there)[0]
    assert [column.indices(moments)[0].tolist() for moments in (here, there)] == [[2 + 8], [2 + 6]]


@given(st.lists(moments | st.none(), min_size=2, max_size=30), st.sampled_from(sorted(FORMATS)))
def test_a_spec_with_dates_survives_its_files_and_answers_alike(times: list[datetime | None], written: str) -> None:
    texts = objects(["" if time is None else written.format(time) for time in times])
    raw = {"when": texts, "sure": np.arange(len(texts))}
    spec, _ = TabularSpec.fitted(raw, dates={"when": FORMATS[written]})
    again = TabularSpec.restored(json.loads(json.dumps(spec.content())), spec.arrays())
    assert again == spec
    for name, tensor in spec.to_tensors(raw).items():
        np.testing.assert_array_equal(again.to_tensors(raw)[name], tensor)
        assert np.isfinite(tensor).all()


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["1.1.2024", "12/31/2023", ""], id="order"),
        pytest.param(["1.1.2024", "", "soon " + "x" * 300], id="word"),
    ],
)
def test_a_text_that_is_no_date_is_refused(texts: list[str], golden: Golden) -> None:
    with pytest.raises(InputError) as caught:
        SPEC.to_tensors(RAW | {"when": objects(texts)})
    golden(str(caught.value))


WRITTEN = SPEC.content()["columns"][1]
PLACE = {"name": "hour", "known": [1, 2]}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"form": "by ear"}, id="form"),
        pytest.param({"form": []}, id="form-type"),
        pytest.param({"example": 3}, id="example"),
        pytest.param({"numbers": []}, id="no-numbers"),
        pytest.param({"numbers": WRITTEN["numbers"][::-1]}, id="numbers-order"),
        pytest.param({"numbers": [WRITTEN["numbers"][0] | {"scale": 0}]}, id="number"),
        pytest.param({"places": [PLACE | {"name": "minute"}]}, id="place"),
        pytest.param({"places": [PLACE, PLACE]}, id="place-twice"),
        pytest.param({"places": [PLACE | {"known": [1, 24]}]}, id="hour"),
        pytest.param({"places": [PLACE | {"known": [2, 1]}]}, id="hours-order"),
        pytest.param({"places": [PLACE | {"known": [1]}]}, id="one-hour"),
        pytest.param({"places": 3}, id="no-list"),
    ],
)
def test_files_that_nobody_vouches_for_are_checked(changed: dict[str, Any], golden: Golden) -> None:
    with pytest.raises(InputError) as caught:
        TabularSpec.restored({"columns": [WRITTEN | changed]}, {})
    golden(str(caught.value))
