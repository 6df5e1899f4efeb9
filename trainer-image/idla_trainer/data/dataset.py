"""The examples of a task, as every kind of task hands them to training, compression and evaluation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ColumnProfile
from idla_contract.problem import Problem
from idla_preprocess import Answers, Array, Arrays, Preprocess, Signature
from typing_extensions import override

from idla_trainer.data.split import Indices, Parts
from idla_trainer.data.spool import ArrayWriter, in_file
from idla_trainer.objective import Objective
from idla_trainer.runtime_limits import room_for_examples

_AT_ONCE = 1024
"""Examples that become tensors together where memory is short."""


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


class Chosen(Mapping[str, Array]):
    """Columns at some positions; each is taken when it is asked for, so that they are never in memory together."""

    def __init__(self, columns: Arrays, part: Indices) -> None:
        """Bind columns [N] and positions."""
        self._columns = columns
        self._part = part

    @override
    def __getitem__(self, name: str) -> Array:
        """Return a column at the positions."""
        return self._columns[name][self._part]

    @override
    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._columns)

    @override
    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self._columns)


def tensors_of(preprocess: Preprocess, raw: Arrays, room: int) -> Arrays:
    """Return the network's inputs by name, [N, ...] each; in files where they would take more memory than `room`.

    Raises:
        InputError: a raw input cannot be used.
    """
    count = len(next(iter(raw.values())))
    one = preprocess.to_tensors({name: values[:1] for name, values in raw.items()}) if count else {}
    fits = count * sum(array.nbytes for array in one.values()) <= room
    if not count or (fits and not any(map(in_file, raw.values()))):
        return preprocess.to_tensors(raw)
    blocks = (
        preprocess.to_tensors({name: values[start : start + _AT_ONCE] for name, values in raw.items()})
        for start in range(0, count, _AT_ONCE)
    )
    if fits:
        listed = list(blocks)
        return {name: np.concatenate([block[name] for block in listed]) for name in one}
    writers = {name: ArrayWriter() for name in one}
    for block in blocks:
        for name, writer in writers.items():
            writer.write(block[name])
    return {name: writer.array() for name, writer in writers.items()}


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
    columns: tuple[ColumnProfile, ...] = ()
    """How each column of the file was understood, in its order; the first ones where there are many."""
    column_count: int = 0
    """Columns of the file."""

    @property
    def signature(self) -> Signature:
        """Return what a model of these data takes and answers."""
        return Signature(self.preprocess, self.answers)

    def examples(self, part: Indices) -> Examples:
        """Return the examples at these positions; of none there are no inputs.

        Raises:
            InputError: a raw input cannot be used.
        """
        if not len(part):
            return Examples({}, self.targets[part], {})
        raw = {name: array[part] for name, array in self.raw.items()}
        return Examples(tensors_of(self.preprocess, raw, room_for_examples()), self.targets[part], raw)
