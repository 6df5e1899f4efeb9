"""The answer of a classifier: a probability of each class, and the most probable one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, Tensor
from idla_preprocess.checks import check_different
from idla_preprocess.stored import Stored

PROBABILITIES = "probabilities"
LABEL = "label"
FEWEST_CLASSES, MOST_CLASSES = 2, 1 << 16


@dataclass(frozen=True, slots=True)
class Classes(Stored):
    """Names of the classes in the order of the network's outputs."""

    kind: ClassVar[str] = "classes"

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what names no classes.

        Raises:
            InputError: fewer than two names, or a name that is no text or stands twice.
        """
        check_different("answers.labels", self.labels, FEWEST_CLASSES, MOST_CLASSES)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return the two outputs."""
        return (
            Tensor(PROBABILITIES, "FP32", (-1, len(self.labels))),
            Tensor(LABEL, "BYTES", (-1,)),
        )

    def of(self, values: npt.NDArray[np.float32], raw: Arrays, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """Return the probabilities [N, classes] as they are, and the label [N] of each row's largest."""
        del raw, parameters
        names = np.array(self.labels, dtype=object)
        return {PROBABILITIES: values, LABEL: names[values.argmax(axis=1)]}
