"""The two halves of a model's border: raw inputs to tensors, and the network's output to answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


class InputError(ValueError):
    """A value that cannot be used: which field, what was found, what is allowed."""

    def __init__(self, field: str, found: str, allowed: str) -> None:
        super().__init__(f"{field}: found {found}; allowed: {allowed}")
        self.field = field
        self.found = found
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Tensor:
    """One raw input or output, in the words of the Open Inference Protocol v2."""

    name: str
    datatype: Literal["FP32", "INT64", "BYTES"]
    shape: tuple[int, ...]
    """-1 in front is the batch, another -1 is any length."""
    pictures: bool = False
    """Whether BYTES are taken too: for each example the base64 text of a JPEG or PNG file."""
    missing: bool = False
    """Whether a value may be missing, since what stands in its place is known: NaN, or an empty text."""
    example: str = ""
    """A text of training, where all have to be written alike as dates are."""
    names: tuple[str, ...] = ()
    """Of the places along the last axis, such as sensors; empty where they have none."""

    @property
    def optional(self) -> bool:
        """Return whether all of it may be missing: a column, of which each example has one value."""
        return self.missing and self.shape == (-1,)


class Half(Protocol):
    """One side of the border, as the files of an artifact hold it."""

    kind: ClassVar[str]
    """Its name in `preprocess.json`."""

    def content(self) -> dict[str, Any]:
        """Return what JSON can hold of it, with camelCase keys."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Return its larger parts, which are no objects; empty where it has none."""
        ...

    @classmethod
    def restored(cls, content: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return what `content` and `arrays` came from; nobody vouches for them.

        Raises:
            InputError: a part is missing, unknown or out of its range.
        """
        ...


class Preprocess(Half, Protocol):
    """Turns raw inputs, as users send them, into the network's inputs; fitted on the training split alone."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the raw inputs."""
        ...

    def to_tensors(self, raw: Arrays) -> dict[str, Array]:
        """Return the network's inputs by name, [N, ...] each.

        Args:
            raw: arrays [N, ...] by input name; BYTES are object arrays of `str`.

        Raises:
            InputError: an input is missing, or has another type, shape or value than is allowed.
        """
        ...


class Answers(Half, Protocol):
    """Turns the network's output into what users are answered."""

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return the outputs that users may ask for."""
        ...

    def of(self, values: npt.NDArray[np.float32], raw: Arrays, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """Return every output by name, [N, ...] each.

        Args:
            values: the network's output [N, ...].
            raw: the raw inputs that it belongs to.
            parameters: of the request, e.g. `k`.

        Raises:
            InputError: a parameter has another type or value than is allowed.
        """
        ...
