"""The answer of a network that estimates one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.stored import Stored


@dataclass(frozen=True, slots=True)
class Value(Stored):
    """One value for each example, in the target's unit."""

    kind: ClassVar[str] = "value"

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return the one output, called as its kind."""
        return (Tensor(self.kind, "FP32", (-1,)),)

    def of(self, values: npt.NDArray[np.float32], raw: Arrays, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """Return the values FP32 [N].

        Args:
            values: the network's output [N, 1].
            raw: not looked at.
            parameters: not looked at.

        Raises:
            InputError: the network's output has another shape.
        """
        del raw, parameters
        if values.ndim != 2 or values.shape[1] != 1:  # noqa: PLR2004 - one column
            raise InputError(self.kind, f"a network's output of shape {list(values.shape)}", "[N, 1]")
        return {self.kind: values[:, 0].astype(np.float32)}
