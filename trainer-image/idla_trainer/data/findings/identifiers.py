"""Columns that look like identifiers: a number of its own for each record, as a customer or a row of a database has."""

import re
from collections.abc import Mapping

import numpy as np
from idla_preprocess import Array

from idla_trainer.data.findings.names import listed

_FEWEST = 30
"""Records from which on different numbers are no accident."""
_DENSE = 3
"""Numbers that an identifier may take for each record, where its name does not tell it."""
_NAME = re.compile(r"(^|.*[\W_])(id|key|index|uuid)|unnamed: 0", re.IGNORECASE)


def about_identifiers(columns: Mapping[str, Array]) -> tuple[str, ...]:
    """Return a sentence on the columns that look like identifiers.

    That is one of different whole numbers which lie close together, or have a name such as `customer_id`.

    Args:
        columns: inputs of the records [N]: numbers, where NaN is missing, or texts.
    """
    found = [name for name, values in columns.items() if _is_identifier(name, values)]
    if not found:
        return ()
    message = (
        f"{listed(found)}: a different whole number in every record, as an identifier has; a good score may be of no "
        "use for new ones. Leave out such a column by data.columns.features"
    )
    return (message,)


def _is_identifier(name: str, values: Array) -> bool:
    if values.dtype.kind != "f" or len(values) < _FEWEST or not np.isfinite(values).all():
        return False
    if (values % 1).any() or len(np.unique(values)) < len(values):
        return False
    return np.ptp(values) < _DENSE * len(values) or _NAME.fullmatch(name) is not None
