"""Users and items by name, to numbers of embeddings; 0 stands for whoever is unknown."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import check_bool, raw_texts
from idla_preprocess.stored import Stored

USER, ITEM = "user", "item"
USERS, ITEMS = "users", "items"
LONGEST_NAME = 256
MOST_NAMES = 1 << 24

Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class InteractionsSpec(Stored):
    """A user, and an item where the two are judged together, to their numbers.

    The n-th name of a vocabulary has the number n, counted from 1. Another name has the number 0, so that a network
    answers for whoever is unknown too.
    """

    kind: ClassVar[str] = "interactions"
    array_names: ClassVar[tuple[str, ...]] = (USERS, ITEMS)

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
        check_bool("rates", self.rates)

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
    return np.where(known[places] == names, places + 1, 0).astype(np.int32)


def names_in(raw: Arrays, field: str) -> Names:
    """Return a raw input as texts [N], without blanks around them.

    Raises:
        InputError: it is missing, or no array [N] of texts.
    """
    return np.strings.strip(np.array(raw_texts(raw, field), dtype=np.str_))
