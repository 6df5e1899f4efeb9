"""The moving average of a network's weights, which often answers better than the last step's (Polyak 1992)."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

_SOON = 10.0
"""Steps after which the average remembers as far back as its decay says; before, it follows faster."""


class WeightAverage:
    """Averages of variables, taken after every step."""

    def __init__(self, variables: Sequence[Any], decay: float) -> None:
        self._decay = decay
        self.count = tf.Variable(0.0, trainable=False)
        """Steps so far."""
        self.variables = [tf.Variable(tf.convert_to_tensor(variable), trainable=False) for variable in variables]
        """The averages in the order of the variables."""

    def take(self, variables: Sequence[Any]) -> None:
        """Count the variables in."""
        decay = tf.minimum(self._decay, (1.0 + self.count) / (_SOON + self.count))
        for average, variable in zip(self.variables, variables, strict=True):
            value = tf.convert_to_tensor(variable)
            if value.dtype.is_floating:
                average.assign(average * decay + value * (1.0 - decay))
            else:
                average.assign(value)
        self.count.assign_add(1.0)

    @contextlib.contextmanager
    def in_place(self, variables: Sequence[Any]) -> Iterator[None]:
        """Let the variables have their averages inside this block."""
        kept = [tf.identity(tf.convert_to_tensor(variable)) for variable in variables]
        for variable, average in zip(variables, self.variables, strict=True):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)
