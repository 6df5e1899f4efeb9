"""The answer of a dialog: what a person wants, or that it is nothing the model knows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import check_different
from idla_preprocess.classes import FEWEST_CLASSES, LABEL, MOST_CLASSES, PROBABILITIES, Classes
from idla_preprocess.stored import Stored

OUT_OF_SCOPE = "out_of_scope"
CONFIDENCE = "confidence"


@dataclass(frozen=True, slots=True)
class Intents(Stored):
    """Names of the intents, and the confidence under which the answer is `out_of_scope`.

    The confidence is the largest probability (Hendrycks and Gimpel 2017).
    """

    kind: ClassVar[str] = "intents"

    labels: tuple[str, ...]
    threshold: float
    """From 0 to 1; 0 refuses nothing."""
    recall: float
    """The share of sentences in scope that `calibrated` lets pass, above 0 up to 1."""

    def __post_init__(self) -> None:
        """Refuse names that are no classes, and a threshold or a share out of its range.

        Raises:
            InputError: it is so.
        """
        check_different("answers.labels", self.labels, FEWEST_CLASSES, MOST_CLASSES)
        _check_share("answers.threshold", self.threshold)
        _check_share("answers.recall", self.recall)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return the probabilities, the label and the confidence."""
        return (*Classes(self.labels).outputs, Tensor(CONFIDENCE, "FP32", (-1,)))

    def of(self, values: npt.NDArray[np.float32], raw: Arrays, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """Return the probabilities [N, intents], each row's label [N], and its confidence [N].

        The label is the most probable intent, or `out_of_scope` where the confidence is under the threshold.
        """
        del raw, parameters
        confidence = values.max(axis=1)
        labels = np.array(self.labels, dtype=object)[values.argmax(axis=1)]
        labels[confidence < self.threshold] = OUT_OF_SCOPE
        return {PROBABILITIES: values, LABEL: labels, CONFIDENCE: confidence}

    def calibrated(self, values: npt.NDArray[np.float32]) -> Self:
        """Return the answers with the threshold that lets the share `recall` of some sentences in scope pass.

        Args:
            values: what the trained network serves for validation examples [N, intents].
        """
        threshold = float(np.quantile(values.max(axis=1), 1 - self.recall, method="lower"))
        return replace(self, threshold=min(1.0, max(0.0, threshold)))


def _check_share(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(field, repr(value), "a number from 0 to 1")
