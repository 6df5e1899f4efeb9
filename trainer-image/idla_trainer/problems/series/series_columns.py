"""The columns of a long table that name the series: which they are, and what the series are called."""

import itertools

import numpy as np
import numpy.typing as npt
from idla_contract.task import Columns

from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import as_name, check_present
from idla_trainer.problems.series.times import TIMESTAMP, Times
from idla_trainer.problems.series.wide_tables import free_columns, named_values

MOST_SERIES = 1000
"""Series that are forecast together: a request has the window of each."""
_SHOWN = 3
_MOST_KEYS = 8
"""Columns that are looked at for two that name the series."""


def series_columns(table: Table, columns: Columns, times: Times | None) -> tuple[str, ...]:
    """Return the columns that name the series of each row; none where the table is a wide one.

    They are the named ones. Without them one is looked for where half of the rows or more have a time that others have
    too: a column of texts that tells all rows of one time apart.

    Raises:
        TaskError: it is not there, there are no times, several columns would do, or columns of numbers alone.
    """
    if columns.series:
        if times is None:
            raise invalid(
                f"data.columns.series: a row for each series and time needs its time; found no column {TIMESTAMP!r}, "
                f"there are {listed(tuple(table.columns))}. Name the one of the times in data.columns.timestamp"
            )
        return tuple(check_present(table, "series", name) for name in columns.series)
    if times is None:
        return ()
    _, places, counts = np.unique(times, return_inverse=True, return_counts=True)
    if 2 * np.count_nonzero(counts[places] > 1) < len(times):
        return ()
    names = [name for name in free_columns(table, columns) if name not in named_values(columns)]
    fitting = [name for name in names if _tells_apart(table.columns[name], places, counts)]
    texts = [name for name in fitting if table.columns[name].dtype == object]
    if len(texts) == 1:
        return tuple(texts)
    if not fitting:
        _suggest_pair(table, names, places)
        return ()
    raise invalid(
        f"many rows have the same time, so that there seems to be a row for each series and time; the columns that may "
        f"name the series are {listed(texts or fitting)}. Name the one that does in data.columns.series"
    )


def named_series(
    table: Table, series: tuple[str, ...], known: tuple[str, ...] | None
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the names of the series, and the number of each row's."""
    rows = list(zip(*(_names(name, table.columns[name]) for name in series), strict=True))
    names = {parts: "/".join(parts) for parts in dict.fromkeys(rows)}
    numbers = {name: number for number, name in enumerate(known if known is not None else names.values())}
    if known is None and len(numbers) < len(names):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise invalid(f"{_words(series)} name different series {quoted(twice)}; write their names without `/`")
    stray = next((name for name in names.values() if name not in numbers), None)
    if stray is not None:
        raise invalid(f"the test file has the series {quoted(stray)}, the other file none of it; leave it out")
    if len(numbers) > MOST_SERIES:
        raise invalid(
            f"{_words(series)} {'names' if len(series) == 1 else 'name'} {len(numbers)} series "
            f"({listed(tuple(numbers), _SHOWN)}); at most {MOST_SERIES} are forecast together. Leave series out, add "
            "some of them up, or give each part of them a workflow of its own"
        )
    return tuple(numbers), np.array([numbers[names[parts]] for parts in rows], np.int64)


def _tells_apart(column: Column, places: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> bool:
    """Return whether no two rows of one time have the same name; of numbers there are no more than rows of one time."""
    if column.ndim != 1 or column.dtype.kind not in "Oiuf":
        return False
    names = [as_name(value) for value in column.tolist()]
    different = set(names)
    enough = len(different) == int(counts.max()) if column.dtype != object else 2 * len(different) <= len(names)
    return enough and len(set(zip(names, places.tolist(), strict=True))) == len(names)


def _suggest_pair(table: Table, names: list[str], places: npt.NDArray[np.int64]) -> None:
    """Find two columns that tell the rows of each time apart together.

    Raises:
        TaskError: there are such; the message names them.
    """
    some = [name for name in names if table.columns[name].ndim == 1 and table.columns[name].dtype.kind in "Oiu"]
    cells = {name: [as_name(value) for value in table.columns[name].tolist()] for name in some[:_MOST_KEYS]}
    for pair in itertools.combinations(cells, 2):
        rows = list(zip(*(cells[name] for name in pair), strict=True))
        if 2 * len(set(rows)) <= len(rows) and len(set(zip(rows, places.tolist(), strict=True))) == len(rows):
            raise invalid(
                "many rows have the same time, so that there seems to be a row for each series and time; the columns "
                f"{quoted(pair[0])} and {quoted(pair[1])} tell them apart together. If so, set data.columns.series: "
                f"[{', '.join(pair)}]"
            )


def _names(series: str, column: Column) -> list[str]:
    if column.ndim != 1:
        raise invalid(f"data.columns.series: the column {series!r} holds arrays; texts or whole numbers are needed")
    names = [as_name(value) for value in column.tolist()]
    if "" in names:
        row = names.index("")
        raise invalid(f"the column {series!r} names no series in row {row} (counted from 0); give each row one")
    return names


def _words(series: tuple[str, ...]) -> str:
    """Return the columns as a sentence names them."""
    *some, last = map(quoted, series)
    return f"the columns {', '.join(some)} and {last}" if some else f"the column {last}"
