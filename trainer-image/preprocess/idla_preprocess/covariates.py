"""Columns whose values are known ahead, as a forecaster reads them: over its window and the steps to come."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import check_different, check_whole, exact_keys, raw_input
from idla_preprocess.quantiles import LONGEST_HORIZON
from idla_preprocess.tabular_columns import CATEGORIES, LONGEST, Category, Number
from idla_preprocess.tabular_files import read_column, written

COVARIATES = "covariates"
MOST_COVARIATES = 100
MOST_SERIES = 1 << 16
_FEWEST = 2
"""Rows of the training part from which on a category is known: most holidays come once a year."""
_KEYS = ("columns", "horizon", "series")


@dataclass(frozen=True, slots=True)
class Covariates:
    """Columns that are known for the steps of the window and of the horizon; each is a raw input of its own.

    A number has one feature, and one more where some were missing in the training part. Of a category each known name
    has a feature that is 1 or 0, and all others together one; where it is missing all are 0.
    """

    columns: tuple[Number | Category, ...]
    horizon: int
    """Steps to come."""
    series: tuple[str, ...] = ()
    """Names of the series, each of which has values of its own; empty: all have the same."""

    def __post_init__(self) -> None:
        """Refuse what describes no such columns.

        Raises:
            InputError: a part has another type or is out of its range.
        """
        check_different("covariates.columns", tuple(column.name for column in self.columns), 1, MOST_COVARIATES)
        check_whole("covariates.horizon", self.horizon, 1, LONGEST_HORIZON)
        check_different("covariates.series", self.series, 0, MOST_SERIES)
        for place, column in enumerate(self.columns):
            if not isinstance(column, Number | Category):
                raise InputError(f"covariates.columns[{place}]", type(column).__name__, "a Number or a Category")

    @classmethod
    def fitted(
        cls, columns: Arrays, *, horizon: int, series: tuple[str, ...] = ()
    ) -> tuple[Self | None, tuple[str, ...]]:
        """Return what is fitted on the training rows, None without a column, and those that say nothing there.

        Args:
            columns: [rows] each by name, or [rows, series]: numbers, NaN where missing, or texts, empty where missing.
            horizon: steps to come.
            series: names of the series, where each has values of its own.

        Raises:
            InputError: a number is infinite as float32.
        """
        made = {
            name: Category.fitted(name, values.ravel(), fewest=_FEWEST)
            if values.dtype.kind == "O"
            else Number.fitted(name, values.ravel())
            for name, values in columns.items()
        }
        kept = tuple(column for column in made.values() if column is not None)
        left_out = tuple(name for name, column in made.items() if column is None)
        return (cls(kept, horizon, series) if kept else None), left_out

    @property
    def width(self) -> int:
        """Return how many features a step has."""
        return sum(1 + column.indicator if isinstance(column, Number) else column.size - 1 for column in self.columns)

    def inputs(self, history: int) -> tuple[Tensor, ...]:
        """Return the raw inputs, [N, history + horizon] each, or one axis more where each series has its own."""
        shape = (-1, history + self.horizon, *((len(self.series),) if self.series else ()))
        return tuple(
            Tensor(column.name, "FP32", shape, missing=column.indicator, names=self.series)
            if isinstance(column, Number)
            else Tensor(column.name, "BYTES", shape, missing=True, names=self.series)
            for column in self.columns
        )

    def to_tensor(self, raw: Arrays, history: int, count: int) -> npt.NDArray[np.float32]:
        """Return the features [N, history + horizon, series, width]; one series where all have the same values.

        Args:
            raw: the raw inputs by name.
            history: steps of a window.
            count: how many windows there are.

        Raises:
            InputError: one is missing, or has another type, shape or value than is allowed.
        """
        shape = (count, history + self.horizon, *((len(self.series),) if self.series else ()))
        features = [part for column in self.columns for part in _features(column, _checked(column, raw, shape))]
        found: npt.NDArray[np.float32] = np.stack(features, axis=-1)
        return found if self.series else found[:, :, np.newaxis]

    def content(self) -> dict[str, Any]:
        """Return what JSON can hold of it; the known categories are in `arrays`."""
        columns = [written(column) for column in self.columns]
        return {"columns": columns, "horizon": self.horizon, "series": list(self.series)}

    def arrays(self) -> dict[str, Array]:
        """Return the known categories of the n-th column as `categories<n>`, ascending texts."""
        return {
            f"{CATEGORIES}{place}": np.array(column.known, dtype=np.str_)
            for place, column in enumerate(self.columns)
            if isinstance(column, Category)
        }

    @classmethod
    def restored(cls, content: object, arrays: Arrays) -> Self:
        """Return what `content` and `arrays` came from; nobody vouches for them.

        Raises:
            InputError: a part is missing, unknown or out of its range.
        """
        parts = exact_keys(COVARIATES, content, _KEYS)
        for key in ("columns", "series"):
            if not isinstance(parts[key], list):
                raise InputError(f"{COVARIATES}.{key}", type(parts[key]).__name__, "a list")
        columns: Any = tuple(read_column(place, column, arrays) for place, column in enumerate(parts["columns"]))
        found = cls(columns, parts["horizon"], tuple(parts["series"]))
        exact_keys("arrays", arrays, found.arrays())
        return found


def check_names(covariates: Covariates, others: Collection[str]) -> None:
    """Make sure that no column is called as another input.

    Raises:
        InputError: one is.
    """
    for column in covariates.columns:
        if column.name in others:
            raise InputError(COVARIATES, f"the column {column.name!r}", f"other names than {', '.join(others)}")


def _features(column: Number | Category, values: Array) -> list[npt.NDArray[np.float32]]:
    """Return features of the shape of the values."""
    if isinstance(column, Number):
        missing = [np.isnan(values).astype(np.float32)] if column.indicator else []
        return [column.scaled(values), *missing]
    indices = column.indices(values.ravel()).reshape(values.shape)
    return [(indices == index).astype(np.float32) for index in range(1, column.size)]


def _checked(column: Number | Category, raw: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Return the values of a raw input, which has this shape."""
    kind = "numbers" if isinstance(column, Number) else "texts, empty where missing"
    allowed = f"{kind} {list(shape)}: for each window its steps, then those of the horizon"
    array = raw_input(raw, column.name, allowed)
    if array.shape != shape:
        raise InputError(column.name, f"the shape {list(array.shape)}", allowed)
    if array.dtype.kind not in ("buif" if isinstance(column, Number) else "OU"):
        raise InputError(column.name, f"values of type {array.dtype}", allowed)
    if isinstance(column, Category):
        wrong = next((value for value in array.flat if not isinstance(value, str)), None)
        if wrong is not None:
            raise InputError(column.name, f"the value {wrong!r}"[:LONGEST], allowed)
        return array
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    if np.isinf(narrow).any():
        raise InputError(column.name, "an infinite number, or one too large", "finite 32-bit numbers")
    return narrow
