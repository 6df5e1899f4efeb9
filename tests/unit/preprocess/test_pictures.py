"""Picture files in a request: the same pixels as in a training on files, and what is refused before it is unpacked."""

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from idla_preprocess import ImageSpec, InputError
from idla_preprocess.decode import pixels_of
from PIL import Image

from tests.unit.preprocess.test_decode import KINDS

GREY = ImageSpec(height=4, width=6, channels=1, maximum=255.0)
COLOUR = ImageSpec(height=5, width=5, channels=3, maximum=255.0)


KINDS_SPEC = ImageSpec(height=7, width=9, channels=3, maximum=255.0)


def picture(kind: str, height: int, width: int, mode: str = "RGB") -> bytes:
    channels = {"L": (), "RGB": (3,)}[mode]
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, *channels), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, kind)
    return file.getvalue()


def texts(*files: bytes) -> npt.NDArray[Any]:
    array = np.empty(len(files), dtype=object)
    array[:] = [base64.b64encode(file).decode() for file in files]
    return array


@pytest.mark.parametrize("spec", [GREY, COLOUR], ids=["grey", "colour"])
def test_pictures_have_the_pixels_that_a_training_on_files_sees(spec: ImageSpec) -> None:
    files = [picture("PNG", 4, 6), picture("JPEG", 40, 30), picture("PNG", 9, 9, "L")]
    tensors = spec.to_tensors({"image": texts(*files)})
    expected = np.stack([pixels_of(file, spec.shape) for file in files])
    np.testing.assert_array_equal(tensors["image"], expected.astype(np.float32))
    np.testing.assert_array_equal(spec.to_tensors({"image": texts(*files)[:, np.newaxis]})["image"], tensors["image"])
    whole = np.empty(len(files), dtype=object)
    whole[:] = files
    np.testing.assert_array_equal(spec.to_tensors({"image": whole})["image"], tensors["image"])


FILES = {name: kind[0] for name, kind in KINDS.items()} | {"a large photo": picture("JPEG", 300, 400)}


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_has_the_same_pixels_in_a_request(name: str, *, reduced: bool) -> None:
    spec = replace(KINDS_SPEC, reduced=reduced)
    seen = spec.to_tensors({"image": texts(FILES[name])})["image"]
    np.testing.assert_array_equal(seen[0], pixels_of(FILES[name], spec.shape, reduced=reduced).astype(np.float32))


def test_white_is_the_largest_value_of_the_training() -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8), 255).save(file, "PNG")
    digits = ImageSpec(height=8, width=8, channels=1, maximum=16.0)
    assert (digits.to_tensors({"image": texts(file.getvalue())})["image"] == 16.0).all()


def endless() -> bytes:
    file = io.BytesIO()
    Image.new("1", (5000, 4000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("spec", "raw", "said"),
    [
        pytest.param(GREY, np.array(["a picture"], object), "image, example 0: found no base64 text", id="no base64"),
        pytest.param(GREY, np.array(["\u00e9"], object), "image, example 0: found no base64 text", id="no ASCII"),
        pytest.param(GREY, np.array([3], object), "image, example 0: found no base64 text", id="no text"),
        pytest.param(GREY, texts(picture("PNG", 4, 6), b"GIF89a"), "image, example 1: found a GIF file; allowed: a",
                     id="another format"),
        pytest.param(GREY, texts(picture("PNG", 9, 9)[:60]), "image, example 0: found 60 bytes that cannot be read",
                     id="half a file"),
        pytest.param(GREY, texts(endless()), "found 5000 x 4000 pixels; allowed: at most 16000000 pixels", id="bomb"),
        pytest.param(GREY, texts(b"", b"").reshape(1, 2), r"found the shape [1, 2]; allowed: [N] or [N, 1]", id="two"),
        pytest.param(ImageSpec(height=4, width=6, channels=2, maximum=1.0), texts(picture("PNG", 4, 6)),
                     "found values of type object", id="neither grey nor coloured"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(spec: ImageSpec, raw: npt.NDArray[Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        spec.to_tensors({"image": raw})
    assert said in str(caught.value)
