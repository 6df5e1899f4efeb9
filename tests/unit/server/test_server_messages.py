import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_artifact.model import tensor_metadata, tensor_specs
from idla_preprocess import Classes, ImageSpec, InputError, Signature
from idla_preprocess.covariates import Covariates
from idla_preprocess.dates import DateForm
from idla_preprocess.quantiles import Quantiles
from idla_preprocess.series import SeriesSpec
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.tabular_columns import Category, Number
from idla_preprocess.tabular_moments import Moment, Place
from idla_server.json_data import DATATYPES
from idla_server.messages import InferRequest, decode, encode

LIMIT = 5
CLASSES = Classes(("a", "ox"))
SIGNATURE = Signature(ImageSpec(height=1, width=3, channels=1, maximum=16.0), CLASSES)


def body(*, drop: str | None = None, tensor: dict[str, Any] | None = None, **more: Any) -> bytes:
    """Return a good request of two examples of three numbers, with some of it changed."""
    image = {"name": "image", "datatype": "FP32", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]} | (tensor or {})
    content = {"inputs": [{key: value for key, value in image.items() if key != drop}], **more}
    return json.dumps({key: value for key, value in content.items() if key != drop}).encode()


GOOD: dict[str, tuple[bytes, str | None, tuple[str, ...]]] = {
    "plain": (body(), None, ("probabilities", "label")),
    "a byte order mark": (b"\xef\xbb\xbf" + body(), None, ("probabilities", "label")),
    "with an id": (body(id="42"), "42", ("probabilities", "label")),
    "with an empty id": (body(id=""), "", ("probabilities", "label")),
    "nested data": (body(tensor={"data": [[1, 2, 3], [4, 5, 6]]}), None, ("probabilities", "label")),
    "one output": (body(outputs=[{"name": "label"}]), None, ("label",)),
    "outputs in another order": (
        body(outputs=[{"name": "label"}, {"name": "probabilities"}]),
        None,
        ("label", "probabilities"),
    ),
    "an output twice": (body(outputs=[{"name": "label"}, {"name": "label"}]), None, ("label",)),
    "no wish": (body(outputs=[]), None, ("probabilities", "label")),
    "absent and null": (body(outputs=None, id=None, parameters=None), None, ("probabilities", "label")),
    "parameters": (
        body(
            parameters={"priority": 1},
            tensor={"parameters": {"binary_data": False}},
            outputs=[{"name": "label", "parameters": {}}],
        ),
        None,
        ("label",),
    ),
    "what clients add": (body(model_name="m", model_version="1"), None, ("probabilities", "label")),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_request_is_understood(name: str) -> None:
    content, identifier, outputs = GOOD[name]
    request = decode(content, SIGNATURE, LIMIT)
    assert (request.id, request.outputs) == (identifier, outputs)
    np.testing.assert_array_equal(request.inputs["image"], [[1, 2, 3], [4, 5, 6]])


def test_picture_files_are_taken_where_pixels_may_be_grey_or_coloured() -> None:
    tensor = {"datatype": "BYTES", "shape": [2], "data": ["aGk=", "aG8="], "parameters": {"content_type": "base64"}}
    request = decode(body(tensor=tensor), SIGNATURE, LIMIT)
    assert request.inputs["image"].tolist() == ["aGk=", "aG8="]
    other = Signature(ImageSpec(height=1, width=3, channels=2, maximum=16.0), CLASSES)
    with pytest.raises(InputError, match=r"datatype: found 'BYTES'; allowed: FP32, FP64, UINT8, INT32, INT64$"):
        decode(body(tensor=tensor), other, LIMIT)


DATA = "inputs[0].data"
SHAPE = "inputs[0].shape"
BAD: dict[str, tuple[bytes, str, str, str]] = {
    # name: body, the field, a part of what was found, a part of what is allowed
    "no JSON": (b"image", "the body", "no JSON", "a JSON object"),
    "empty": (b"", "the body", "no JSON", "a JSON object"),
    "NaN": (body().replace(b"6", b"NaN"), "the body", "no JSON", "a missing number is null"),
    "not UTF-8": (b'{"id": "\xff"}', "the body", "no JSON", "a JSON object"),
    "too deep": (b"[" * 5000, "the body", "no JSON", "a JSON object"),
    "a list": (b"[]", "the body", "[]", "a JSON object"),
    "a misspelt key": (body(output=[]), "the body", "the key 'output'", "id, inputs,"),
    "a number as id": (body(id=42), "id", "42", "a text"),
    "parameters that are none": (body(parameters=[]), "parameters", "[]", "a JSON object"),
    "binary output neither wanted nor not": (
        body(parameters={"binary_data_output": 1}),
        "parameters.binary_data_output",
        "1",
        "true or false",
    ),
    "no inputs": (body(drop="inputs"), "inputs", "nothing", "`image`"),
    "inputs no list": (body(inputs={}), "inputs", "{}", "`image`"),
    "no input": (body(inputs=[]), "inputs", "[]", "the one tensor `image`"),
    "two inputs": (body(inputs=[{}, {}]), "inputs[0].name", "nothing", "`image`, each once"),
    "an input that is none": (body(inputs=[3]), "inputs[0]", "3", "a JSON object"),
    "an unknown key of the input": (body(tensor={"dtype": "f"}), "inputs[0]", "the key 'dtype'", "datatype"),
    "no name": (body(drop="name"), "inputs[0].name", "nothing", "`image`"),
    "another name": (body(tensor={"name": "x" * 500}), "inputs[0].name", "'xxx", "`image`"),
    "no datatype": (body(drop="datatype"), "inputs[0].datatype", "nothing", "FP32, FP64, UINT8, INT32, INT64"),
    "an unknown datatype": (body(tensor={"datatype": "FP16"}), "inputs[0].datatype", "'FP16'", "FP32"),
    "a datatype that is no text": (body(tensor={"datatype": ["FP32"]}), "inputs[0].datatype", "['FP32']", "FP32"),
    "binary data": (
        body(tensor={"data": None, "parameters": {"binary_data_size": 24}}),
        "inputs[0].parameters.binary_data_size",
        "24",
        "only with the header Inference-Header-Content-Length; else `data`",
    ),
    "no shape": (body(drop="shape"), SHAPE, "nothing", "1 to 4 whole numbers"),
    "a shape that is no list": (body(tensor={"shape": 6}), SHAPE, "6", "1 to 4 whole numbers"),
    "a shape without examples": (body(tensor={"shape": [6]}), SHAPE, "6", "at most 5"),
    "a shape of five": (body(tensor={"shape": [1, 1, 1, 2, 3]}), SHAPE, "[1, 1, 1, 2, 3]", "1 to 4"),
    "a negative length": (body(tensor={"shape": [-1, 3]}), SHAPE, "[-1, 3]", "whole numbers"),
    "a length with a point": (body(tensor={"shape": [2.0, 3]}), SHAPE, "[2.0, 3]", "whole numbers"),
    "a length that is true": (body(tensor={"shape": [True, 6]}), SHAPE, "[True, 6]", "whole numbers"),
    "too large a batch": (body(tensor={"shape": [6, 1]}), SHAPE, "a batch of 6", "at most 5"),
    "a huge length": (body(tensor={"shape": [2, 10**12, 10**12]}), DATA, "6 numbers", "[2, 1000000000000,"),
    "no data": (body(drop="data"), DATA, "nothing", "a list of numbers"),
    "data as a text": (body(tensor={"data": "AAAA"}), DATA, "'AAAA'", "a list of numbers"),
    "data as an object": (body(tensor={"data": {}}), DATA, "{}", "a list of numbers"),
    "no number": (body(tensor={"data": []}), DATA, "no number", "at least one example"),
    "a number too few": (body(tensor={"data": [1, 2, 3, 4, 5]}), DATA, "5 numbers", "as the shape [2, 3] has (6)"),
    "nested otherwise": (body(tensor={"data": [[1, 2], [3, 4], [5, 6]]}), DATA, "nested as [3, 2]", "[2, 3]"),
    "ragged": (body(tensor={"data": [[1, 2, 3], [4, 5]]}), DATA, "unequal length", "nested like the shape"),
    "mixed depth": (body(tensor={"data": [[1, 2, 3], 4]}), DATA, "unequal length or depth", "a flat list"),
    "deeper than arrays go": (body(tensor={"data": json.loads("[" * 99 + "1" + "]" * 99)}), DATA, "depth", "flat"),
    "a null among whole numbers": (
        body(tensor={"datatype": "INT64", "data": [1, 2, 3, 4, 5, None]}),
        DATA,
        "null among INT64",
        "whole numbers only",
    ),
    "a null where nothing may be missing": (
        body(tensor={"data": [[1, 2, 3], [4, None, None]]}),
        DATA,
        "null or NaN as value 4 of `image`, counted from 0",
        "numbers only; the model has not learned from missing ones",
    ),
    "a null and a text": (body(tensor={"data": [1, 2, 3, 4, None, "6"]}), DATA, "'6' as value 5", "a list of numbers"),
    "a text among numbers": (
        body(tensor={"data": [[1, 2, 3], [4, 5, "6"]]}),
        DATA,
        "'6' as value 5, counted from 0",
        "a list of numbers; write them without quotation marks",
    ),
    "an object among numbers": (body(tensor={"data": [1, 2, 3, 4, 5, {}]}), DATA, "{} as value 5", "a list of numbers"),
    "only true and false": (body(tensor={"data": [True] * 6}), DATA, "True as value 0", "write 1 for true and 0"),
    "true among numbers": (body(tensor={"data": [1, 2, 3, 4.5, True, 6]}), DATA, "True as value 4", "write 1 for true"),
    "false in nested numbers": (body(tensor={"data": [[1, 2, 3], [4, 5, False]]}), DATA, "False as value 5", "0 for f"),
    "UINT8 above 255": (body(tensor={"datatype": "UINT8", "data": [0, 1, 2, 3, 4, 256]}), DATA, "256", "from 0 to 255"),
    "UINT8 below 0": (body(tensor={"datatype": "UINT8", "data": [0, 1, 2, 3, 4, -1]}), DATA, "-1", "from 0 to 255"),
    "INT32 with a point": (body(tensor={"datatype": "INT32", "data": [0.5] * 6}), DATA, "decimal", "for INT32"),
    "INT32 too large": (body(tensor={"datatype": "INT32", "data": [2**31] * 6}), DATA, str(2**31), str(2**31 - 1)),
    "INT64 too large": (body(tensor={"datatype": "INT64", "data": [2**63] * 6}), DATA, str(2**63), "for INT64"),
    "outputs no list": (body(outputs="label"), "outputs", "'label'", "a list of objects with a name"),
    "an output that is none": (body(outputs=["label"]), "outputs[0]", "'label'", "a JSON object"),
    "an unknown output": (
        body(outputs=[{"name": "label"}, {"name": "scores"}]),
        "outputs[1].name",
        "'scores'",
        "`probabilities` or `label`",
    ),
    "an output whose name is no text": (body(outputs=[{"name": ["label"]}]), "outputs[0].name", "['label']", "`label`"),
    "a binary output or not": (
        body(outputs=[{"name": "label", "parameters": {"binary_data": "yes"}}]),
        "outputs[0].parameters.binary_data",
        "'yes'",
        "true or false",
    ),
    "the classification extension": (
        body(outputs=[{"name": "label", "parameters": {"classification": 3}}]),
        "outputs[0].parameters.classification",
        "3",
        "no classification extension",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_by_field_value_and_what_is_allowed(name: str) -> None:
    content, field, found, allowed = BAD[name]
    with pytest.raises(InputError) as caught:
        decode(content, SIGNATURE, LIMIT)
    assert caught.value.field == field
    assert found in caught.value.found
    assert allowed in caught.value.allowed
    assert len(str(caught.value)) < 500


AGE = Number("age", center=40.0, scale=0.1, indicator=True, edges=(-1.0, 1.0))
DOSE = Number("dose", center=0.0, scale=1.0, indicator=False, edges=(-1.0, 1.0))
RECORDS = Signature(TabularSpec((AGE, Category("sex", ("f", "m")))), CLASSES)
DOSES = Signature(TabularSpec((DOSE, AGE)), CLASSES)
ELAPSED = Number("elapsed", center=19723.0, scale=2.0, indicator=True, edges=(-1.0, 1.0))
WHEN = Moment("when", DateForm.DAY_FIRST, "31.12.2023 13:00", (ELAPSED,), (Place("hour", (0, 13)),))
VISITS = Signature(TabularSpec((AGE, WHEN)), CLASSES)
TIMES = {"name": "when", "datatype": "BYTES", "shape": [2], "data": ["1.1.2024", None]}
AGES = {"name": "age", "datatype": "FP64", "shape": [2], "data": [40, None]}
SEXES = {"name": "sex", "datatype": "BYTES", "shape": [2, 1], "data": ["m", ""]}


@pytest.mark.parametrize("order", [[AGES, SEXES], [SEXES, AGES]], ids=["as the model", "otherwise"])
def test_a_record_has_an_input_for_each_column_in_any_order(order: list[dict[str, Any]]) -> None:
    request = decode(json.dumps({"inputs": order}).encode(), RECORDS, LIMIT)
    assert {name: array.tolist() for name, array in request.inputs.items() if name == "sex"} == {"sex": [["m"], [""]]}
    tensors = RECORDS.preprocess.to_tensors(request.inputs)
    assert {name: array.tolist() for name, array in tensors.items()} == {
        "numbers": [[0.0, 0.0], [0.0, 1.0]],
        "categories": [[3], [0]],
    }


BAD_RECORDS: dict[str, tuple[list[Any], str, str, str]] = {
    # name: the inputs, the field, a part of what was found, a part of what is allowed
    "three of two": ([AGES, SEXES, AGES], "inputs[2].name", "'age'", "`age`, `sex`, each once"),
    "one too many": ([AGES, SEXES, {**AGES, "name": "ill"}], "inputs[2].name", "'ill'", "`age`, `sex`, each once"),
    "one twice": ([AGES, AGES], "inputs[1].name", "'age'", "`age`, `sex`"),
    "an unknown one": ([AGES, {**SEXES, "name": "gender"}], "inputs[1].name", "'gender'", "`age`, `sex`"),
    "unequal batches": ([AGES, {**SEXES, "shape": [1], "data": ["m"]}], "inputs", "1 of `sex` and 2 of `age`", "each"),
    "numbers for texts": ([AGES, {**SEXES, "datatype": "FP32"}], "inputs[1].datatype", "'FP32'", "BYTES"),
    "texts for numbers": ([{**AGES, "datatype": "BYTES"}, SEXES], "inputs[0].datatype", "'BYTES'", "FP32, FP64"),
    "a null among whole numbers": (
        [{**AGES, "datatype": "INT64"}, SEXES],
        "inputs[0].data",
        "null among INT64",
        "null in FP32 and FP64",
    ),
    "a text among numbers": ([{**AGES, "data": [1, "2"]}], "inputs[0].data", "'2' as value 1", "or null where one is"),
    "a number among texts": ([AGES, {**SEXES, "data": ["m", 3]}], "inputs[1].data", "['m', 3]", "a flat list of texts"),
    "nested texts": ([AGES, {**SEXES, "data": [["m"], ["f"]]}], "inputs[1].data", "[['m'], ['f']]", "a flat list"),
    "a text too few": ([AGES, {**SEXES, "data": ["m"]}], "inputs[1].data", "1 texts", "the shape [2, 1]"),
    "no text": ([AGES, {**SEXES, "shape": [0], "data": []}], "inputs[1].data", "0 texts", "one or more"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_bad_record_is_refused_by_field_value_and_what_is_allowed(name: str) -> None:
    inputs, field, found, allowed = BAD_RECORDS[name]
    with pytest.raises(InputError) as caught:
        decode(json.dumps({"inputs": inputs}).encode(), RECORDS, LIMIT)
    assert caught.value.field == field
    assert found in caught.value.found
    assert allowed in caught.value.allowed


MISSING: dict[str, tuple[list[Any], Signature, dict[str, list[list[float]]]]] = {
    # name: the inputs, of what model, what its network gets
    "a null text": (
        [AGES, {**SEXES, "data": ["m", None]}],
        RECORDS,
        {"numbers": [[0, 0], [0, 1]], "categories": [[3], [0]]},
    ),
    "texts left out": ([AGES], RECORDS, {"numbers": [[0, 0], [0, 1]], "categories": [[0], [0]]}),
    "numbers left out": ([SEXES], RECORDS, {"numbers": [[0, 1], [0, 1]], "categories": [[3], [0]]}),
    "nothing but nulls": (
        [{**AGES, "data": [None, None]}],
        RECORDS,
        {"numbers": [[0, 1]] * 2, "categories": [[0]] * 2},
    ),
    "a null date": ([AGES, TIMES], VISITS, {"numbers": [[0, 0, 0, 0], [0, 0, 1, 1]], "categories": [[2], [0]]}),
    "dates left out": ([AGES], VISITS, {"numbers": [[0, 0, 0, 1], [0, 0, 1, 1]], "categories": [[0], [0]]}),
    "one of two columns": (
        [{**AGES, "name": "dose", "data": [0, 0]}],
        DOSES,
        {"numbers": [[0, 0, 1], [0, 0, 1]]},
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_may_be_missing_is_null_or_left_out(name: str) -> None:
    inputs, signature, expected = MISSING[name]
    request = decode(json.dumps({"inputs": inputs}).encode(), signature, LIMIT)
    tensors = signature.preprocess.to_tensors(request.inputs)
    assert {name: array.tolist() for name, array in tensors.items()} == expected


def test_a_column_that_was_never_missing_in_training_is_wanted() -> None:
    request = decode(json.dumps({"inputs": [AGES]}).encode(), DOSES, LIMIT)
    with pytest.raises(InputError, match=r"^dose: found nothing; allowed: numbers$"):
        DOSES.preprocess.to_tensors(request.inputs)
    with pytest.raises(InputError, match=r"data: found null or NaN as value 1 of `dose`, counted from 0; allowed: num"):
        decode(json.dumps({"inputs": [{**AGES, "name": "dose"}]}).encode(), DOSES, LIMIT)


def test_a_date_of_another_form_is_refused_by_input_row_and_value() -> None:
    request = decode(json.dumps({"inputs": [AGES, {**TIMES, "data": ["", "12/31/2023"]}]}).encode(), VISITS, LIMIT)
    with pytest.raises(InputError) as caught:
        VISITS.preprocess.to_tensors(request.inputs)
    assert (caught.value.field, caught.value.found) == ("when", "'12/31/2023' in example 1 (counted from 0)")
    assert caught.value.allowed == "dates and times such as '31.12.2023 13:00' (day.month.year), empty where missing"


def test_more_missing_values_than_a_request_could_write_are_refused() -> None:
    columns = tuple(Category(f"c{place}", ("a", "b")) for place in range(9000))
    signature = Signature(TabularSpec(columns), CLASSES)
    tensor = {"name": "c1", "datatype": "BYTES", "shape": [1000], "data": ["a"] * 1000}
    with pytest.raises(
        InputError, match=r"^inputs: found 1000 examples without 8999 of the inputs; allowed: at most 8"
    ):
        decode(json.dumps({"inputs": [tensor]}).encode(), signature, 1000)


@pytest.mark.parametrize("marked", [True, False], ids=["of a model that knows gaps", "of another model"])
def test_a_window_may_have_gaps(*, marked: bool) -> None:
    one = np.ones(1, np.float32)
    series = SeriesSpec(sensors=("a",), history=3, period_seconds=60, waves=(), marked=marked, location=one, scale=one)
    window = {"name": "series", "datatype": "FP32", "shape": [1, 3, 1], "data": [2, None, 3]}
    content = json.dumps({"inputs": [window]}).encode()
    request = decode(content, Signature(series, CLASSES), LIMIT)
    np.testing.assert_array_equal(request.inputs["series"], [[[2], [np.nan], [3]]])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "data", "x"]), inner),
    max_leaves=8,
)


TENSOR = st.dictionaries(st.sampled_from(["name", "shape", "datatype", "data", "parameters"]), JSON)


@given(changes=TENSOR, as_output=st.booleans())
def test_whatever_is_sent_is_understood_or_refused(*, changes: dict[str, Any], as_output: bool) -> None:
    content = body(outputs=[changes]) if as_output else body(tensor=changes)
    try:
        request = decode(content, SIGNATURE, LIMIT)
    except InputError:
        return
    assert request.inputs["image"].dtype.kind in "iuf"
    assert 1 <= request.inputs["image"].ndim <= 4


@given(st.binary(max_size=40))
def test_whatever_bytes_are_sent_are_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        decode(content, SIGNATURE, LIMIT)


PROBABILITIES = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], np.float32)
TENSORS = {
    "probabilities": {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": [3, 2],
        "data": [0.25, 0.75, 0.5, 0.5, 1.0, 0.0],
    },
    "label": {"name": "label", "datatype": "BYTES", "shape": [3], "data": ["ox", "a", "a"]},
}


@pytest.mark.parametrize("outputs", [("probabilities", "label"), ("label",), ("label", "probabilities")])
@pytest.mark.parametrize("identifier", [None, "", "42"])
def test_an_answer_holds_what_was_asked(outputs: tuple[str, ...], identifier: str | None) -> None:
    request = InferRequest(identifier, {}, outputs, {})
    expected: dict[str, Any] = {"model_name": "m", "model_version": "v"}
    if identifier is not None:
        expected["id"] = identifier
    expected["outputs"] = [TENSORS[name] for name in outputs]
    reply = encode(request, "m", "v", CLASSES.of(PROBABILITIES, {}, {}))
    assert (json.loads(reply.content), reply.json_bytes) == (expected, None)


def test_metadata_say_what_may_be_missing_and_how_a_date_is_written() -> None:
    assert [tensor_metadata(tensor) for tensor in (*DOSES.inputs, *VISITS.inputs[1:])] == [
        {"name": "dose", "datatype": "FP32", "shape": (-1,)},
        {"name": "age", "datatype": "FP32", "shape": (-1,), "parameters": {"may_be_missing": True}},
        {
            "name": "when",
            "datatype": "BYTES",
            "shape": (-1,),
            "parameters": {"may_be_missing": True, "example": "31.12.2023 13:00"},
        },
    ]


def test_metadata_name_the_sensors_the_series_and_the_levels() -> None:
    two = np.ones(2, np.float32)
    promo = Number("promo", center=0.0, scale=1.0, indicator=False, edges=(0.0, 1.0))
    series = SeriesSpec(
        sensors=("n/tea", "s/tea"), history=3, period_seconds=60, waves=(), marked=False, location=two, scale=two,
        covariates=Covariates((promo,), 2, ("n/tea", "s/tea")),
    )  # fmt: skip
    names = {"names": ("n/tea", "s/tea")}
    signature = Signature(series, Quantiles(horizon=2, sensors=2, levels=(0.1, 0.9)))
    assert [tensor_metadata(tensor) for tensor in (*signature.inputs, *signature.outputs)] == [
        {"name": "series", "datatype": "FP32", "shape": (-1, 3, 2), "parameters": {"may_be_missing": True} | names},
        {"name": "promo", "datatype": "FP32", "shape": (-1, 5, 2), "parameters": names},
        {"name": "forecast", "datatype": "FP32", "shape": (-1, 2, 2)},
        {"name": "quantiles", "datatype": "FP32", "shape": (-1, 2, 2, 2), "parameters": {"names": ("0.1", "0.9")}},
    ]


def test_a_manifest_and_the_messages_speak_of_the_same_tensors() -> None:
    signature = Signature(ImageSpec(height=8, width=9, channels=3, maximum=255.0), CLASSES)
    (image,) = tensor_specs(signature.inputs)
    outputs = tensor_specs(signature.outputs)
    assert (image.name, image.datatype, image.shape) == ("image", "FP32", (-1, 8, 9, 3))
    assert [(each.name, each.datatype, each.shape) for each in outputs] == [
        ("probabilities", "FP32", (-1, 2)),
        ("label", "BYTES", (-1,)),
    ]
    assert image.datatype in DATATYPES
