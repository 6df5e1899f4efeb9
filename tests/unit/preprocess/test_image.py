import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess import Classes, ImageSpec, InputError, Signature
from idla_preprocess.image import to_tensor

SPEC = ImageSpec(height=2, width=3, channels=1, maximum=16.0)
CLASSES = Classes(("a", "b"))
COLOUR = ImageSpec(height=2, width=2, channels=3, maximum=255.0)

specs = st.builds(
    ImageSpec,
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    channels=st.integers(1, 4),
    maximum=st.floats(1e-3, 1e6),
)


@given(specs)
def test_a_spec_survives_its_json(spec: ImageSpec) -> None:
    signature = Signature(spec, CLASSES)
    again = Signature.restored(signature.to_json(), signature.arrays())
    assert again == signature
    assert (again.to_json(), again.digest()) == (signature.to_json(), signature.digest())


@given(specs, st.integers(1, 4))
def test_every_allowed_shape_gives_the_same_tensor(spec: ImageSpec, count: int) -> None:
    flat = np.arange(count * spec.height * spec.width * spec.channels, dtype=np.int64).reshape(count, -1)
    expected = flat.reshape(count, *spec.shape).astype(np.float32)
    shapes: list[npt.NDArray[np.generic]] = [flat, expected]
    if spec.channels == 1:
        shapes.append(expected[..., 0])
    for raw in shapes:
        tensor = to_tensor(spec, raw)
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, expected)


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (SPEC, ()),
        (SPEC, (6,)),
        (SPEC, (0, 6)),
        (SPEC, (1, 5)),
        (SPEC, (1, 3, 2)),
        (SPEC, (1, 2, 3, 2)),
        (SPEC, (1, 1, 2, 3, 1)),
        (COLOUR, (1, 2, 2)),
        (COLOUR, (1, 3, 2, 2)),
    ],
)
def test_another_shape_is_refused(spec: ImageSpec, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        to_tensor(spec, np.zeros(shape), field="image")
    assert caught.value.field == "image"
    assert str(list(shape)) in caught.value.found
    assert "N at least 1" in caught.value.allowed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    raw = np.zeros((3, 6))
    raw[1, 4] = value
    with pytest.raises(InputError, match="example 1"):
        to_tensor(SPEC, raw)


@pytest.mark.parametrize("raw", [[["a"] * 6], [[None] * 6], [[1j] * 6]])
def test_values_that_are_no_numbers_are_refused(raw: object) -> None:
    with pytest.raises(InputError, match="values of type"):
        to_tensor(SPEC, np.asarray(raw))


def restored(**changes: object) -> Signature:
    return Signature.restored(json.dumps(json.loads(Signature(SPEC, CLASSES).to_json()) | changes), {})


@pytest.mark.parametrize("version", [1, 3, True, "2"])
def test_another_version_is_refused(version: object) -> None:
    with pytest.raises(InputError) as caught:
        restored(schemaVersion=version)
    assert caught.value.field == "schemaVersion"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"height": 0}, "height"),
        ({"width": 2.0}, "width"),
        ({"channels": True}, "channels"),
        ({"maximum": 0}, "maximum"),
        ({"maximum": float("nan")}, "maximum"),
        ({"maximum": "16"}, "maximum"),
        ({"reduced": 1}, "reduced"),
        ({"extra": 1}, "image"),
        ({"kind": "sound"}, "inputs.kind"),
    ],
)
def test_a_spec_out_of_range_is_refused(change: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        restored(inputs=json.loads(Signature(SPEC, CLASSES).to_json())["inputs"] | change)
    assert caught.value.field == field


def test_a_spec_of_before_is_read_and_written_as_it_was() -> None:
    before = Signature(SPEC, CLASSES).to_json()
    assert sorted(json.loads(before)["inputs"]) == ["channels", "height", "kind", "maximum", "width"]
    assert Signature.restored(before, {}).preprocess == SPEC
    now = Signature(replace(SPEC, reduced=True), CLASSES)
    assert json.loads(now.to_json())["inputs"]["reduced"] is True
    assert Signature.restored(now.to_json(), {}) == now


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_spec_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Signature.restored(text, {})
