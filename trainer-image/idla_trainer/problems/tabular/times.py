"""Columns of a table that hold dates and times to a reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ReadAs
from idla_contract.task import Columns
from idla_preprocess import Array
from idla_preprocess.dates import DateForm, Moments
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import rows_to_look_at
from idla_trainer.data.spool import TextColumn
from idla_trainer.failures import TaskError
from idla_trainer.problems.columns import categorical_columns, names_of
from idla_trainer.problems.tabular.unread_dates import OF_TEXTS, explain_unread

_STRAYS = 0.05
"""Share of cells that hold no date, at most, of those that are not missing."""
_LOOKED_AT = 200
"""Cells that tell whether it is worth to read all of them."""
_FIRST_DATE, _LAST_DATE = 19000101, 21001231
_SHOWN = 2
"""Cells that a sentence shows."""
_AT_RANDOM = (
    "{} is the time of the records, which are split at random all the same: the score is that of moments between those "
    "of training. To measure on later ones, give them as data.testStorageUri"
)


@dataclass(frozen=True, slots=True)
class DateColumns:
    """What was found of dates in a table."""

    columns: dict[str, Array]
    """Those that hold dates, as texts, empty where a cell is none."""
    forms: dict[str, DateForm]
    """Of each of these."""
    sentences: tuple[str, ...]
    """On each of these, and on those that may hold dates of two orders."""
    notes: dict[str, tuple[str, int]]
    """The same in few words, and the cells without a date, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """A column of texts, read as dates of one order."""

    form: DateForm
    moments: Moments
    strays: tuple[int, ...]
    """Rows of the cells that hold something else, counted from 0."""
    known: int
    """Cells that hold a date."""

    @property
    def row(self) -> int:
        """Return the first row that has a date."""
        return int(np.argmin(np.isnan(self.moments.clock)))


def read_date_columns(columns: dict[str, Array], roles: Columns, *, split: bool) -> DateColumns:
    """Return those of the columns that are dates or times in nearly all cells, as texts, and the form of each of them.

    A column of numbers is one of dates where all of them are such as 20240131. Seconds since 1970 are dates in the
    column alone that `roles` names as that of the time.

    Args:
        columns: the inputs, as `feature_columns` returns them.
        roles: of the columns; those that a user calls names or numbers are that.
        split: whether the test part is one of the same file, at random.

    Raises:
        TaskError: what is named as the column of the time holds something else, or dates of two orders.
    """
    found, forms, sentences, notes = (
        dict[str, Array](),
        dict[str, DateForm](),
        list[str](),
        dict[str, tuple[str, int]](),
    )
    others = {*categorical_columns(roles), *(name for name, kind in roles.types.items() if kind is ReadAs.NUMBER)}
    for name, values in columns.items():
        named = name == roles.timestamp
        likely = _likely(values, named=named)
        if name in others or not (named or likely):
            sentences += explain_unread(name, values) if name not in others else ()
            continue
        cells: Array = names_of(values) if values.dtype.kind == "f" else values
        read = [_read(cells, form) for form in likely]
        readings = _fitting(cells, read, strays=values.dtype.kind != "f")
        if len(readings) == 1:
            found[name], forms[name] = _cleared(cells, readings[0]), readings[0].form
            notes[name] = (f"{readings[0].form}: {_example(cells, readings[0])}", len(readings[0].strays))
            sentences.append(_told(name, cells, readings[0]))
            sentences += [_AT_RANDOM.format(quoted(name))] if named and split else []
        elif named:
            raise _refused(name, cells, readings)
        elif readings:
            sentences.append(f"{_undecided(name, cells, readings)} for them to be read as dates; now they are names")
        else:
            sentences += _odd(name, cells, read, "numbers" if values.dtype.kind == "f" else "names")
    return DateColumns(found, forms, tuple(sentences), notes)


def instants_of(name: str, cells: Array) -> npt.NDArray[np.float64]:
    """Return the column of the time [N] as seconds since 1970 in UTC, NaN where a cell is empty.

    Raises:
        TaskError: a cell holds something else, or all of them dates of two orders.
    """
    readings = _fitting(cells, [_read(cells, form) for form in _likely(cells, named=True)], strays=True)
    if len(readings) != 1:
        raise _refused(name, cells, readings)
    [reading] = readings
    if reading.strays:
        row = reading.strays[0]
        raise invalid(
            f"data.columns.timestamp: the column {name!r} has {quoted(cells[row])} in row {row} (counted from 0), "
            f"which is no date as the others are ({reading.form}); {len(reading.strays)} of {len(cells)} rows have "
            "such a text. Mend or remove them"
        )
    return reading.moments.instant


def _likely(values: Array, *, named: bool) -> tuple[DateForm, ...]:
    """Return the orders in which half of some cells are dates; of numbers, those that all may be in."""
    if values.dtype.kind == "f":
        whole = _whole_dates(values)
        return (DateForm.WHOLE,) * whole + (DateForm.SECONDS,) * named
    some = values[rows_to_look_at(len(values), _LOOKED_AT)].tolist()
    known = [text for text in some if text.strip() not in MISSING_TEXTS]
    found = {form: np.count_nonzero(~np.isnan(Moments.read(known, form).clock)) for form in OF_TEXTS}
    return tuple(form for form, count in found.items() if 2 * count > len(known))


