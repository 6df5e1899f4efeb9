"""Records of named columns: numbers that may be missing, categories that may be unknown, dates and times."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.dates import DateForm
from idla_preprocess.tabular_columns import CATEGORIES, LONGEST, Category, Number, clear_missing
from idla_preprocess.tabular_files import Column, read_column, written
from idla_preprocess.tabular_moments import Moment, Place

NUMBERS = "numbers"
_MISSING = "missing"

_MOST_COLUMNS = 100_000


@dataclass(frozen=True, slots=True)
class TabularSpec:
    """The columns of a record in their order; each is a raw input of its own.

    The network gets `numbers` FP32 [N, numbers + indicators], and `categories` INT32 [N, categories], in which every
    column has indices of its own from 0 to `table_size` - 1; either is left out where it would be empty.
    """

    columns: tuple[Column, ...]
    missing: tuple[str, ...] = ()
    """Texts and numbers that stand for a missing value, beside `MISSING_TEXTS`."""
    kind: ClassVar[str] = "tabular"

    def __post_init__(self) -> None:
        """Refuse a record without columns, or with two of one name.

        Raises:
            InputError: it is so.
        """
        names = [column.name for column in self.columns]
        if not 1 <= len(names) <= _MOST_COLUMNS or len(set(names)) < len(names):
            twice = next((name for name in names if names.count(name) > 1), None) if len(names) <= LONGEST else None
            found = f"{len(names)} columns" + (f", {twice!r} twice" if twice is not None else "")
            raise InputError("columns", found, f"1 to {_MOST_COLUMNS} columns of different names")

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Return the columns of numbers, and the numbers of each column of dates in its place."""
        found: list[Number] = []
        for column in self.columns:
            found += [column] if isinstance(column, Number) else column.numbers if isinstance(column, Moment) else ()
        return tuple(found)

    @property
    def categories(self) -> tuple[Category | Place, ...]:
        """Return the columns of names, and the places (hour, weekday, month) of each column of dates in its place."""
        found: list[Category | Place] = []
        for column in self.columns:
            found += [column] if isinstance(column, Category) else column.places if isinstance(column, Moment) else ()
        return tuple(found)

    @property
    def width(self) -> int:
        """Return how many values `numbers` has for one record: the numbers, then the indicators of missing ones."""
        return len(self.numbers) + sum(column.indicator for column in self.numbers)

    @property
    def table_size(self) -> int:
        """Return how many indices `categories` uses, over all columns."""
        return sum(column.size for column in self.categories)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return one raw input for each column: FP32, where NaN is missing, or BYTES, where an empty text is.

        Numbers may be missing where some were in the training part; names and dates always have an index for it.
        """
        return tuple(map(_input, self.columns))

    @classmethod
    def fitted(
        cls,
        columns: Arrays,
        categorical: Collection[str] = (),
        dates: Mapping[str, DateForm] | None = None,
        missing: Collection[str] = (),
    ) -> tuple[Self, tuple[str, ...]]:
        """Return what is fitted on the training part, and the names of the columns that say nothing there.

        Args:
            columns: [N] each by name: numbers, where NaN is missing, or texts, where an empty one is.
            categorical: names of columns of texts, whatever they look like; others are so by their type.
            dates: the form of each column of texts that holds dates; default: none does.
            missing: what stands for a missing value, as `clear_missing` takes it; the columns hold it no more.

        Raises:
            InputError: no column is left.
        """
        forms = dates or {}
        made: dict[str, Column | None] = {}
        for name, values in columns.items():
            if name in forms:
                made[name] = Moment.fitted(name, values, forms[name])
            elif name in categorical or values.dtype.kind in "OU":
                made[name] = Category.fitted(name, values)
            else:
                made[name] = Number.fitted(name, values)
        left_out = tuple(name for name, column in made.items() if column is None)
        kept = tuple(column for column in made.values() if column is not None)
        if not kept:
            found = f"{len(made)} columns, each with one value alone"
            raise InputError("columns", found, "a column with two different values in the training part")
        return cls(kept, tuple(missing)), left_out

    def cleared(self, values: Array) -> Array:
        """Return values of a column [N], NaN or an empty text where one stands for a missing one."""
        return clear_missing(values, self.missing)

    def to_tensors(self, raw: Arrays) -> dict[str, Array]:
        """Return `numbers` and `categories`.

        Args:
            raw: [N] or [N, 1] for each column by name; other names are not looked at.

        Raises:
            InputError: a column is missing, has another type or length, an infinite number, or a text that is no date.
        """
        values = {column.name: self.cleared(_checked(column, raw)) for column in self.columns}
        examples = len(values[self.columns[0].name])
        for name, array in values.items():
            if len(array) != examples or examples == 0:
                allowed = f"{examples} as in {self.columns[0].name!r}" if examples else "1 or more"
                raise InputError(name, f"{len(array)} values", allowed)
        scaled: list[Array] = []
        missing: list[Array] = []
        indices: list[Array] = []
        for column in self.columns:
            if isinstance(column, Number):
                scaled.append(column.scaled(values[column.name]))
                missing += [np.isnan(values[column.name])] if column.indicator else []
            elif isinstance(column, Category):
                indices.append(column.indices(values[column.name]))
            else:
                moments = column.read(values[column.name])
                scaled += column.scaled(moments)
                missing += [np.isnan(moments.clock) for number in column.numbers if number.indicator]
                indices += column.indices(moments)
        return self._tensors(scaled, missing, indices)

    def _tensors(self, scaled: list[Array], missing: list[Array], indices: list[Array]) -> dict[str, Array]:
        """Return the tensors of what columns [N] say: numbers, what of them is missing, and own indices."""
        tensors: dict[str, Array] = {}
        if scaled:
            tensors[NUMBERS] = np.stack([*scaled, *(each.astype(np.float32) for each in missing)], axis=1)
        if indices:
            starts = np.cumsum([0, *(column.size for column in self.categories)])[:-1]
            tensors[CATEGORIES] = (np.stack(indices, axis=1) + starts).astype(np.int32)
        return tensors

    def content(self) -> dict[str, Any]:
        """Return the columns; the known categories are in `arrays`."""
        more = {_MISSING: list(self.missing)} if self.missing else {}
        return {"columns": [written(column) for column in self.columns], **more}

    def arrays(self) -> dict[str, Array]:
        """Return the known categories of the n-th column as `categories<n>`, ascending texts."""
        return {
            f"{CATEGORIES}{place}": np.array(column.known, dtype=np.str_)
            for place, column in enumerate(self.columns)
            if isinstance(column, Category)
        }

    @classmethod
    def restored(cls, content: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return what `content` and `arrays` came from.

        Raises:
            InputError: a part is missing, unknown or out of its range.
        """
        columns, missing = content.get("columns"), content.get(_MISSING, [])
        if not {"columns"} <= set(content) <= {"columns", _MISSING} or not isinstance(columns, list):
            found = f"the keys {sorted(map(str, content))}"
            raise InputError("preprocess", found, f"the key columns, a list, and maybe {_MISSING}")
        if not isinstance(missing, list) or not all(isinstance(text, str) for text in missing):
            raise InputError(_MISSING, repr(missing)[:LONGEST], "a list of texts")
        return cls(tuple(read_column(place, column, arrays) for place, column in enumerate(columns)), tuple(missing))


