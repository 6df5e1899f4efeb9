import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess.base import InputError, Tensor
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.tabular_columns import Category, Number, clear_missing
from idla_preprocess.value import Value

from tests.golden import Golden

AGE = Number("age", center=50.0, scale=0.1, indicator=True, edges=(-1.0, 0.0, 2.0))
DOSE = Number("dose", center=0.0, scale=1.0, indicator=False, edges=(-1.0, 1.0))
WARD = Category("ward", ("east", "west"))
SEX = Category("sex", ("f",))
SPEC = TabularSpec((AGE, WARD, DOSE, SEX))
NAN = math.nan


def texts(*values: object) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(np.array([1.5, -999.5], np.float32), [1.5, NAN], id="numbers"),
        pytest.param(np.array([1, -999, 2]), [1, -999, 2], id="whole numbers near it"),
        pytest.param(np.array([1, 7, 2]), [1.0, NAN, 2.0], id="whole numbers"),
        pytest.param(np.array([True, False]), [True, False], id="truth values"),
        pytest.param(texts("a", " ? ", "7"), ["a", "", ""], id="texts"),
    ],
)
def test_what_stands_for_a_missing_value_is_cleared_whatever_the_type(values: Any, expected: list[Any]) -> None:
    cleared = clear_missing(values, ("-999.5", "7", "?")).tolist()
    assert list(map(str, cleared)) == list(map(str, expected))  # NaN equals nothing


RAW = {
    "age": np.array([50.0, NAN], np.float32),
    "ward": texts(" west", "north"),
    "dose": np.array([1, 0]),
    "sex": texts("", "f"),
}


def test_a_record_becomes_two_tensors() -> None:
    found = SPEC.to_tensors(RAW)
    assert sorted(found) == ["categories", "numbers"]
    soft = 1 / math.sqrt(1 + 1 / 9)
    np.testing.assert_allclose(found["numbers"], np.array([[0, soft, 0], [0, 0, 1]]), rtol=1e-6)
    np.testing.assert_array_equal(found["categories"], np.array([[3, 4 + 0], [1, 4 + 2]]))
    assert [str(found[name].dtype) for name in ("numbers", "categories")] == ["float32", "int32"]
    assert (SPEC.width, SPEC.table_size) == (3, 7)


def test_each_column_is_an_input() -> None:
    assert SPEC.inputs == (
        Tensor("age", "FP32", (-1,), missing=True),
        Tensor("ward", "BYTES", (-1,), missing=True),
        Tensor("dose", "FP32", (-1,)),
        Tensor("sex", "BYTES", (-1,), missing=True),
    )


def test_files_of_numbers_and_names_are_what_they_were_before_there_were_dates() -> None:
    assert json.dumps(TabularSpec((DOSE, SEX)).content()) == (
        '{"columns": [{"type": "Number", "name": "dose", "center": 0.0, "scale": 1.0, "indicator": false, "edges": '
        '[-1.0, 1.0]}, {"name": "sex", "type": "Category"}]}'
    )
    assert {name: array.tolist() for name, array in SPEC.arrays().items()} == {
        "categories1": ["east", "west"],
        "categories3": ["f"],
    }


def test_a_kind_that_no_column_has_is_left_out() -> None:
    assert list(TabularSpec((AGE,)).to_tensors(RAW)) == ["numbers"]
    assert list(TabularSpec((SEX,)).to_tensors(RAW)) == ["categories"]


def test_a_column_of_a_matrix_is_a_column() -> None:
    tall = {name: values.reshape(-1, 1) for name, values in RAW.items()}
    for name, values in SPEC.to_tensors(RAW).items():
        np.testing.assert_array_equal(SPEC.to_tensors(tall)[name], values)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"age": None}, "age: found nothing; allowed: numbers, null where missing", id="missing-number"),
        pytest.param({"sex": None}, "sex: found nothing; allowed: texts, empty where missing", id="missing-text"),
        pytest.param({"age": texts("50", "60")}, "age: found values of type object; allowed: numbers, null "
                     "where missing", id="text-for-a-number"),
        pytest.param({"ward": np.array([1, 2])}, "ward: found values of type int64; allowed: texts, empty where "
                     "missing", id="number-for-a-text"),
        pytest.param({"ward": texts("east", None)}, "ward: found the value None; allowed: texts, empty where missing",
                     id="none"),
        pytest.param({"age": np.zeros((2, 2))}, "age: found the shape [2, 2]; allowed: [N] or [N, 1]", id="shape"),
        pytest.param({"dose": np.zeros(3)}, "dose: found 3 values; allowed: 2 as in 'age'", id="length"),
        pytest.param({"age": np.zeros(0)}, "age: found 0 values; allowed: 1 or more", id="empty"),
        pytest.param({"dose": np.array([0.0, 1e39])}, "dose: found an infinite number in example 1; allowed: finite "
                     "32-bit numbers", id="too-large"),
    ],
)  # fmt: skip
def test_wrong_input_is_refused(changed: dict[str, Any], message: str) -> None:
    raw = {name: values for name, values in (RAW | changed).items() if values is not None}
    with pytest.raises(InputError) as caught:
        SPEC.to_tensors(raw)
    assert str(caught.value) == message


