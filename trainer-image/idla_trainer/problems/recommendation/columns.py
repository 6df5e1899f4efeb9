"""Which columns of a table are the users, the items, the ratings and the times, and what they hold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ColumnRole, ColumnType
from idla_contract.task import Columns
from idla_preprocess.interactions import LONGEST_NAME
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.findings.columns import Use
from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import Indices
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import as_name, column_of, numbers_of
from idla_trainer.problems.tabular.times import instants_of

_SHOWN = 40
_NAMES = 8
"""Columns that a message names."""


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """Who met what, in the order of the file."""

    users: npt.NDArray[Any]
    """Names [N], objects of `str`."""
    items: npt.NDArray[Any]
    """Names [N]."""
    ratings: npt.NDArray[np.float64] | None
    """[N]; None where the table has none."""
    times: npt.NDArray[np.float64] | None
    """Seconds or any other numbers that grow [N]; None where the table has none."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.users)

    def at(self, positions: Indices) -> "Interactions":
        """Return those at some positions."""
        ratings, times = (None if values is None else values[positions] for values in (self.ratings, self.times))
        return Interactions(self.users[positions], self.items[positions], ratings, times)

    def followed_by(self, more: "Interactions") -> "Interactions":
        """Return these with others behind them."""
        return Interactions(
            np.concatenate([self.users, more.users]),
            np.concatenate([self.items, more.items]),
            _joined(self.ratings, more.ratings),
            _joined(self.times, more.times),
        )


def interactions_of(table: Table, columns: Columns) -> Interactions:
    """Return the interactions of a table: each role by its named column, else by the one of its own name.

    Raises:
        TaskError: users or items are missing, a named column is, or one holds something else.
    """
    rating = column_of(table, "rating", columns.rating)
    time = column_of(table, "timestamp", columns.timestamp)
    return Interactions(
        _names(table, "user", columns.user),
        _names(table, "item", columns.item),
        None if rating is None else numbers_of(table, "rating", rating),
        None if time is None else _moments(table, time),
    )


def roles_of(table: Table, columns: Columns) -> dict[str, Use]:
    """Return what each column is used for."""
    named = {
        ColumnRole.USER: (columns.user or "user", ColumnType.CATEGORY),
        ColumnRole.ITEM: (columns.item or "item", ColumnType.CATEGORY),
        ColumnRole.RATING: (column_of(table, "rating", columns.rating), ColumnType.NUMBER),
        ColumnRole.TIMESTAMP: (column_of(table, "timestamp", columns.timestamp), ColumnType.TIME),
    }
    return {name: Use(role, kind) for role, (name, kind) in named.items() if name is not None}


def _names(table: Table, role: str, named: str | None) -> npt.NDArray[Any]:
    name = column_of(table, role, named)
    if name is None:
        names = listed(list(table.columns), _NAMES)
        raise invalid(f"there is no column {role!r}; name that of the {role}s in data.columns.{role}: {names}")
    values = table.columns[name]
    if values.ndim != 1 or values.dtype.kind not in "buifOU":
        raise invalid(f"data.columns.{role}: the column {name!r} holds no names; texts or numbers are needed")
    column = np.empty(len(values), dtype=object)
    known: dict[object, str] = {}
    column[:] = [known.setdefault(value, as_name(value).strip()) for value in values.tolist()]
    for text in known.values():
        if text in MISSING_TEXTS or len(text) > LONGEST_NAME:
            place = int(np.flatnonzero(column == text)[0])
            why = "which stands for a missing value" if text in MISSING_TEXTS else f"of {len(text)} characters"
            raise invalid(
                f"data.columns.{role}: example {place} (counted from 0) has {text[:_SHOWN]!r} in the column {name!r}, "
                f"{why}; a name of 1 to {LONGEST_NAME} characters is needed. Mend or remove it"
            )
    return column


def _moments(table: Table, name: str) -> npt.NDArray[np.float64]:
    """Return times as numbers; dates become seconds."""
    values = table.columns[name]
    dates = values.ndim == 1 and values.dtype.kind in "OU"
    numbers = instants_of(name, values) if dates else numbers_of(table, "timestamp", name)
    if not np.isfinite(numbers).all():
        place = int(np.argmin(np.isfinite(numbers)))
        raise invalid(f"data.columns.timestamp: example {place} (counted from 0) has no time in the column {name!r}")
    return numbers


def _joined(first: Any, second: Any) -> Any:
    return None if first is None or second is None else np.concatenate([first, second])
