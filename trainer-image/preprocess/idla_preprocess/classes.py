"""The answer of a classifier: a probability of each class, and the most probable one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import exact_keys

PROBABILITIES = "probabilities"
LABEL = "label"
FEWEST_CLASSES = 2


@dataclass(frozen=True, slots=True)
class Classes:
    """Names of the classes in the order of the network's outputs."""

    kind: ClassVar[str] = "classes"

    labels: tuple[str, ...]

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

    def content(self) -> dict[str, Any]:
        """Return the names."""
        return {"labels": list(self.labels)}

    def arrays(self) -> dict[str, Array]:
        """Return nothing: all of it is in `content`."""
        return {}

    @classmethod
    def restored(cls, content: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return the classes that `content` names.

        Raises:
            InputError: other keys, fewer than two names, or a name that is no text or stands twice.
        """
        exact_keys("answers", content, ("labels",))
        exact_keys("arrays", arrays, ())
        labels = content["labels"]
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise InputError("answers.labels", type(labels).__name__, "a list of texts")
        if len(labels) < FEWEST_CLASSES or len(set(labels)) != len(labels):
            raise InputError("answers.labels", f"{len(labels)} names, {len(set(labels))} different ones", "two or more")
        return cls(tuple(labels))
