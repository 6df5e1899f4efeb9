"""Columns of tables as tests write them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def objects(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Return a column of texts or other objects; numpy would make one of fixed length of them."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
