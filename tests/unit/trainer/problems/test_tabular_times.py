"""Columns of a table that hold dates: how they are found, read and told of, and what they are named for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from idla_contract.task import Columns
from idla_preprocess.dates import DateForm
from idla_trainer.problems.tabular.times import read_date_columns

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.problems.test_tabular import REGRESSION, columns, prepared
from tests.unit.trainer.refusals import refused

ROWS = 120
TIMES = [datetime(2024, 4, 3, tzinfo=UTC) + timedelta(hours=7 * row) for row in range(ROWS)]


def written(form: str, **changed: str) -> Any:
    """Return a column of times, with other texts in rows that are named as `row3`."""
    texts = [form.format(time) for time in TIMES]
    for row, text in changed.items():
        texts[int(row.removeprefix("row"))] = text
    return objects(texts)


def first_days(form: str) -> Any:
    return objects([form.format(TIMES[0].replace(month=row % 12 + 1, day=row % 7 + 1)) for row in range(ROWS)])


NAMED: dict[str, Any] = {"timestamp": "when"}
ISO, GERMAN, AMERICAN = "{0:%Y-%m-%dT%H:%M:%SZ}", "{0.day}.{0.month}.{0.year} {0:%H:%M}", "{0:%m/%d/%Y %I:%M %p}"
SECONDS = np.array([time.timestamp() for time in TIMES])
WHOLE = np.array([float(f"{time:%Y%m%d}") for time in TIMES])


@pytest.mark.parametrize(
    ("values", "roles", "form"),
    [
        pytest.param(written(ISO), {}, DateForm.YEAR_FIRST, id="iso"),
        pytest.param(written("{0:%Y/%m/%d}"), NAMED, DateForm.YEAR_FIRST, id="named"),
        pytest.param(written(GERMAN, row0="", row4="NA"), {}, DateForm.DAY_FIRST, id="missing"),
        pytest.param(written(AMERICAN), {}, DateForm.MONTH_FIRST, id="month-first"),
        pytest.param(written(ISO, row3="soon", row5="2024-02-30"), {}, DateForm.YEAR_FIRST, id="strays"),
        pytest.param(first_days("{0:%d.%m.%Y}"), {}, DateForm.DAY_FIRST, id="dots-put-the-day-first"),
        pytest.param(WHOLE, {}, DateForm.WHOLE, id="whole-numbers"),
        pytest.param(np.where(np.arange(ROWS) == 2, np.nan, WHOLE), NAMED, DateForm.WHOLE, id="a-missing-number"),
        pytest.param(SECONDS, NAMED, DateForm.SECONDS, id="named-seconds"),
        pytest.param(first_days("{0:%d/%m/%Y}"), {}, None, id="two-orders"),
        pytest.param(SECONDS, {}, None, id="seconds"),
        pytest.param(np.full(ROWS, 2024.0), {}, None, id="years"),
        pytest.param(np.where(np.arange(ROWS) == 2, 20241301, WHOLE), {}, None, id="a-number-that-is-no-date"),
        pytest.param(np.full(ROWS, np.nan), {}, None, id="nothing"),
        pytest.param(objects([""] * ROWS), {}, None, id="empty"),
        pytest.param(written(ISO), {"categorical": ("when",)}, None, id="names"),
        pytest.param(written(ISO), {"types": {"when": "Category"}}, None, id="names-by-type"),
        pytest.param(WHOLE, {"types": {"when": "Number"}}, None, id="numbers-by-type"),
        pytest.param(written(ISO, **{f"row{row}": "soon" for row in range(7)}), {}, None, id="many-strays"),
        pytest.param(written("{0.day} {0:%b %Y}"), {}, None, id="months-in-words"),
        pytest.param(written("{0:%d/%m/%y}"), {}, None, id="years-of-two-digits"),
        pytest.param(written("{0:%a} {0.day}.{0.month}.{0.year}"), {}, None, id="weekdays"),
        pytest.param(
            objects([(ISO if row % 2 else GERMAN).format(time) for row, time in enumerate(TIMES)]),
            {},
            None,
            id="two-orders-in-one-column",
        ),
        pytest.param(written("{0:%H:%M}"), {}, None, id="times-of-a-day"),
        pytest.param(written("{0.hour}-{0.day}"), {}, None, id="ranges"),
    ],
)
def test_dates_are_found(values: Any, roles: dict[str, Any], form: DateForm | None, golden: Golden) -> None:
    given = {"age": np.arange(ROWS) / 2, "when": values}
    found = read_date_columns(given, Columns(**roles), split=False)
    golden("\n".join(found.sentences))
    assert found.forms == ({} if form is None else {"when": form})
    assert list(found.columns) == list(found.notes) == list(found.forms)
    assert form is None or found.columns["when"].dtype == object


def test_what_is_no_date_is_missing_and_numbers_are_texts() -> None:
    given = {"when": written(ISO, row3="soon"), "day": WHOLE, "second": SECONDS}
    found = read_date_columns(given, Columns(timestamp="second"), split=False).columns
    assert found["when"].tolist() == written(ISO, row3="").tolist()
    assert found["day"].tolist() == written("{0:%Y%m%d}").tolist()
    assert found["second"][:2].tolist() == ["1712102400", "1712127600"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(first_days("{0:%d/%m/%Y}"), id="two-orders"),
        pytest.param(objects(["spring"] * ROWS), id="words"),
        pytest.param(1000 * SECONDS, id="milliseconds"),
    ],
)
def test_a_column_that_is_named_for_its_time_has_to_hold_it(values: Any, golden: Golden) -> None:
    golden(refused(lambda: read_date_columns({"when": values}, Columns(timestamp="when"), split=False))[1])


@pytest.mark.parametrize("features", [(), ("age",)])
def test_the_time_is_an_input_and_tells_records_apart(features: tuple[str, ...]) -> None:
    table = columns() | {"age": np.arange(ROWS) % 2.0, "when": written(GERMAN, row3="?"), "y": np.sin(SECONDS)}
    dataset = prepared(table, REGRESSION, target="y", features=features, **NAMED)
    assert list(dataset.raw)[-1] == "when"
    assert dataset.raw["when"].tolist() == table["when"].tolist()
    assert dataset.facts["dates"] == 1
    (shown,) = (column for column in dataset.columns if column.name == "when")
    assert (shown.type, shown.missing, shown.note) == ("Time", 1, "day.month.year: '3.4.2024 00:00' is 3 April 2024")
    assert not [warning for warning in dataset.warnings if "copies" in warning]
    assert [warning for warning in dataset.warnings if "split at random" in warning]
    assert max(dataset.examples(dataset.parts.test).inputs) == "numbers"


def test_a_test_file_of_later_records_is_read_alike() -> None:
    table = columns() | {"when": written(GERMAN)}
    later = columns(3) | {"when": objects(["1.6.2025", "", "soon"])}
    dataset = prepared(table, test=later, label="label", **NAMED)
    assert dataset.raw["when"][-3:].tolist() == ["1.6.2025", "", ""]
    assert not [warning for warning in dataset.warnings if "split at random" in warning]
    found = dataset.examples(dataset.parts.test).inputs["numbers"]
    np.testing.assert_array_equal(found[1, 1:], found[2, 1:])
    assert np.isfinite(found).all()
