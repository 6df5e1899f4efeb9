"""Which columns of a table are the texts and the labels, and what the texts hold."""

from typing import Any

import numpy.typing as npt
from idla_contract.task import Columns

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.spool import TextColumn
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import check_present, column_of, described


def label_column(table: Table, columns: Columns) -> str:
    """Return the column of the labels: the named one, else `label`, else the last one that is not named as the text.

    Raises:
        TaskError: there is no such column.
    """
    found = column_of(table, "label", columns.label)
    if found is not None:
        return found
    others = [name for name in table.columns if name != columns.text]
    if not others:
        raise invalid(f"data.columns.label: the only column is {columns.text!r}, the text; add one with the labels")
    return others[-1]


def text_column(table: Table, columns: Columns) -> str:
    """Return the column of the texts: the named one, else `text`, else the first one of texts that is not the label.

    Raises:
        TaskError: there is no such column.
    """
    if columns.text is not None:
        return check_present(table, "text", columns.text)
    label = label_column(table, columns)
    if "text" in table.columns and label != "text":
        return "text"
    found = next((name for name, values in table.columns.items() if values.dtype == object and name != label), None)
    if found is None:
        raise invalid(f"data.columns.text: no column besides the label {label!r} holds texts; name the one to classify")
    return found


def texts_of(table: Table, name: str) -> npt.NDArray[Any]:
    """Return the texts [N], objects of `str` or a `TextColumn`, empty where one is missing.

    Raises:
        TaskError: there is no such column, or it holds something else.
    """
    values = table.columns[check_present(table, "text", name)]
    if isinstance(values, TextColumn):
        return values
    if values.dtype != object or values.ndim != 1 or not all(isinstance(value, str) for value in values):
        raise invalid(f"data.columns.text: the column {name!r} holds {described(values)}; texts are needed")
    return values
