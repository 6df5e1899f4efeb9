"""How each column of a data file was understood."""

import operator
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from idla_contract.base import ContractModel

LONGEST_CELL = 24
"""Characters of a name or cell that are shown."""
MOST_COLUMNS = 64
"""Columns that are described; a file may have more."""
Shown = Annotated[str, Field(max_length=LONGEST_CELL)]


class ColumnType(StrEnum):
    """What a column holds."""

    NUMBER = "Number"
    CATEGORY = "Category"
    """Names: some different ones, each in several rows."""
    TEXT = "Text"
    TIME = "Time"
    ARRAY = "Array"
    """A list of numbers in each row."""
    FILE = "File"
    """Bytes, such as those of a picture."""
    UNKNOWN = "-"
    """Nobody looked: the column has no role."""


class ReadAs(StrEnum):
    """How a user wants an input to be read."""

    NUMBER = "Number"
    """Cells that hold no number are missing, however many they are."""
    CATEGORY = "Category"
    """Its numbers are names."""
    IGNORED = "Ignored"
    """It is no input."""


class ColumnRole(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    LABEL = "label"
    TARGET = "target"
    TEXT = "text"
    USER = "user"
    ITEM = "item"
    RATING = "rating"
    TIMESTAMP = "timestamp"
    SERIES = "series"
    COVARIATE = "covariate"
    """Known for the time that is forecast."""
    GROUP = "group"
    NONE = "-"
    """Left out."""


class ColumnProfile(ContractModel):
    """A column as it was understood."""

    name: Shown
    type: ColumnType
    role: ColumnRole
    missing: int = Field(default=0, exclude_if=operator.not_)
    """Rows without a value."""
    distinct: int = Field(default=0, exclude_if=operator.not_)
    """Different values."""
    examples: Annotated[tuple[Shown, ...], Field(max_length=2)] = Field(default=(), exclude_if=operator.not_)
    """The first different values, as they stand in the file."""
    note: str = Field(default="", max_length=120, exclude_if=operator.not_)
    """Why it is left out, or how its cells were read."""
