"""Users and items by name, to numbers of embeddings; 0 stands for whoever is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import exact_keys

USER, ITEM = "user", "item"
USERS, ITEMS = "users", "items"
LONGEST_NAME = 256
MOST_NAMES = 1 << 24

Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class InteractionsSpec:
    """A user, and an item where the two are judged together, to their numbers.

    The n-th name of a vocabulary has the number n, counted from 1. Another name has the number 0, so that a network
    answers for whoever is unknown too.
    """

    kind: ClassVar[str] = "interactions"

    users: Names
    """Ascending, each once."""
    items: Names
    """Ascending, each once."""
    rates: bool
    """Whether a user and an item are the input (explicit ratings), or the user alone (a ranking of all items)."""

    def __post_init__(self) -> None:
        """Refuse what is no vocabulary.

        Raises:
            InputError: the names are no texts, not ascending, or too many.
        """
        check_names(USERS, self.users)
        check_names(ITEMS, self.items)
        if type(self.rates) is not bool:
            raise InputError("rates", repr(self.rates), "true or false")

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the raw inputs: `user`, and `item` where both are judged together; BYTES [-1] each."""
        user = Tensor(USER, "BYTES", (-1,))
        return (user, Tensor(ITEM, "BYTES", (-1,))) if self.rates else (user,)

    def to_tensors(self, raw: Arrays) -> dict[str, Array]:
        """Return int32 numbers [N] under the names of the inputs.

        Args:
            raw: `user` [N] and, where it is an input, `item` [N]: objects of `str`.

        Raises:
            InputError: an input is missing, no array [N] of texts, or they have different lengths.
        """
        tensors: dict[str, Array] = {USER: numbers_of(names_in(raw, USER), self.users)}
        if self.rates:
            tensors[ITEM] = numbers_of(names_in(raw, ITEM), self.items)
            if len(tensors[ITEM]) != len(tensors[USER]):
                raise InputError(ITEM, f"{len(tensors[ITEM])} values", f"{len(tensors[USER])}, one for each user")
        return tensors

    def content(self) -> dict[str, Any]:
        """Return all but the vocabularies."""
        return {"rates": self.rates}

    def arrays(self) -> dict[str, Array]:
        """Return the vocabularies."""
        return {USERS: self.users, ITEMS: self.items}

    @classmethod
    def restored(cls, content: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return what `content` and `arrays` came from.

        Raises:
            InputError: a part is missing, unknown or out of its range.
        """
        exact_keys("preprocess", content, ("rates",))
        exact_keys("arrays", arrays, (USERS, ITEMS))
        return cls(users=arrays[USERS], items=arrays[ITEMS], rates=content["rates"])


def vocabulary(names: npt.ArrayLike) -> Names:
    """Return the different names, ascending.

    Args:
        names: texts [N].

    Raises:
        InputError: a name is empty or longer than 256 characters.
    """
    texts = np.asarray(names, dtype=np.str_)
    found: Names = np.unique(texts)
    check_names("names", found)
    return found


def check_names(field: str, names: Any) -> None:
    """Make sure that names, of which nobody vouches, are a vocabulary.

    Raises:
        InputError: they are no array of texts, too many or too long, empty, or not ascending.
    """
    if not isinstance(names, np.ndarray) or names.dtype.kind != "U" or names.ndim != 1:
        raise InputError(field, type(names).__name__, "an array of texts [N]")
    if not 1 <= len(names) <= MOST_NAMES:
        raise InputError(field, f"{len(names)} names", f"from 1 to {MOST_NAMES}")
    if names.dtype.itemsize > LONGEST_NAME * np.dtype("U1").itemsize:
        raise InputError(field, f"room for {names.dtype.itemsize // 4} characters", f"at most {LONGEST_NAME}")
    if names[0] == "" or not (names[:-1] < names[1:]).all():
        raise InputError(field, "an empty name, or names out of order", "different names, ascending")


def numbers_of(names: Names, known: Names) -> npt.NDArray[np.int32]:
    """Return the number of each name, counted from 1 in the order of `known`; 0 where it is not there."""
    places = np.minimum(np.searchsorted(known, names), len(known) - 1)
    numbers: npt.NDArray[np.int32] = np.where(known[places] == names, places + 1, 0).astype(np.int32)
    return numbers


def names_in(raw: Arrays, field: str) -> Names:
    """Return a raw input as texts [N], without blanks around them.

    Raises:
        InputError: it is missing, or no array [N] of texts.
    """
    if field not in raw:
        raise InputError(field, "nothing", "an array [N] of texts")
    array = np.asarray(raw[field])
    if array.ndim != 1 or not len(array):
        raise InputError(field, f"the shape {list(array.shape)}", "[N], N at least 1")
    wrong = next((value for value in array.tolist() if not isinstance(value, str)), None)
    if wrong is not None:
        raise InputError(field, f"a value of type {type(wrong).__name__}", "texts")
    return np.strings.strip(array.astype(np.str_))
