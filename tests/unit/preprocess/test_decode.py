"""Picture files become pixels; whatever else comes is refused with a reason, and nothing large is unpacked."""

import contextlib
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess import InputError, decode
from idla_preprocess.decode import pixels_of, size_of

Image: Any = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)
ORIENTATION = 0x0112
TURNED: dict[int, Any] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}
"""What is to be seen where a file says each orientation."""


def file_of(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    """Return the file of an array or of a Pillow image."""
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(bits: int, shade: int, *, tell: bytes) -> bytes:
    """Return the PNG file of 2 x 3 pixels of a grey shade, cut to so many bits, with a chunk before them."""
    line = b"\0" + 3 * shade.to_bytes(2, "big")[-bits // 8 :]
    told = struct.pack(">IIBBBBB", 3, 2, bits, 0, 0, 0, 0)
    content = chunk(b"IHDR", told) + tell + chunk(b"IDAT", zlib.compress(2 * line)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def header_of(width: int, height: int) -> bytes:
    """Return the beginning of a PNG file that tells of a size and holds hardly anything."""
    told = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", told) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")


def oriented(value: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return file_of(COLOUR, exif=exif)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_a_png_of_the_shape_keeps_every_pixel(height: int, width: int, channels: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    content = file_of(pixels[..., 0] if channels == 1 else pixels)
    np.testing.assert_array_equal(pixels_of(content, (height, width, channels)), pixels)
    assert size_of(content) == (height, width, channels)


@pytest.mark.parametrize("value", TURNED)
def test_a_picture_is_turned_as_its_exif_says(value: int) -> None:
    seen = TURNED[value](COLOUR)
    np.testing.assert_array_equal(pixels_of(oriented(value), seen.shape), seen)
    assert size_of(oriented(value)) == seen.shape


def flat(mode: str, colour: Any) -> Any:
    return Image.new(mode, (3, 2), colour)


def clear_palette() -> Any:
    return flat("RGB", (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE, colors=2)


KINDS = {
    "grey JPEG": (file_of(flat("L", 77), "JPEG"), 1, [77]),
    "colour JPEG": (file_of(flat("RGB", (90, 90, 90)), "JPEG"), 3, [90, 90, 90]),
    "CMYK JPEG": (file_of(flat("CMYK", (0, 0, 0, 0)), "JPEG"), 3, [255, 255, 255]),
    "black and white": (file_of(flat("1", 1)), 1, [255]),
    "palette": (file_of(flat("RGB", (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)), 3, [10, 200, 30]),
    "16 bits": (file_of(np.full((2, 3), 0x4D21, np.uint16)), 1, [0x4D]),
    "transparent": (file_of(flat("RGBA", (9, 9, 9, 0))), 3, [255, 255, 255]),
    "opaque": (file_of(flat("RGBA", (9, 8, 7, 255))), 3, [9, 8, 7]),
    "grey, half transparent": (file_of(flat("LA", (0, 127))), 1, [128]),
    "a palette with a transparent colour": (file_of(clear_palette(), transparency=0), 3, [255, 255, 255]),
    "a transparent shade": (png_of(8, 0x4D21, tell=chunk(b"tRNS", b"\0\x21")), 1, [255]),
    "16 bits, a transparent shade": (png_of(16, 0x4D21, tell=chunk(b"tRNS", b"\x4d\x21")), 1, [255]),
    "16 bits, another shade is transparent": (png_of(16, 0x4D21, tell=chunk(b"tRNS", b"\x4d\x22")), 1, [0x4D]),
    "CMYK of Photoshop, inverted": (file_of(flat("CMYK", (255, 0, 0, 0)), "JPEG", quality=100), 3, [0, 255, 255]),
    "several pictures of a telephone": (file_of(flat("RGB", (9, 9, 9)), "MPO", save_all=True), 3, [9, 9, 9]),
    "progressive": (file_of(flat("L", 77), "JPEG", progressive=True), 1, [77]),
    "garbage as EXIF": (file_of(flat("L", 77), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"), 1, [77]),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_has_its_colour(name: str) -> None:
    content, channels, colour = KINDS[name]
    assert size_of(content) == (2, 3, channels)
    np.testing.assert_array_equal(pixels_of(content, (2, 3, channels)), np.full((2, 3, channels), colour, np.uint8))


def test_colour_becomes_grey_and_grey_becomes_colour() -> None:
    grey = pixels_of(file_of(COLOUR), (4, 6, 1))[..., 0]
    np.testing.assert_allclose(grey, COLOUR @ [0.299, 0.587, 0.114], atol=1)
    np.testing.assert_array_equal(pixels_of(file_of(GREY), (4, 6, 3)), np.repeat(GREY[..., np.newaxis], 3, axis=2))


def test_a_smaller_picture_is_the_mean_of_what_it_shows() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[::2] = 200
    np.testing.assert_allclose(pixels_of(file_of(stripes), (8, 8, 1))[1:-1], 100, atol=3)


@pytest.mark.parametrize("value", TURNED)
def test_a_photo_that_is_unpacked_at_a_part_of_its_size_looks_the_same(value: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    photo = Image.fromarray(COLOUR).resize((600, 200), Image.Resampling.BICUBIC)
    content = file_of(photo, "JPEG", quality=95, exif=exif)
    shape = (12, 30, 3) if value < 5 else (30, 12, 3)
    whole, part = (pixels_of(content, shape, reduced=reduced).astype(int) for reduced in (False, True))
    assert 0 < np.abs(whole - part).max() <= 8


def test_a_photo_is_not_unpacked_at_less_than_twice_the_shape() -> None:
    content = file_of(Image.fromarray(COLOUR).resize((60, 40)), "JPEG")
    for shape in ((21, 31, 3), (40, 60, 3), (9, 60, 1)):
        np.testing.assert_array_equal(pixels_of(content, shape, reduced=True), pixels_of(content, shape))


def test_a_larger_picture_is_stretched() -> None:
    assert pixels_of(file_of(GREY), (9, 5, 3)).shape == (9, 5, 3)


WHOLE = file_of(COLOUR, "JPEG")
REFUSED = {
    "nothing": (b"", "0 bytes that are no JPEG or PNG file"),
    "a text": (b"a cat", "5 bytes that are no JPEG or PNG file"),
    "half a JPEG": (WHOLE[: len(WHOLE) // 2], "cannot be read"),
    "half a PNG": (file_of(COLOUR)[:60], "cannot be read"),
    "a GIF": (file_of(GREY, "GIF"), "a GIF file"),
    "a TIFF": (file_of(GREY, "TIFF"), "a TIFF file"),
    "a WebP": (file_of(GREY, "WEBP"), "a WebP file"),
    "a BMP": (file_of(GREY, "BMP"), "a BMP file"),
    "an AVIF": (file_of(COLOUR, "AVIF"), "an AVIF file"),
    "a HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC file"),
    "a page": (b"<!DOCTYPE html><p>404", "an HTML page"),
    "many pixels": (header_of(10_000, 10_000), "10000 x 10000 pixels"),
    "absurdly many pixels": (header_of(2**31 - 1, 2**31 - 1), "pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_file_is_refused(name: str) -> None:
    content, found = REFUSED[name]
    with pytest.raises(InputError) as caught:
        pixels_of(content, (2, 2, 3), field="photo")
    assert caught.value.field == "photo"
    assert found in caught.value.found
    assert caught.value.allowed


def test_a_file_of_too_many_bytes_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAXIMUM_BYTES", len(WHOLE) - 1)
    with pytest.raises(InputError, match=f"found {len(WHOLE)} bytes; allowed: a picture file of at most"):
        size_of(WHOLE)


def test_a_picture_file_has_no_other_channels() -> None:
    with pytest.raises(InputError, match="found 4 channels"):
        pixels_of(WHOLE, (4, 6, 4))


@given(st.sampled_from([WHOLE, file_of(COLOUR), oriented(6)]), st.data())
def test_damage_gives_pixels_or_a_reason_and_nothing_else(content: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    broken = content[:place] + bytes([data.draw(st.integers(0, 255))]) + content[place + 1 :]
    with contextlib.suppress(InputError):
        assert pixels_of(broken, (3, 3, 3), reduced=bool(place % 2)).shape == (3, 3, 3)
