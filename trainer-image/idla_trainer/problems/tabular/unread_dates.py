"""Columns that hold dates to a reader and count as names: why."""

import re

import numpy as np
from idla_preprocess import Array
from idla_preprocess.dates import LONGEST_DATE, DateForm, Moments
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.split import rows_to_look_at

OF_TEXTS = (DateForm.YEAR_FIRST, DateForm.DAY_FIRST, DateForm.MONTH_FIRST, DateForm.WHOLE)
"""Orders that a column of texts may be in."""
_LOOKED_AT = 200
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(
    rf"\d{{1,2}}(?:st|nd|rd|th)?[\s./-]*(?:{_MONTHS})[a-z]*[\s.,/-]*\d{{2,4}}"
    rf"|(?:{_MONTHS})[a-z]*\.?\s+\d{{1,2}},?\s+\d{{4}}"
    r"|(?<!\d)\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\d)",
    re.IGNORECASE | re.ASCII,
)
"""What may be a date to a reader: `1 Jan 2024`, `Jan 31, 2024`, `31/01/24`, `Mon 31.1.2024`."""


def explain_unread(name: str, cells: Array) -> tuple[str, ...]:
    """Return a sentence on a column of texts that are dates to a reader, of several orders or in another form."""
    if cells.dtype.kind == "f":
        return ()
    rows = rows_to_look_at(len(cells), _LOOKED_AT).tolist()
    known = [text for text in (cells[row] for row in rows) if text.strip() not in MISSING_TEXTS]
    found = [text for text in known if len(text) <= LONGEST_DATE and _DATE.search(text)]
    if 2 * len(found) <= len(known):
        return ()
    read = [~np.isnan(Moments.read(found, form).clock) for form in OF_TEXTS]
    best = max(read, key=np.count_nonzero)
    if not best.any():
        why = f"{quoted(found[0])} and its like may be dates, in a form that is not read; write 2024-01-31"
    else:
        one, other = found[int(np.argmax(best))], found[int(np.argmin(best))]
        why = f"{quoted(one)} and {quoted(other)} are dates written in different ways; write all of them alike"
    return (f"{quoted(name)} counts as names: {why}",)
