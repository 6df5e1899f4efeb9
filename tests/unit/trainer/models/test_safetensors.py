"""Files of weights in the format safetensors: what a good one holds, and damaged ones."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.models.safetensors import SafetensorsError, read_tensors

HALF = np.array([[1.5], [2.5]], "<f2").tobytes()
WHOLE = np.array([1, -2, 3], "<f4").tobytes()
HEADER: dict[str, Any] = {
    "__metadata__": {"format": "pt"},
    "b": {"dtype": "F32", "shape": [3], "data_offsets": [4, 16]},
    "a": {"dtype": "F16", "shape": [2, 1], "data_offsets": [0, 4]},
    "none": {"dtype": "I64", "shape": [0], "data_offsets": [16, 16]},
}


def file(header: object, data: bytes = HALF + WHOLE) -> bytes:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + data


def changed(**entry: Any) -> bytes:
    return file({**HEADER, "b": {**HEADER["b"], **entry}})


def test_a_file_holds_its_arrays() -> None:
    found = read_tensors(file(HEADER))
    assert {name: (array.dtype.str, array.tolist()) for name, array in found.items()} == {
        "a": ("<f2", [[1.5], [2.5]]), "b": ("<f4", [1.0, -2.0, 3.0]), "none": ("<i8", []),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "a header of 0 bytes in a file of 0", id="no byte"),
        pytest.param(b"\x01", "a header of 1 bytes in a file of 1", id="one byte"),
        pytest.param((1 << 40).to_bytes(8, "little"), f"a header of {1 << 40} bytes in a file of 8", id="a long one"),
        pytest.param(file(b"{"), "its header is no JSON", id="no JSON"),
        pytest.param(file(b"\xff"), "its header is no JSON", id="no text"),
        pytest.param(file(b"[" * 100_000), "its header is no JSON", id="deep JSON"),
        pytest.param(file([]), "its header is a list", id="a list"),
        pytest.param(file({"a": 3}), "a is told of by 3", id="no object"),
        pytest.param(file({"a": {}}), "a is told of by {}", id="no key"),
        pytest.param(changed(dtype="F64"), "b is told of by {'dtype': 'F64'", id="another type"),
        pytest.param(changed(shape=[-3]), r"b has the shape \[-3\] at \[4, 16\]", id="a length below 0"),
        pytest.param(changed(shape=[3.0]), r"b has the shape \[3.0\] at", id="a length that is no whole number"),
        pytest.param(changed(shape=3), "b has the shape 3 at", id="no shape"),
        pytest.param(changed(data_offsets=[4]), r"b has the shape \[3\] at \[4\]", id="no end"),
        pytest.param(changed(data_offsets=[True, 16]), r"at \[True, 16\]", id="a place that is no number"),
        pytest.param(changed(data_offsets=[16, 4]), r"b has the shape \[3\] of float32 at \[16, 4\]", id="backwards"),
        pytest.param(changed(shape=[4]), r"b has the shape \[4\] of float32 at \[4, 16\]", id="another size"),
        pytest.param(changed(data_offsets=[0, 12]), "has 4 bytes from 0 on; 16 are there, 12 of them", id="twice"),
        pytest.param(changed(data_offsets=[8, 20]), "b has 12 bytes from 8 on; 16 are there, 4", id="a hole"),
        pytest.param(changed(shape=[4], data_offsets=[4, 20]), "b has 16 bytes from 4 on; 16 are", id="beyond the end"),
        pytest.param(file(HEADER, HALF + WHOLE + b"0"), "1 bytes at its end belong to no array", id="more bytes"),
        pytest.param(file(HEADER, HALF + WHOLE[:-1]), "b has 12 bytes from 4 on; 15 are there", id="a byte too few"),
        pytest.param(
            file(HEADER, HALF + WHOLE[:8] + np.array(np.nan, "<f4").tobytes()), "b holds what is no finite number",
            id="not a number",
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(SafetensorsError, match=problem):
        read_tensors(content)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_damage_is_refused_or_harmless(damage: bytes, place: int) -> None:
    good = file(HEADER)
    try:
        found = read_tensors(good[:place] + damage + good[place + len(damage) :])
    except SafetensorsError:
        return
    assert sum(array.nbytes for array in found.values()) <= len(good)
