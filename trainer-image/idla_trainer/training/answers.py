"""What a trained network answers for the examples that it was judged on, by which it is compared with others."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from idla_preprocess import Array

from idla_trainer.data.split import Indices, drawn
from idla_trainer.evaluation.paired import MOST
from idla_trainer.training.checkpoints import Arrays

_ROOM = 64 * 2**20
"""Bytes of the answers that are kept."""
_NUMBER = 4
"""Of a number."""
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


def keep_answers(answer: Callable[[Indices], Array], positions: Indices, shape: Sequence[int]) -> JudgedAnswers:
    """Return what a network answers, for the examples by which it will be compared.

    Of more examples than a comparison looks at, or than 64 MiB hold, some are taken at random; the same ones for every
    network whose answers have this shape.

    Args:
        answer: returns what is served for some of the examples, by their places from 0.
        positions: of the examples that it is judged on in the data set, ascending, [N].
        shape: of the answer to one example.
    """
    most = max(1, min(MOST, _ROOM // (_NUMBER * math.prod(shape))))
    chosen = drawn(np.arange(len(positions)), most, seed=_SEED)
    return JudgedAnswers(positions=positions[chosen], values=answer(chosen).astype(np.float32))
