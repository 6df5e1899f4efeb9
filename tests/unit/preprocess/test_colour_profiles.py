"""The same colour has the same pixels, whichever profile a file has; a profile that cannot be used counts as none."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from idla_preprocess.colour_profiles import MAXIMUM_BYTES
from idla_preprocess.decode import pixels_of

Image: Any = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
ImageCms: Any = pytest.importorskip("PIL.ImageCms", reason="Pillow is not installed")

SRGB: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PAINTED = (200, 30, 10)


def exchanged() -> bytes:
    """Return a profile of another name, in which red stands for blue and blue for red."""
    named = SRGB.replace("sRGB".encode("utf-16-be"), "BGRs".encode("utf-16-be"))
    return named.replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ").replace(b"____", b"bXYZ")


def inks() -> bytes:
    """Return a profile of a printer whose inks give one grey (L* = 50) each, and black together."""
    table = b"".join(bytes([shade, 128, 128]) for shade in (255, *(14 * [128]), 0))
    unit = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    curves = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + 4 * curves + table + 3 * curves
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"inks\0" + bytes(78)
    tags, body, at = [], b"", 128 + 4 + 2 * 12
    for tag, content in ((b"desc", name), (b"A2B0", lut)):
        padded = content + bytes(-len(content) % 4)
        tags.append(tag + struct.pack(">II", at + len(body), len(content)))
        body += padded
    counted = struct.pack(">I", len(tags)) + b"".join(tags) + body
    light = struct.pack(">3i", 63190, 65536, 54061)
    head = struct.pack(">I", 128 + len(counted)) + bytes(4) + struct.pack(">I", 0x02400000) + b"prtrCMYKLab "
    head += bytes(12) + b"acsp" + bytes(28) + light
    return head + bytes(128 - len(head)) + counted


def pixel(mode: str, colour: Any, profile: bytes | None, *, channels: int = 3, kind: str = "PNG") -> list[int]:
    """Return the middle pixel of a picture of one colour, larger than what is asked for."""
    file = io.BytesIO()
    options = {} if profile is None else {"icc_profile": profile}
    picture = Image.new(mode, (12, 10), colour)
    (picture.quantize(4) if mode == "P" else picture).save(file, kind, **options)
    return [int(value) for value in pixels_of(file.getvalue(), (4, 4, channels))[2, 2]]


# name: mode, colour, profile, kind of file, the pixel
SEEN: dict[str, tuple[str, Any, bytes | None, str, tuple[int, int, int]]] = {
    "no profile": ("RGB", PAINTED, None, "PNG", PAINTED),
    "sRGB itself": ("RGB", PAINTED, SRGB, "PNG", PAINTED),
    "another one": ("RGB", PAINTED, exchanged(), "PNG", PAINTED[::-1]),
    "with alpha": ("RGBA", (*PAINTED, 255), exchanged(), "PNG", PAINTED[::-1]),
    "of inks": ("CMYK", (255, 0, 0, 0), inks(), "JPEG", (119, 119, 119)),
    "of inks, and paper": ("CMYK", (0, 0, 0, 0), inks(), "JPEG", (255, 255, 255)),
    "one of colours for inks": ("CMYK", (255, 0, 0, 0), exchanged(), "JPEG", (0, 255, 255)),
    "one of inks for colours": ("RGB", PAINTED, inks(), "PNG", PAINTED),
    "one of colours for grey": ("L", 90, exchanged(), "PNG", (90, 90, 90)),
    "a broken one": ("RGB", PAINTED, exchanged()[:200], "PNG", PAINTED),
    "no profile at all": ("RGB", PAINTED, b"x", "PNG", PAINTED),
    "one that is far too long": ("RGB", PAINTED, exchanged() + bytes(MAXIMUM_BYTES), "JPEG", PAINTED),
}


@pytest.mark.parametrize("name", SEEN)
def test_colours_are_those_of_srgb(name: str) -> None:
    mode, colour, profile, kind, expected = SEEN[name]
    np.testing.assert_allclose(pixel(mode, colour, profile, kind=kind), expected, atol=2)


def test_a_grey_model_sees_the_grey_of_the_right_colours() -> None:
    bright, dark = (pixel("RGB", colour, exchanged(), channels=1) for colour in ((255, 0, 0), (0, 0, 255)))
    assert (bright, dark) == ([29], [76])  # 0.114 of blue, 0.299 of red
