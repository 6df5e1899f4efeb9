"""The batches of an epoch: a function of seed and epoch alone, so that a resumed run sees what it would have seen."""

import numpy as np
import numpy.typing as npt

_ORDER = 0
"""The stream of random numbers of a seed; the changes of the examples are another one."""


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the number of full batches; the rest of each epoch, another one each time, is left out."""
    return max(1, examples // batch_size)


def epoch_order(examples: int, batch_size: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the positions [steps, batch] of an epoch's examples; a data set smaller than a batch is one batch."""
    order = np.random.default_rng([seed, _ORDER, epoch]).permutation(examples)
    steps = steps_per_epoch(examples, batch_size)
    used = min(examples, steps * batch_size)
    return order[:used].reshape(steps, -1)
