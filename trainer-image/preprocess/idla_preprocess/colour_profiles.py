"""What a picture file's colours mean: an embedded ICC profile of another colour space is turned into sRGB."""

import io
from functools import lru_cache
from typing import Any

MAXIMUM_BYTES = 4 * 2**20
"""Of a profile; those of printers have about 2 MiB, of cameras and screens less than 1 KiB."""
_SPACES = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY"}
"""By the mode of an image: the colour space that its profile may be of."""
_KEPT = 4


def has_profile(image: Any, profile: bytes | None) -> bool:
    """Return whether the profile of an image changes its colours: a usable one, of its own space, and not sRGB."""
    return profile is not None and _transform(profile, image.mode) is not None


def to_srgb(image: Any, profile: bytes) -> Any:
    """Return an image in mode RGB whose values are sRGB.

    Args:
        image: of mode RGB, CMYK or L, for which `has_profile` holds.
        profile: the ICC profile that it came with.
    """
    from PIL import ImageCms

    return ImageCms.applyTransform(image, _transform(profile, image.mode))


@lru_cache(maxsize=_KEPT)
def _transform(profile: bytes, mode: str) -> Any:
    """Return the transform to sRGB, or None where there is none to make: viewers take a broken profile for none too."""
    from PIL import ImageCms

    if len(profile) > MAXIMUM_BYTES or mode not in _SPACES:
        return None
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if given.profile.xcolor_space.strip() != _SPACES[mode] or "sRGB" in ImageCms.getProfileDescription(given):
            return None
        return ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
