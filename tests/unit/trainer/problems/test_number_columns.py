"""A column that mostly holds numbers and is one of names says so, with the cell that made it one."""

from collections.abc import Callable

import numpy as np
import pytest
from idla_contract.columns import ReadAs
from idla_contract.task import Columns
from idla_trainer.problems.columns import explain_texts
from idla_trainer.problems.number_columns import check_finite, read_number_columns

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.refusals import refused

ROWS = 20
READ: dict[str, tuple[Callable[[int], str], ReadAs | None]] = {
    # name: the cell of each row, what the user calls the column
    "points and commas": (lambda n: f"{n}.5" if n % 2 else f"1{n},25", None),
    "a unit here and there": (lambda n: f"{n}.5%" if n % 2 else f"{n}", None),
    "two currencies": (lambda n: f"${n}" if n % 2 else f"€{n}", None),
    "thousands and millions": (lambda n: f"{n}k" if n % 2 else f"{n}.1M", None),
    "below a limit": (lambda n: f"{n}.5" if n % 3 else "<5", None),
    "below a limit, called names": (lambda n: f"{n}.5" if n % 3 else "<5", ReadAs.CATEGORY),
    "below a limit, called numbers": (lambda n: f"{n}.5" if n % 3 else "<5", ReadAs.NUMBER),
    "names": (lambda n: "abcd"[n % 4], None),
    "mostly names": (lambda n: "high" if n % 3 else f"{n}.5", None),
    "postal codes": (lambda n: f"{n * 700:05}", None),
    "account numbers": (lambda n: f"{9007199254740993 + n}", None),
    "times of a day": (lambda n: f"{n}:30", None),
    "errors of a spreadsheet": (lambda n: f"{n}.5" if n % 3 else "#REF!", None),
    "a unit": (lambda n: f"{n}.5 kg", None),
    "a minus behind": (lambda n: f"{n}.5-" if n % 2 else f"{n}", None),
}


@pytest.mark.parametrize("name", READ)
def test_what_a_column_of_texts_is_read_as_is_told(name: str, golden: Golden) -> None:
    cell, called = READ[name]
    roles = Columns() if called is None else Columns(types={"c": called})
    golden(list(read_number_columns({"c": objects([cell(row) for row in range(ROWS)])}, roles).sentences))


TARGETS = {
    "sold": ["sold", "1.5", "2", "sold", "3"],
    "points and commas": ["1.5", "", "2,25", "3.5"],
    "a decimal comma": ["1,5", "2,25"],
    "names": ["red", "blue"],
}


@pytest.mark.parametrize("name", TARGETS)
def test_why_a_column_is_none_of_numbers(name: str, golden: Golden) -> None:
    golden(explain_texts("price", np.array(TARGETS[name], dtype=object)))


BEYOND = {"infinite": np.inf, "infinite below zero": -np.inf, "large": 1e40, "just too large": -3.5e38}


@pytest.mark.parametrize("name", BEYOND)
def test_a_number_that_networks_cannot_hold_is_named_with_its_row(name: str, golden: Golden) -> None:
    value = BEYOND[name]
    golden(refused(lambda: check_finite({"a": np.array([np.nan, 3.4e38]), "b": np.array([1.0, value, value])}))[1])
