"""JPEG and PNG files to pixels; nothing is unpacked before its size is known. Needs Pillow."""

import base64
import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import InputError
from idla_preprocess.colour_profiles import has_profile, to_srgb

Pixels = npt.NDArray[np.uint8]
MAXIMUM_BYTES = 32 * 2**20
MAXIMUM_PIXELS = 64 * 10**6
"""More than the largest photo of a telephone, about 256 MB unpacked."""
REQUEST_PIXELS = 16 * 10**6
"""Of a picture in a request, about 64 MB unpacked: a serving pod is small, and a few bytes can be many pixels."""
WHITE = 255.0
"""The largest value of a pixel."""
_FORMATS = ("JPEG", "PNG")
CHANNELS = _GREY, _COLOUR = 1, 3
_SIDEWAYS = range(5, 9)
"""Values of EXIF's orientation by which width and height change places."""
_ORIENTATION = 0x0112
_REDUCED = 2
"""Times the wanted sides, below which nothing is unpacked, since it is averaged from there on."""
_GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"}
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, AttributeError,
    struct.error, ZeroDivisionError,
)  # fmt: skip
"""What Pillow raises where bytes are not what they should be."""
_ALLOWED = "a whole JPEG or PNG file"
_OTHERS = (
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP file"),
    (re.compile(rb"GIF8"), "a GIF file"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "a BMP file"),
    (re.compile(rb"II\*\0|MM\0\*"), "a TIFF file"),
    (re.compile(rb".{4}ftyp(heic|heix|hevc|heim|mif1|msf1)", re.DOTALL), "a HEIC file"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "an AVIF file"),
    (re.compile(rb"\xff\x4f\xff\x51|.{4}jP  ", re.DOTALL), "a JPEG 2000 file"),
    (re.compile(rb"\s*(<\?xml.{0,2000}?)?<svg", re.DOTALL), "an SVG drawing"),
    (re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"version https://git-lfs\.github\.com/spec/"), "a pointer of Git LFS, not the file itself"),
)
"""What other files begin with, and what they are."""


def size_of(content: bytes, *, field: str = "image") -> tuple[int, int, int]:
    """Return height, width and channels (1 of grey, 3 of colour) as `pixels_of` would show them, without unpacking.

    Raises:
        InputError: no JPEG or PNG file, or it is too large.
    """
    with _opened(content, field) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
        return height, width, _GREY if image.mode in _GREY_MODES else _COLOUR