def _whole_dates(values: Array) -> bool:
    known = values[~np.isnan(values)]
    near = bool(len(known)) and bool(((known >= _FIRST_DATE) & (known <= _LAST_DATE)).all())
    return near and bool((known % 1 == 0).all())


def _read(texts: Array, form: DateForm) -> _Reading:
    """Return a column as dates of one order."""
    moments = Moments.read(texts, form)
    gaps = np.flatnonzero(np.isnan(moments.clock)).tolist()
    strays = tuple(row for row in gaps if texts[row].strip() not in MISSING_TEXTS)
    return _Reading(form, moments, strays, known=len(texts) - len(gaps))


def _fitting(cells: Array, read: Sequence[_Reading], *, strays: bool) -> list[_Reading]:
    """Return a column as dates of the order that fits it best; two where both of them fit equally well."""
    most = _STRAYS * strays
    found = [each for each in read if each.known and len(each.strays) <= most * (each.known + len(each.strays))]
    best = [each for each in found if len(each.strays) == min(len(other.strays) for other in found)]
    seconds = any(each.form is DateForm.SECONDS for each in read)
    decided = len(best) > 1 and (seconds or "." in cells[best[0].row] or _alike(best))
    return best[:1] if decided else best


def _alike(readings: Sequence[_Reading]) -> bool:
    first, *others = (reading.moments.clock for reading in readings)
    return all(np.array_equal(first, other, equal_nan=True) for other in others)


def _cleared(cells: Any, reading: _Reading) -> Any:
    """Return the texts, empty where one is no date."""
    if not reading.strays:
        return cells
    if isinstance(cells, TextColumn):
        return cells.emptied(reading.strays)
    texts = np.array(cells, dtype=object)
    texts[list(reading.strays)] = ""
    return texts


def _told(name: str, cells: Array, reading: _Reading) -> str:
    said = f"{quoted(name)} holds dates ({reading.form}): {_example(cells, reading)}"
    if reading.strays:
        shown = " and ".join(f"{quoted(cells[row])} in example {row}" for row in reading.strays[:_SHOWN])
        said += (
            f"; {len(reading.strays)} of {len(cells)} cells have none and count as missing: {shown} (counted from 0)"
        )
    return f"{said}; if it holds names, set data.columns.types: {{{name}: Category}}"


def _example(cells: Array, reading: _Reading) -> str:
    """Return how a cell is read, one that shows the order where there is one."""
    known = np.flatnonzero(~np.isnan(reading.moments.clock))[:_LOOKED_AT].tolist()
    telling = (row for row in known if _moment(reading, row).day != _moment(reading, row).month)
    row = next(telling, known[0])
    return f"{quoted(cells[row].strip())} is {_in_words(_moment(reading, row))}"


def _moment(reading: _Reading, row: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(reading.moments.clock[row]))


def _in_words(moment: datetime) -> str:
    time = f", {moment:%H:%M}" if moment.hour or moment.minute else ""
    return f"{moment.day} {moment:%B} {moment.year}{time}"


def _undecided(name: str, cells: Array, readings: Sequence[_Reading]) -> str:
    first, second = (reading.moments.clock for reading in readings)
    known = ~np.isnan(first) & ~np.isnan(second)
    row = int(np.argmax(known & (first != second) if (known & (first != second)).any() else known))
    either = " or ".join(_in_words(_moment(reading, row)) for reading in readings)
    shown = quoted(cells[row].strip())
    return f"{quoted(name)} may hold dates, but {shown} may be {either}, and no cell tells which; write 2024-01-31"


def _odd(name: str, cells: Array, read: Sequence[_Reading], kind: str) -> tuple[str, ...]:
    """Return why a column that mostly holds dates of one order counts as one of another kind, in words."""
    best = max(read, key=lambda reading: reading.known)
    if not best.strays or len(best.strays) > best.known:
        return ()
    row = best.strays[0]
    told = (
        f"{quoted(name)} counts as {kind}: {best.known} of {len(cells)} cells hold dates ({best.form}), "
        f"{len(best.strays)} do not, such as {quoted(cells[row])} in row {row} (counted from 0); write all of them "
        "alike, or leave the cell empty where one is missing"
    )
    return (told,)


def _refused(name: str, cells: Array, readings: Sequence[_Reading]) -> TaskError:
    if readings:
        return invalid(f"data.columns.timestamp: {_undecided(name, cells, readings)}")
    known = (text for text in cells if text.strip() not in MISSING_TEXTS)
    shown = quoted(next(known, ""))
    return invalid(
        f"data.columns.timestamp: the column {name!r}, with cells such as {shown}, holds no dates of one order in 19 "
        "of 20 cells; allowed: 2024-01-31, 2024-01-31T13:00:00+01:00, 31.01.2024 13:00, 01/31/2024 1:00 PM, 20240131, "
        "or seconds since 1970"
    )
