"""The batches of an epoch: a function of seed and epoch alone, so that a resumed run sees what it would have seen."""

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]
_ORDER, _SHIFT = 0, 1
"""Streams of random numbers that one seed gives."""


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the number of full batches; the rest of each epoch, another one each time, is left out."""
    return max(1, examples // batch_size)


def epoch_order(examples: int, batch_size: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the positions [steps, batch] of an epoch's examples; a data set smaller than a batch is one batch."""
    order = np.random.default_rng([seed, _ORDER, epoch]).permutation(examples)
    steps = steps_per_epoch(examples, batch_size)
    used = min(examples, steps * batch_size)
    return order[:used].reshape(steps, -1)


def shifted(images: Images, pixels: int, *, seed: int, epoch: int, step: int) -> Images:
    """Return the images [N, H, W, C], each moved by up to `pixels` in both directions; what comes in is 0."""
    if pixels == 0:
        return images
    count, height, width, _ = images.shape
    moves = np.random.default_rng([seed, _SHIFT, epoch, step]).integers(0, 2 * pixels + 1, size=(2, count, 1))
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    rows = (moves[0] + np.arange(height))[:, :, np.newaxis]
    columns = (moves[1] + np.arange(width))[:, np.newaxis, :]
    moved: Images = padded[np.arange(count)[:, np.newaxis, np.newaxis], rows, columns]
    return moved
