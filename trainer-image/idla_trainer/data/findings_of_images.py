"""What harms a model of images."""

import numpy as np
import numpy.typing as npt

from idla_trainer.data.split import Indices


def about_images(pixels: npt.NDArray[np.float32], labels: Indices, groups: Indices) -> tuple[str, ...]:
    """Return sentences about copies, negative pixels and blank images.

    Args:
        pixels: [N, H, W, C].
        labels: class numbers [N].
        groups: for each image the position of the first that equals it, [N].
    """
    found = _about_equal_images(labels, groups)
    lowest = float(pixels.min())
    if lowest < 0:
        found.append(f"pixels go down to {lowest:g}; they are expected from 0 to a maximum")
    flat = pixels.reshape(len(pixels), -1)
    blank = int(np.count_nonzero(flat.min(axis=1) == flat.max(axis=1)))
    if blank:
        found.append(f"{blank} images have the same value in every pixel and tell nothing")
    return tuple(found)


def _about_equal_images(labels: Indices, groups: Indices) -> list[str]:
    copies = np.flatnonzero(groups != np.arange(len(groups)))
    if not len(copies):
        return []
    found = [f"{len(copies)} images are exact copies of another; copies of one class stay in the same split"]
    disputed = int(np.count_nonzero(labels[copies] != labels[groups[copies]]))
    if disputed:
        found.append(f"{disputed} of the copies have another label than the first; correct the labels")
    return found
