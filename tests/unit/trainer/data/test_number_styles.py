"""Numbers as people write them are read back as written, or the column stays one of names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.data.formats.number_styles import NumberStyle, read_numbers

NAN = float("nan")
READ: dict[str, tuple[list[str], list[float] | None, NumberStyle | None]] = {
    "a decimal comma": (["5,6", "13,90", "-0,5", "7"], [5.6, 13.9, -0.5, 7], NumberStyle.DECIMAL_COMMA),
    "some are missing": (["12,480", "NA", "", "980"], [12480, NAN, NAN, 980], NumberStyle.THOUSANDS),
    "a stray": (["1,5"] * 40 + ["-"], [1.5] * 40 + [NAN], NumberStyle.DECIMAL_COMMA),
    "strays among plain ones": (["1.5"] * 40 + ["<40"], [1.5] * 40 + [NAN], None),
    "spaces between thousands": (["12 480", "980", "1\u202f234\u202f567"], [12480, 980, 1234567], NumberStyle.SPACES),
    "spaces and a decimal comma": (["12\u00a0480,5", "980"], [12480.5, 980], NumberStyle.DECIMAL_COMMA),
    "apostrophes of two kinds": (["12'480.25", "980", "1\u2019234'567"], None, None),
    "apostrophes": (["12'480.25", "1\u2019234\u2019567"], [12480.25, 1234567], NumberStyle.APOSTROPHES),
    "dollars": (["$1,234.50", "-$5", "($7.25)", "NA"], [1234.5, -5, -7.25, NAN], NumberStyle.THOUSANDS),
    "euros": (["1.234,50 €", "7 €", "\u22123,5 €"], [1234.5, 7, -3.5], NumberStyle.DECIMAL_COMMA),
    "francs": (["CHF 7.5", "CHF -3"], [7.5, -3], None),
    "percent": (["12.5%", "7 %"], [12.5, 7], None),
    "two currencies": (["$5", "€7"], None, None),
    "a unit here and there": (["5%", "7"], None, None),
    "a unit alone": (["$", "%"], None, None),
    "a unit of any kind": (["1.3 kg", "-2 kg", "NA"], [1.3, -2, NAN], None),
    "a unit of two": (["5 m/s", "7.5 m/s"], [5, 7.5], None),
    "degrees": (["20 °C", "\u22123 °C"], [20, -3], None),
    "sizes of two units": (["1.2k", "3M"], None, None),
    "ordinals": (["1st", "2nd", "3rd"], None, None),
    "a minus behind": (["1.30-", "2.00"], [-1.3, 2], None),
    "a minus behind, decimal commas": (["1,30-", "2,00"], [-1.3, 2], NumberStyle.DECIMAL_COMMA),
    "lakhs": (["12,34,567.50", "1,234"], [1234567.5, 1234], NumberStyle.THOUSANDS),
    "powers of ten, decimal commas": (["2,045e+03", "1,5E-2"], [2045, 0.015], NumberStyle.DECIMAL_COMMA),
    "powers of ten as Fortran": (["1.5D+03", "2.0d-01"], [1500, 0.2], None),
    "marks of missing numbers": (["1.5", "-", "\\N", "#DIV/0!", "2"], [1.5, NAN, NAN, NAN, 2], None),
    "marks alone": (["-", "-", "None"], None, None),
    "too many strays": (["1,5"] * 9 + ["x"], None, None),
    "more digits than a double holds": (["9007199254740993", "5"], None, None),
    "times of a day": (["1:30", "2:45"], None, None),
    "ranges": (["10-19", "20-29"], None, None),
    "a long cell": (["1" + " " * 100_000 + "x", "2"], None, None),
    "both styles": (["1,234.5", "1.234,5", "7"], None, None),
    "names": (["a", "b"], None, None),
    "codes": (["02139", "10001"], None, None),
    "codes beside decimals": (["007", "1,5"], None, None),
    "groups of two": (["12,34,56", "1"], None, None),
    "other digits": (["\u0661,5", "1,5"], None, None),
}


@pytest.mark.parametrize("case", READ)
def test_a_column_is_read_in_the_style_that_its_cells_have(case: str) -> None:
    cells, values, style = READ[case]
    found = read_numbers(cells)
    if values is None:
        assert found is None
        return
    assert found is not None
    np.testing.assert_array_equal(found.values, values)
    assert found.style is style


MANNERS: dict[tuple[str, ...], tuple[str, str]] = {
    # cells: the manner, how one is read
    ("$1,234", "$5"): ("commas between thousands and the unit $", "'$1,234' is 1234"),
    ("1.3 kg", "2 kg"): ("the unit kg", "'1.3 kg' is 1.3"),
    ("4", "1,5-"): ("a decimal comma and the minus behind", "'1,5-' is -1.5"),
    ("4", "(1.5)"): ("parentheses for a minus", "'(1.5)' is -1.5"),
    ("1,234", "5,678"): ("commas between thousands", "'1,234' is 1234"),
}


@pytest.mark.parametrize("cells", MANNERS)
def test_the_manner_of_a_column_is_told(cells: tuple[str, ...]) -> None:
    found = read_numbers(cells)
    assert found is not None
    assert (found.manner, found.example(cells)) == MANNERS[cells]


def test_what_may_be_either_follows_the_other_columns() -> None:
    found = read_numbers(["1,234", "5,678"], decimal_comma=True)
    assert found is not None
    assert found.values.tolist() == [1.234, 5.678]


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1), st.sampled_from(NumberStyle))
def test_written_numbers_are_read_back(numbers: list[object], style: NumberStyle) -> None:
    comma = [f"{number:,}" for number in numbers]
    cells = comma if style is NumberStyle.THOUSANDS else [cell.translate(str.maketrans(",.", ".,")) for cell in comma]
    found = read_numbers(cells, decimal_comma=style is NumberStyle.DECIMAL_COMMA)
    assert found is not None
    assert found.values.tolist() == [float(str(number)) for number in numbers]
