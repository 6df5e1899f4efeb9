"""The examples of a task, as every kind of task hands them to training, compression and evaluation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ColumnProfile
from idla_contract.problem import Problem
from idla_preprocess import Answers, Array, Arrays, Preprocess, Signature

from idla_trainer.chosen import Chosen
from idla_trainer.data.findings.columns import ColumnUses, describe_columns
from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.split import Indices, Parts, drawn
from idla_trainer.data.spool import ArrayWriter, MemoryWriter, in_file
from idla_trainer.objective import Objective
from idla_trainer.runtime_limits import room_for_examples

_AT_ONCE = 1 << 22
"""Bytes of tensors that are made together where memory is short."""


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

    def at(self, part: Indices) -> Self:
        """Return those at some positions; of all positions the very same examples."""
        if len(part) == len(self):
            return self
        inputs = {name: array[part] for name, array in self.inputs.items()}
        weights = None if self.weights is None else self.weights[part]
        return type(self)(inputs, self.targets[part], Chosen(self.raw, part), weights)

    def drawn(self, most: int, *, seed: int) -> Self:
        """Return them, of more than so many as many at random, in their order."""
        return self.at(drawn(np.arange(len(self)), most, seed=seed))


def tensors_of(make: Callable[[Arrays], Arrays], columns: Arrays, part: Indices, room: int) -> Arrays:
    """Return the network's inputs by name, [N, ...] each; in files where they would take more memory than `room`.

    Args:
        make: makes them of raw inputs.
        columns: raw inputs of all examples.
        part: positions [N] of those that are wanted, one or more.
        room: bytes.

    Raises:
        InputError: a raw input cannot be used.
    """

    def made(chosen: Indices) -> Arrays:
        return make({name: values[chosen] for name, values in columns.items()})

    one = made(part[:1])
    size = sum(array.nbytes for array in one.values())
    fits = len(part) * size <= room
    if fits and not any(map(in_file, columns.values())):
        return made(part)
    writers = {name: (MemoryWriter(len(part)) if fits else ArrayWriter()) for name in one}
    step = max(1, _AT_ONCE // size)
    for start in range(0, len(part), step):
        for name, block in made(part[start : start + step]).items():
            writers[name].write(block)
    return {name: writer.array() for name, writer in writers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """All examples, in the order of the file, with the signature and the objective that belong to them."""

    digest: str
    test_digest: str | None = None
    """Of the test file, where there is one."""
    test_given: bool = False
    """Whether the data themselves say which examples are the test split."""
    problem: Problem
    raw: Arrays
    """Raw inputs by name, [N, ...] each."""
    targets: Array
    """Class numbers (int64) or values (float32), [N, ...]."""
    parts: Parts
    preprocess: Preprocess
    """Fitted on the training part alone."""
    front: Callable[[Arrays], Arrays] | None = None
    """The frozen part of a network: what it makes of the preprocessing's tensors is what is learned from. None: these
    themselves are."""
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
    uses: ColumnUses | None = None
    """What the columns of the file are used for; None: it has none."""
    columns: tuple[ColumnProfile, ...] = ()
    """How each column of the file was understood, in its order; the first ones where there are many. Empty where
    nobody asked for it."""
    column_count: int = 0
    """Columns of the file."""

    def described(self, columns: Mapping[str, Column]) -> Self:
        """Return the data set with how each of the file's columns [N] was understood."""
        if self.uses is None:
            return self
        return replace(self, columns=describe_columns(columns, self.uses), column_count=len(columns))

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
        inputs = tensors_of(self._make, self.raw, part, room_for_examples())
        return Examples(inputs, self.targets[part], Chosen(self.raw, part))

    def _make(self, raw: Arrays) -> Arrays:
        tensors = self.preprocess.to_tensors(raw)
        return tensors if self.front is None else self.front(tensors)