def pixels_of(
    content: bytes,
    shape: tuple[int, int, int],
    *,
    field: str = "image",
    maximum: int = MAXIMUM_PIXELS,
    reduced: bool = False,
) -> Pixels:
    """Return the pixels [height, width, channels] of a file, from 0 to 255.

    It is turned as its EXIF orientation says, laid on white where it is transparent, made grey or coloured, and
    stretched to the shape; what becomes smaller is averaged (antialias). An embedded ICC profile of other colours is
    turned into sRGB. 16-bit grey loses its lower 8 bits. Of an animation the first picture counts.

    Args:
        content: a JPEG or PNG file.
        shape: height, width and channels, 1 or 3, of the result.
        field: the name that an error gives to the file.
        maximum: pixels of the file at most; more are not unpacked.
        reduced: whether a JPEG file is unpacked at a half, a quarter or an eighth of its size where that is twice the
            shape or more: several times faster, and a value of a pixel differs by a few.

    Raises:
        InputError: no JPEG or PNG file, damaged, larger than `MAXIMUM_BYTES`, or of more pixels.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    if channels not in (_GREY, _COLOUR):
        raise InputError(field, f"{channels} channels asked of a picture file", "1 (grey) or 3 (red, green, blue)")
    with _opened(content, field, maximum) as image:
        if reduced:
            sides = (_REDUCED * width, _REDUCED * height)
            image.draft(None, sides[::-1] if image.getexif().get(_ORIENTATION) in _SIDEWAYS else sides)
        mode, profile = "L" if channels == _GREY else "RGB", image.info.get("icc_profile")
        plain = _plain(ImageOps.exif_transpose(image))
        foreign = has_profile(plain, profile)
        plain = plain if foreign else plain.convert(mode)
        if plain.size != (width, height):
            plain = plain.resize((width, height), Image.Resampling.BILINEAR)
        if foreign:  # of the few pixels that are left
            plain = to_srgb(plain, profile).convert(mode)
        return np.asarray(plain, dtype=np.uint8).reshape(shape)


def pictures(
    texts: npt.NDArray[Any], shape: tuple[int, int, int], *, field: str = "image", reduced: bool = False
) -> Pixels:
    """Return the pixels [N, height, width, channels] of picture files as a request holds them.

    Args:
        texts: a JPEG or PNG file for each example, as bytes or as base64, [N] or [N, 1].
        shape: as `pixels_of` takes it.
        field: the name of the input.
        reduced: as `pixels_of` takes it.

    Raises:
        InputError: another shape, no base64, or as `pixels_of` says, with `REQUEST_PIXELS` at most.
    """
    if texts.ndim not in (1, 2) or texts.shape[1:] not in ((), (1,)) or not len(texts):
        raise InputError(field, f"the shape {list(texts.shape)}", "[N] or [N, 1], one picture file an example")
    pixels = np.empty((len(texts), *shape), np.uint8)
    for place, text in enumerate(texts.reshape(-1).tolist()):
        named = f"{field}, example {place}"
        try:
            content = text if isinstance(text, bytes) else base64.b64decode(text, validate=True)
        except (ValueError, TypeError) as error:
            raise InputError(named, f"no base64 text ({error})", f"base64 of {_ALLOWED}") from error
        pixels[place] = pixels_of(content, shape, field=named, maximum=REQUEST_PIXELS, reduced=reduced)
    return pixels


@contextmanager
def _opened(content: bytes, field: str, maximum: int = MAXIMUM_PIXELS) -> Iterator[Any]:
    """Open a file whose size is allowed; what Pillow raises within becomes an InputError."""
    from PIL import Image, UnidentifiedImageError

    if len(content) > MAXIMUM_BYTES:
        raise InputError(field, f"{len(content)} bytes", f"a picture file of at most {MAXIMUM_BYTES} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of its own limit of pixels and of odd EXIF data
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                width, height = image.size
                if width * height > maximum:
                    raise _too_large(field, f"{width} x {height} pixels", maximum)
                yield image
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(field, "far more pixels", maximum) from error
    except UnidentifiedImageError as error:  # its own words name an address in memory
        raise InputError(field, _other(content), _ALLOWED) from error
    except _DAMAGE as error:
        raise InputError(field, f"{len(content)} bytes that cannot be read ({error})", _ALLOWED) from error


def _other(content: bytes) -> str:
    """Return what a file is that is no JPEG or PNG file."""
    kind = next((kind for begins, kind in _OTHERS if begins.match(content)), None)
    return kind or f"{len(content)} bytes that are no JPEG or PNG file"


def _too_large(field: str, found: str, maximum: int) -> InputError:
    return InputError(field, found, f"at most {maximum} pixels; make the picture smaller")


def _plain(image: Any) -> Any:
    """Return an image of 8 bits without transparency and palette."""
    from PIL import Image

    if image.mode.startswith("I"):  # Pillow would cut 16 bits off at 255
        deep = np.asarray(image).astype(np.int64)
        shades = Image.fromarray(np.clip(deep >> 8, 0, 255).astype(np.uint8))
        if isinstance(clear := image.info.get("transparency"), int):
            shades.putalpha(Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8)))
        image = shades
    if image.mode in {"LA", "PA", "RGBA", "RGBa", "La"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert({"1": "L", "P": "RGB"}.get(image.mode, image.mode))
