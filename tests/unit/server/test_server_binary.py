import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess import Classes, ImageSpec, InputError, Signature
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.tabular_columns import Category, Number
from idla_server.messages import InferRequest, decode, encode

CLASSES = Classes(("a", "ox"))
AGE = Number("age", center=40.0, scale=0.1, indicator=True, edges=(-1.0, 1.0))
DOSE = Number("dose", center=0.0, scale=1.0, indicator=False, edges=(-1.0, 1.0))
RECORDS = Signature(TabularSpec((AGE, DOSE, Category("sex", ("f", "m")))), CLASSES)
NAN = float("nan")


def tensor(name: str, datatype: str, shape: list[int], size: object, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}, **more}


def texts(*words: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(word)) + word for word in words)


AGES = tensor("age", "FP32", [2], 8)
DOSES = {"name": "dose", "datatype": "FP32", "shape": [2], "data": [0, 1]}
SEXES = tensor("sex", "BYTES", [2, 1], 9)
AGE_BYTES, SEX_BYTES = np.array([40, NAN], "<f4").tobytes(), texts(b"m", b"")


def request(inputs: list[Any], tail: bytes, signature: Signature = RECORDS) -> InferRequest:
    text = json.dumps({"inputs": inputs}).encode()
    return decode(text + tail, signature, 5, len(text))


def test_tensors_follow_in_their_order_some_as_bytes_some_as_json() -> None:
    found = request([SEXES, DOSES, AGES], SEX_BYTES + AGE_BYTES).inputs
    np.testing.assert_array_equal(found["age"], np.array([40, NAN], np.float32))
    assert (found["sex"].tolist(), found["dose"].tolist()) == ([["m"], [""]], [0, 1])
    assert found["age"].flags.aligned


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "UINT8", "INT32", "INT64"])
def test_numbers_of_each_datatype_are_read(datatype: str) -> None:
    names = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "UINT8": "<u1", "INT32": "<i4", "INT64": "<i8"}
    content = np.array([[3, 1], [7, 255]], names[datatype]).tobytes()
    image = Signature(ImageSpec(height=1, width=2, channels=1, maximum=16.0), CLASSES)
    found = request([tensor("image", datatype, [2, 2], len(content))], content, image).inputs["image"]
    assert found.tolist() == [[3, 1], [7, 255]]
    assert found.dtype == np.dtype(np.float32 if datatype == "FP16" else names[datatype])


def test_pictures_are_files_or_base64() -> None:
    image = Signature(ImageSpec(height=1, width=2, channels=1, maximum=16.0), CLASSES)
    content = texts(b"\x89PNG", b"aGk=")
    found = request([tensor("image", "BYTES", [2], len(content))], content, image).inputs["image"]
    assert found.tolist() == [b"\x89PNG", "aGk="]