def test_fitting_scales_by_the_quartiles_and_keeps_the_order_of_the_columns() -> None:
    columns = {
        "b": texts("x", "y", "x", "y", "x", "y", "z"),
        "a": np.array([0.0, 1, 2, 3, 4, NAN, NAN]),
        "mostly": np.array([5.0, 5, 5, 5, 5, 5, 7]),
        "constant": np.array([5.0, 5, 5, NAN, 5, 5, 5]),
        "empty": np.full(7, NAN),
        "rare": texts(*"abcdefg"),
        "one": texts(*"aaaaaaa"),
    }
    spec, left_out = TabularSpec.fitted(columns)
    assert left_out == ("constant", "empty", "rare", "one")
    assert [column.name for column in spec.columns] == ["b", "a", "mostly"]
    assert spec.categories == (Category("b", ("x", "y")),)
    number, mostly = spec.numbers
    assert (number.center, number.scale, number.indicator) == (2.0, 0.5, True)
    assert (mostly.center, mostly.scale, mostly.indicator) == (5.0, 1.0, False)
    np.testing.assert_allclose(number.edges, number.scaled(np.arange(5.0)))
    np.testing.assert_allclose(mostly.edges, [0, 2 / math.sqrt(1 + 4 / 9)], rtol=1e-6)


def test_a_column_can_be_said_to_hold_texts() -> None:
    spec, _ = TabularSpec.fitted({"code": np.array(["1", "2"] * 3), "n": np.arange(6)}, categorical=("code",))
    assert spec.categories == (Category("code", ("1", "2")),)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="columns: found 1 columns, each with one value alone; allowed: a column with"):
        TabularSpec.fitted({"a": np.zeros(3)})


def test_infinite_numbers_are_refused_in_fitting() -> None:
    with pytest.raises(InputError, match="a: found an infinite number; allowed: finite 32-bit numbers, or NaN"):
        TabularSpec.fitted({"a": np.array([0.0, math.inf])})


numbers = st.one_of(st.just(NAN), st.floats(-(2.0**100), 2.0**100, width=32))
words = st.text(st.characters(codec="utf-8"), max_size=3)


@given(st.lists(st.tuples(numbers, words, numbers), min_size=2, max_size=30))
def test_a_spec_survives_its_files_and_answers_alike(rows: list[tuple[float, str, float]]) -> None:
    raw = {"n": np.array([row[0] for row in rows]), "t": texts(*(row[1] for row in rows)),
           "m": np.array([row[2] for row in rows]), "sure": np.arange(len(rows))}  # fmt: skip
    spec, _ = TabularSpec.fitted(raw)
    again = TabularSpec.restored(json.loads(json.dumps(spec.content())), spec.arrays())
    assert again == spec
    assert all(array.dtype.kind != "O" for array in spec.arrays().values())
    for name, tensor in spec.to_tensors(raw).items():
        np.testing.assert_array_equal(again.to_tensors(raw)[name], tensor)
        assert np.isfinite(tensor).all()
    assert np.abs(spec.to_tensors(raw)["numbers"]).max() <= 3


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=2, max_size=30))
def test_scaling_keeps_the_order(values: list[float]) -> None:
    ascending = np.sort(np.array(values))
    number = Number.fitted("n", ascending)
    if ascending[0] == ascending[-1]:
        assert number is None
    else:
        assert number is not None
        assert (np.diff(number.scaled(ascending)) >= 0).all()
        assert number.edges[0] < number.edges[-1]


NUMBER_CONTENT = SPEC.content()["columns"][0]


def with_number(**changed: object) -> dict[str, Any]:
    return {"columns": [NUMBER_CONTENT | changed]}


@pytest.mark.parametrize(
    ("content", "arrays"),
    [
        pytest.param({}, {}, id="no-columns"),
        pytest.param({"columns": {}}, {}, id="no-list"),
        pytest.param({"columns": []}, {}, id="none"),
        pytest.param({"columns": [NUMBER_CONTENT] * 2}, {}, id="twice"),
        pytest.param({"columns": [3]}, {}, id="no-object"),
        pytest.param({"columns": [{"type": []}]}, {}, id="type-no-text"),
        pytest.param({"columns": [{"name": "a", "type": "Number"}]}, {}, id="keys"),
        pytest.param(with_number(name=""), {}, id="name"),
        pytest.param(with_number(center=NAN), {}, id="center"),
        pytest.param(with_number(scale=0), {}, id="scale"),
        pytest.param(with_number(scale=True), {}, id="scale-type"),
        pytest.param(with_number(indicator=1), {}, id="indicator"),
        pytest.param(with_number(edges=[1]), {}, id="edges"),
        pytest.param(with_number(edges=[1, 1]), {}, id="edges-order"),
        pytest.param({"columns": [{"name": "a", "type": "Category"}]}, {}, id="no-texts"),
        pytest.param({"columns": [{"name": "a", "type": "Category"}]}, {"categories0": np.zeros(2)},
                     id="numbers-for-texts"),
        pytest.param({"columns": [{"name": "a", "type": "Category"}]}, {"categories0": np.array(["b", "a"])},
                     id="texts-order"),
    ],
)  # fmt: skip
def test_files_that_nobody_vouches_for_are_checked(
    content: dict[str, Any], arrays: dict[str, Any], golden: Golden
) -> None:
    with pytest.raises(InputError) as caught:
        TabularSpec.restored(content, arrays)
    golden(str(caught.value))


def test_a_value_is_answered_as_one_number_an_example() -> None:
    answers = Value.restored(Value().content(), Value().arrays())
    assert answers == Value()
    assert answers.outputs == (Tensor("value", "FP32", (-1,)),)
    found = answers.of(np.array([[1.5], [2.0]], np.float32), {}, {})
    assert list(found) == ["value"]
    np.testing.assert_array_equal(found["value"], np.array([1.5, 2.0], np.float32))


@pytest.mark.parametrize("shape", [(2,), (2, 2), (2, 1, 1)])
def test_a_value_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"value: found a network's output of shape .*; allowed: \[N, 1\]"):
        Value().of(np.zeros(shape, np.float32), {}, {})


def test_a_value_has_no_content() -> None:
    with pytest.raises(InputError, match=r"value: found the keys \['scale'\]; allowed: no key"):
        Value.restored({"scale": 1}, {})
