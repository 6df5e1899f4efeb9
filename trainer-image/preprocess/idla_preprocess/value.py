"""The answer of a network that estimates one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor


@dataclass(frozen=True, slots=True)
class Value:
    """One value for each example, in the target's unit."""

    kind: ClassVar[str] = "value"

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return the one output `value`."""
        return (Tensor("value", "FP32", (-1,)),)

    def of(self, values: npt.NDArray[np.float32], raw: Arrays, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """Return `value` FP32 [N].

        Args:
            values: the network's output [N, 1].
            raw: not looked at.
            parameters: not looked at.

        Raises:
            InputError: the network's output has another shape.
        """
        del raw, parameters
        if values.ndim != 2 or values.shape[1] != 1:  # noqa: PLR2004 - one column
            raise InputError("value", f"a network's output of shape {list(values.shape)}", "[N, 1]")
        return {"value": values[:, 0].astype(np.float32)}

    def content(self) -> dict[str, Any]:
        """Return nothing: the network's output is the answer."""
        return {}

    def arrays(self) -> dict[str, Array]:
        """Return nothing."""
        return {}

    @classmethod
    def restored(cls, content: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return the answer.

        Raises:
            InputError: there is something in it.
        """
        found = [*map(str, content), *arrays]
        if found:
            raise InputError("answers", f"the keys {sorted(found)}", "no key")
        return cls()