SIZE = "inputs[0].parameters.binary_data_size"
BAD: dict[str, tuple[list[Any], bytes, str]] = {
    # name: the inputs, what comes behind the JSON, the message
    "no bytes": ([AGES], b"", f"{SIZE}: found 8; allowed: a whole number up to 0, the bytes that are left for `age`"),
    "a byte too few": (
        [AGES],
        AGE_BYTES[:-1],
        f"{SIZE}: found 8; allowed: a whole number up to 7, the bytes that are left for `age`",
    ),
    "a byte too many": (
        [AGES, DOSES],
        AGE_BYTES + b"x",
        (
            "the body: found 1 bytes behind the last tensor; allowed: as many bytes as Inference-Header-Content-Length "
            "and each binary_data_size say"
        ),
    ),
    "another size than the shape": (
        [tensor("age", "FP64", [2], 8)],
        AGE_BYTES,
        f"{SIZE}: found 8 bytes of `age`; allowed: 16 bytes, 8 for each of the shape [2]",
    ),
    "a huge shape": (
        [tensor("age", "FP32", [2, 10**12, 10**12], 8)],
        AGE_BYTES,
        f"{SIZE}: found 8 bytes of `age`; allowed: {8 * 10**24} bytes, 4 for each of the shape [2, {10**12}, {10**12}]",
    ),
    "a huge size": (
        [tensor("age", "FP32", [2], 10**18)],
        AGE_BYTES,
        f"{SIZE}: found {10**18}; allowed: a whole number up to 8, the bytes that are left for `age`",
    ),
    "a negative size": (
        [tensor("age", "FP32", [2], -1)],
        AGE_BYTES,
        f"{SIZE}: found -1; allowed: a whole number up to 8, the bytes that are left for `age`",
    ),
    "a size that is true": (
        [tensor("age", "FP32", [2], True)],
        AGE_BYTES,
        f"{SIZE}: found True; allowed: a whole number up to 8, the bytes that are left for `age`",
    ),
    "no example": (
        [tensor("age", "FP32", [0], 0)],
        b"",
        f"{SIZE}: found the shape [0] of `age`; allowed: at least one example",
    ),
    "bytes and JSON": (
        [AGES | {"data": [1, 2]}],
        AGE_BYTES,
        "inputs[0].data: found [1, 2]; allowed: either `data` or the parameter binary_data_size",
    ),
    "NaN where nothing may be missing": (
        [tensor("dose", "FP32", [2], 8)],
        AGE_BYTES,
        (
            f"{SIZE}: found null or NaN as value 1 of `dose`, counted from 0; allowed: numbers only; the model has not "
            "learned from missing ones"
        ),
    ),
    "an unknown datatype": (
        [tensor("age", "BOOL", [2], 2)],
        b"00",
        "inputs[0].datatype: found 'BOOL'; allowed: FP16, FP32, FP64, UINT8, INT32, INT64",
    ),
    "texts that are no UTF-8": (
        [tensor("sex", "BYTES", [1], 5)],
        texts(b"\xff"),
        f"{SIZE}: found text 0 of `sex`, which is no UTF-8; allowed: UTF-8",
    ),
    "fewer lengths than texts": (
        [tensor("sex", "BYTES", [2], 5)],
        texts(b"m"),
        (
            f"{SIZE}: found 5 bytes of `sex`; allowed: for each of the shape [2] a length of 4 bytes and a text of "
            "that length"
        ),
    ),
    "a text that is cut": (
        [tensor("sex", "BYTES", [2], 8)],
        texts(b"mmmmm")[:8],
        (
            f"{SIZE}: found bytes of `sex` that end within text 0; allowed: for each of the shape [2] a length of 4 "
            "bytes and a text of that length"
        ),
    ),
    "a length that is cut": (
        [tensor("sex", "BYTES", [2], 8)],
        texts(b"mm") + b"\0\0",
        (
            f"{SIZE}: found bytes of `sex` that end within text 1; allowed: for each of the shape [2] a length of 4 "
            "bytes and a text of that length"
        ),
    ),
    "a text of 4 GiB": (
        [tensor("sex", "BYTES", [1], 5)],
        b"\xff\xff\xff\xffm",
        (
            f"{SIZE}: found bytes of `sex` that end within text 0; allowed: for each of the shape [1] a length of 4 "
            "bytes and a text of that length"
        ),
    ),
    "more than the last text": (
        [tensor("sex", "BYTES", [1], 7)],
        texts(b"m") + b"mm",
        (
            f"{SIZE}: found 2 bytes of `sex` behind its last text; allowed: for each of the shape [1] a length of 4 "
            "bytes and a text of that length"
        ),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_do_not_fit_are_refused_by_tensor_size_and_what_is_allowed(name: str) -> None:
    inputs, tail, message = BAD[name]
    with pytest.raises(InputError) as caught:
        request(inputs, tail)
    assert str(caught.value) == message


def test_a_body_shorter_than_its_json_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"^Inference-Header-Content-Length: found 9; allowed: at most 2, the bytes of"
    ):
        decode(b"{}", RECORDS, 5, 9)


WANTED: dict[str, tuple[dict[str, Any], list[str]]] = {
    # name: parameters and outputs, which ones are wanted as bytes
    "all by a parameter": ({"parameters": {"binary_data_output": True}}, ["label", "probabilities"]),
    "one by its own": ({"outputs": [{"name": "label", "parameters": {"binary_data": True}}]}, ["label"]),
    "all but one": (
        {
            "parameters": {"binary_data_output": True},
            "outputs": [{"name": "label"}, {"name": "probabilities", "parameters": {"binary_data": False}}],
        },
        ["label"],
    ),
    "none": ({"parameters": {"binary_data_output": False}}, []),
}


@pytest.mark.parametrize("name", WANTED)
def test_outputs_are_bytes_where_the_request_asks(name: str) -> None:
    more, wanted = WANTED[name]
    content = json.dumps({"inputs": [DOSES], **more}).encode()
    assert sorted(decode(content, RECORDS, 5).binary) == wanted


def test_an_answer_as_bytes() -> None:
    both = InferRequest(None, {}, ("label", "probabilities"), {}, frozenset({"label", "probabilities"}))
    reply = encode(both, "m", "v", CLASSES.of(np.array([[0.25, 0.75], [1, 0]], np.float32), {}, {}))
    labels, numbers = texts(b"ox", b"a"), np.array([0.25, 0.75, 1, 0], "<f4").tobytes()
    assert json.loads(reply.content[: reply.json_bytes]) == {
        "model_name": "m",
        "model_version": "v",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(labels)}},
            {"name": "probabilities", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}},
        ],
    }
    assert reply.content[reply.json_bytes :] == labels + numbers


@given(tail=st.binary(max_size=24), size=st.integers(-1, 30), length=st.integers(0, 3), texts_too=st.booleans())
def test_whatever_bytes_follow_are_understood_or_refused(
    *, tail: bytes, size: int, length: int, texts_too: bool
) -> None:
    name, datatype = ("sex", "BYTES") if texts_too else ("age", "INT32")
    try:
        found = request([DOSES, tensor(name, datatype, [length, 1], size)], tail).inputs
    except InputError:
        return
    assert found[name].shape == (2, 1)
    assert len(tail) == size
