"""Columns of texts that are numbers to a reader, or to the user, and numbers that networks can hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from idla_contract.columns import ReadAs
from idla_contract.task import Columns
from idla_preprocess import Array

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import without_zeros
from idla_trainer.data.formats.number_styles import NumberColumn, NumberStyle, read_numbers
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import rows_to_look_at
from idla_trainer.problems.columns import categorical_columns, mixture, tell_style

_LARGEST = float(np.finfo(np.float32).max)
_LOOKED_AT = 1000
"""Cells that tell whether a column of names mostly holds numbers."""
_SHOWN = 2
"""Cells that a sentence shows."""


@dataclass(frozen=True, slots=True)
class ReadNumbers:
    """Columns, of which those that are numbers to a reader were read so."""

    columns: dict[str, Array]
    sentences: tuple[str, ...]
    """On each one that was read."""
    notes: dict[str, tuple[str, int]]
    """The same in few words, and the cells without a number, by name."""


def read_number_columns(columns: dict[str, Array], roles: Columns) -> ReadNumbers:
    """Return the columns, those of texts that are numbers to a reader, or to the user, as numbers.

    Args:
        columns: the inputs, as `feature_columns` returns them.
        roles: which of them a user calls names or numbers.

    Raises:
        TaskError: one that a user calls numbers holds none.
    """
    names = categorical_columns(roles)
    texts = {name: cells for name, cells in columns.items() if cells.dtype.kind == "O" and name not in names}
    found = {name: _read(name, cells, roles) for name, cells in texts.items()}
    if any(column is not None and column.style is NumberStyle.DECIMAL_COMMA for column in found.values()):
        found = {name: _read(name, cells, roles, decimal_comma=True) for name, cells in texts.items()}
    read = {name: (texts[name], column) for name, column in found.items() if column is not None}
    strays = tuple(
        f"{quoted(name)} holds numbers; {len(column.strays)} of {len(cells)} cells have none and count as missing: "
        f"{_shown(column)} (counted from 0); if it holds names, set data.columns.types: {{{name}: Category}}"
        for name, (cells, column) in read.items()
        if column.strays
    )
    numbers = {name: column.values for name, (_, column) in read.items()}
    styles = tuple(tell_style(name, *entry) for name, entry in read.items() if entry[1].manner)
    notes = {name: (_note(*entry), len(entry[1].strays)) for name, entry in read.items()}
    names_alike = tuple(filter(None, (_almost(name, cells) for name, cells in texts.items() if name not in read)))
    return ReadNumbers(columns | numbers, (*strays, *styles, *names_alike), notes)


def _almost(name: str, cells: Array) -> str:
    """Return why a column that mostly holds numbers is one of names; empty where it does not."""
    rows = rows_to_look_at(len(cells), _LOOKED_AT).tolist()
    if without_zeros(some := [cells[row] for row in rows]) != some:
        return ""
    mixed = mixture(cells, rows)
    if 2 * mixed.numbers <= mixed.known:
        return ""
    if mixed.odd is None:
        return f"{quoted(name)} counts as names: it has {mixed.in_words}; write all of them alike"
    row, text = mixed.odd
    return (
        f"{quoted(name)} counts as names: {mixed.numbers} of {mixed.known} cells hold numbers, but {quoted(text)} in "
        f"row {row} (counted from 0) does not; set data.columns.types: {{{name}: Number}} to take such cells as "
        "missing, or Category where that is right"
    )


def _read(name: str, cells: Array, roles: Columns, *, decimal_comma: bool = False) -> NumberColumn | None:
    wanted = roles.types.get(name) is ReadAs.NUMBER
    found = read_numbers(cells, decimal_comma=decimal_comma, wanted=wanted)
    if wanted and (found is None or np.isnan(found.values).all()):
        raise invalid(f"data.columns.types: the column {name!r} holds no numbers, such as {quoted(cells[0])}")
    return found


def _note(cells: Array, column: NumberColumn) -> str:
    told = [f"{column.manner}: {column.example(cells)}"] if column.manner else []
    if column.strays:
        texts = " and ".join(dict.fromkeys(quoted(text) for _, text in column.strays[:_SHOWN]))
        told.append(f"{len(column.strays)} cells hold no number: {texts}")
    return "; ".join(told)


def _shown(column: NumberColumn) -> str:
    first: dict[str, int] = {}
    for row, text in column.strays:
        first.setdefault(text, row)
    return " and ".join(f"{quoted(text)} in example {row}" for text, row in islice(first.items(), _SHOWN))


def check_finite(columns: Mapping[str, Array]) -> None:
    """Make sure that networks, which count in 32 bits, can hold the numbers of columns [N].

    Raises:
        TaskError: one is infinite, or would be.
    """
    for name, values in columns.items():
        if values.dtype.kind != "f" or not len(values):
            continue
        if max(np.fmax.reduce(values), -np.fmin.reduce(values)) > _LARGEST:  # makes no copy of a column in a file
            beyond = np.flatnonzero(np.abs(values) > _LARGEST)
            raise invalid(
                f"the column {name!r} has {values[beyond[0]]:g} in row {beyond[0]} (counted from 0), {len(beyond)} of "
                f"{len(values)} rows have such a number; allowed: up to {_LARGEST:.3g}. Mend them, or leave the cell "
                "empty where one is missing"
            )
