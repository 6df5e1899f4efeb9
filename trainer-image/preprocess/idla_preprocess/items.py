"""The answers of a recommender: the best items of a user, or the rating of an item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import check_array, check_whole
from idla_preprocess.interactions import ITEMS, USER, USERS, Names, check_names, names_in, numbers_of
from idla_preprocess.stored import Stored
from idla_preprocess.value import Value

DEFAULT_K = 10
LARGEST_K = 1000
NOBODY = -1
"""Stands in a ranking where there is no further item."""

Positions = npt.NDArray[np.int64]
_NO_SCORE = float(np.finfo(np.float32).min)
_SEEN, _ENDS = "seen", "ends"


@dataclass(frozen=True, slots=True, eq=False)
class Items(Stored):
    """The best items of each user among all that the user has not seen."""

    kind: ClassVar[str] = "items"
    array_names: ClassVar[tuple[str, ...]] = (USERS, ITEMS, _SEEN, _ENDS)

    users: Names
    """Ascending, each once."""
    items: Names
    """In the order of the network's output, ascending."""
    seen: npt.NDArray[np.int32]
    """Positions of the items that the users have seen, user after user."""
    ends: npt.NDArray[np.int64]
    """Where the positions of each user end in `seen`, one for each user."""

    def __post_init__(self) -> None:
        """Refuse what describes no such users and items.

        Raises:
            InputError: a part has another type, shape or order, or is out of its range.
        """
        check_names(USERS, self.users)
        check_names(ITEMS, self.items)
        seen, ends = self.seen, self.ends
        check_array(_SEEN, seen, np.int32)
        check_array(_ENDS, ends, np.int64, len(self.users))
        if len(seen) and not (seen.min() >= 0 and seen.max() < len(self.items)):
            raise InputError(_SEEN, "a position out of range", f"from 0 to {len(self.items) - 1}")
        if ends[0] < 0 or (np.diff(ends) < 0).any() or ends[-1] != len(seen):
            raise InputError(_ENDS, "ends out of order", f"ascending, the last one {len(seen)}")

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return `items` and their `scores`, [-1, k] each."""
        return Tensor(ITEMS, "BYTES", (-1, -1)), Tensor("scores", "FP32", (-1, -1))

    def of(self, values: npt.NDArray[np.float32], raw: Arrays, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """Return the `items` [N, k] with the highest `scores` [N, k], the best first.

        A user of whom fewer than `k` items are left gets empty names with the smallest float32 as the score in the end.

        Args:
            values: a score of every item [N, items].
            raw: `user` [N].
            parameters: `k`, a whole number from 1 to 1000; default: 10. Above the number of items it is that number.

        Raises:
            InputError: `k` is something else, or the output or the user has another shape.
        """
        users = names_in(raw, USER)
        if values.shape != (len(users), len(self.items)):
            raise InputError("values", f"the shape {list(values.shape)}", f"[{len(users)}, {len(self.items)}]")
        asked = parameters.get("k", DEFAULT_K)
        check_whole("parameters.k", asked, 1, LARGEST_K)
        k = min(asked, len(self.items))
        ranked = best(values, [self.seen_by(number) for number in numbers_of(users, self.users).tolist()], k)
        there = ranked != NOBODY
        names = np.where(there, self.items[ranked], "").astype(object)
        scores = np.where(there, np.take_along_axis(values, ranked, axis=1), _NO_SCORE)
        return {ITEMS: names, "scores": scores.astype(np.float32)}

    def seen_by(self, number: int) -> npt.NDArray[np.int32]:
        """Return the positions of the items that a user has seen, none for the unknown user 0."""
        if number == 0:
            return self.seen[:0]
        start = self.ends[number - 2] if number > 1 else 0
        return self.seen[start : self.ends[number - 1]]

    @classmethod
    def of_seen(cls, users: Names, items: Names, seers: npt.ArrayLike, seen: npt.ArrayLike) -> Self:
        """Return the answers of users who have seen items.

        Args:
            users: names, ascending.
            items: names, ascending.
            seers: names of users [N]; those that are not in `users` are left out.
            seen: the item that each has seen [N]; likewise.
        """
        rows, columns = (
            numbers_of(np.asarray(names, dtype=np.str_), known) for names, known in ((seers, users), (seen, items))
        )
        pairs = np.unique(np.stack([rows, columns], axis=1)[(rows > 0) & (columns > 0)], axis=0)
        ends = np.cumsum(np.bincount(pairs[:, 0], minlength=len(users) + 1))[1:]
        return cls(users=users, items=items, seen=(pairs[:, 1] - 1).astype(np.int32), ends=ends.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Rating(Value):
    """The rating that a user would give to an item."""

    kind: ClassVar[str] = "rating"


def best(scores: npt.NDArray[np.floating], excluded: Sequence[npt.NDArray[np.integer]], k: int) -> Positions:
    """Return the positions [N, k] of the highest scores, the best first; of equal ones the earlier position first.

    Args:
        scores: [N, items].
        excluded: for each row the positions that are left out.
        k: from 1 to the number of items; what is missing of it is `NOBODY`.
    """
    ranked = np.full((len(scores), k), NOBODY, dtype=np.int64)
    for row, (own, out) in enumerate(zip(scores, excluded, strict=True)):
        left = np.array(own, dtype=np.float64)
        left[out] = -np.inf
        border = np.partition(left, len(left) - k)[len(left) - k]
        chosen = np.flatnonzero((left >= border) & (left > -np.inf))
        order = np.argsort(-left[chosen], kind="stable")[:k]
        ranked[row, : len(order)] = chosen[order]
    return ranked