def _input(column: Column) -> Tensor:
    if isinstance(column, Number):
        return Tensor(column.name, "FP32", (-1,), missing=column.indicator)
    example = column.example if isinstance(column, Moment) else ""
    return Tensor(column.name, "BYTES", (-1,), missing=True, example=example)


def _checked(column: Column, raw: Arrays) -> Array:
    """Return [N] values of a column."""
    number = isinstance(column, Number)
    allowed = "texts, empty where missing"
    if isinstance(column, Number):
        allowed = "numbers, null where missing" if column.indicator else "numbers"
    if column.name not in raw:
        raise InputError(column.name, "nothing", allowed)
    array = np.asarray(raw[column.name])
    if array.ndim == 2 and array.shape[1] == 1:  # noqa: PLR2004 - a column of a matrix
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(column.name, f"the shape {list(array.shape)}", "[N] or [N, 1]")
    if array.dtype.kind not in ("buif" if number else "OU"):
        raise InputError(column.name, f"values of type {array.dtype}", allowed)
    if not number:
        wrong = [value for value in array.tolist() if not isinstance(value, str)]
        if wrong:
            raise InputError(column.name, f"the value {wrong[0]!r}"[:LONGEST], allowed)
        return array
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    if np.isinf(narrow).any():
        place = int(np.argmax(np.isinf(narrow)))
        raise InputError(column.name, f"an infinite number in example {place}", "finite 32-bit numbers")
    return narrow
