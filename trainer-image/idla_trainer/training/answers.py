"""What a trained network answers for the examples that it was judged on, by which it is compared with others."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from idla_preprocess import Array

from idla_trainer.data.split import Indices, drawn
from idla_trainer.evaluation.paired import MOST
from idla_trainer.training.checkpoints import Arrays

_ROOM = 64 * 2**20
"""Bytes of the answers that are kept."""
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAnswers:
    """Answers of one network, with the examples that they are for."""

    positions: Indices
    """Of the examples in the data set, ascending, [M]."""
    values: Array
    """What is served for them, float32 [M, ...]."""

    def arrays(self) -> Arrays:
        """Return what `of` takes."""
        return {"positions": self.positions, "values": self.values}

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Return the answers that `arrays` gave.

        Raises:
            KeyError: one is missing.
            ValueError: there are not as many answers as positions.
        """
        positions, values = arrays["positions"], arrays["values"]
        if positions.ndim != 1 or len(positions) != len(values):
            raise ValueError(f"answers of the shape {values.shape} for positions of the shape {positions.shape}")
        return cls(positions=positions, values=values)


def keep_answers(values: Array, positions: Indices) -> JudgedAnswers:
    """Return answers as they are kept.

    Of more examples than a comparison looks at, or than 64 MiB hold, some are taken at random; the same ones for every
    network whose answers have this shape.

    Args:
        values: what a network serves for the examples that it is judged on, [N, ...].
        positions: of these examples in the data set, ascending, [N].
    """
    kept = values.astype(np.float32)
    chosen = drawn(np.arange(len(kept)), most_kept(kept), seed=_SEED)
    return JudgedAnswers(positions=positions[chosen], values=kept[chosen])


def most_kept(values: Array) -> int:
    """Return for how many examples answers like these [N, ...] are kept, one at least."""
    size = values[:1].nbytes
    return max(1, min(MOST, _ROOM // max(1, size)))
