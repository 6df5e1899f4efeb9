"""The examples of a task, as every kind of task hands them to training, compression and evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Problem
from idla_preprocess import Answers, Array, Arrays, Preprocess, Signature

from idla_trainer.data.split import Indices, Parts
from idla_trainer.problems.objective import Objective


@dataclass(frozen=True, slots=True)
class Examples:
    """Some examples, ready for a network."""

    inputs: Arrays
    """The network's inputs by name, [N, ...] each."""
    targets: Array
    """[N, ...]."""
    raw: Arrays
    """The raw inputs that they came from."""
    weights: npt.NDArray[np.float32] | None = None
    """What each counts in the training loss, [N]; None: all the same."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """All examples, in the order of the file, with the signature and the objective that belong to them."""

    digest: str
    test_digest: str | None = None
    """Of the test file, where there is one."""
    problem: Problem
    raw: Arrays
    """Raw inputs by name, [N, ...] each."""
    targets: Array
    """Class numbers (int64) or values (float32), [N, ...]."""
    parts: Parts
    preprocess: Preprocess
    """Fitted on the training part alone."""
    answers: Answers
    objective: Objective
    classes: tuple[str, ...] = ()
    """Names of the class numbers; empty where nothing is classified."""
    shape: tuple[int, ...] = ()
    """Of one example."""
    facts: Mapping[str, float | int | str] = field(default_factory=dict)
    """What else is worth knowing of the data."""
    warnings: tuple[str, ...] = ()
    """What harms a model."""

    @property
    def signature(self) -> Signature:
        """Return what a model of these data takes and answers."""
        return Signature(self.preprocess, self.answers)

    def examples(self, part: Indices) -> Examples:
        """Return the examples at these positions.

        Raises:
            InputError: a raw input cannot be used.
        """
        raw = {name: array[part] for name, array in self.raw.items()}
        return Examples(self.preprocess.to_tensors(raw), self.targets[part], raw)
