"""What harms a model of images."""

import numpy as np
import numpy.typing as npt


def about_pixels(pixels: npt.NDArray[np.float32]) -> tuple[str, ...]:
    """Return sentences about negative pixels and blank images [N, H, W, C]."""
    found = []
    lowest = float(pixels.min())
    if lowest < 0:
        found.append(f"pixels go down to {lowest:g}; they are expected from 0 to a maximum")
    flat = pixels.reshape(len(pixels), -1)
    blank = int(np.count_nonzero(flat.min(axis=1) == flat.max(axis=1)))
    if blank:
        found.append(f"{blank} images have the same value in every pixel and tell nothing")
    return tuple(found)
