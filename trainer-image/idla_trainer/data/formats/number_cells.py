"""Which columns of texts in a database hold numbers."""

from collections.abc import Collection, Mapping

from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.formats.column_inference import EXACT
from idla_trainer.data.formats.database import Database, literal
from idla_trainer.data.formats.stored_columns import Field, Kind

_FIRST = 2048
"""Rows that tell most columns of texts."""
_BARE = "trim({c}, ' \t\r\n')"
_NUMBER = "try_cast({c} AS DOUBLE)"
_MISSING = ", ".join(map(literal, sorted(MISSING_TEXTS)))
IS_TEXT = f"""bool_or(CASE
  WHEN {_NUMBER} IS NULL THEN {_BARE} NOT IN ({_MISSING})
  WHEN abs({_NUMBER}) >= {EXACT} THEN contains({{c}}, '_') OR regexp_full_match({_BARE}, '[+-]?[0-9]+')
  ELSE regexp_matches({{c}}, '_|^\\s*[+-]?0[0-9]+\\s*$') END)"""
"""Whether a cell is a text, as is Python's 1_000, a code with zeros before it, and more digits than a float64 holds."""


def fields_of_texts(
    database: Database, relation: str, columns: Mapping[str, str], as_written: Collection[str]
) -> dict[str, Field]:
    """Return how columns of texts are read: as numbers where every cell is one or is missing, else as texts.

    Args:
        database: where they are.
        relation: the table, or what stands for one in SQL.
        columns: the SQL of each by its name.
        as_written: names of those that stay texts.
    """
    numbers = {name: sql for name, sql in columns.items() if name not in as_written}
    for rows in (f"(SELECT * FROM {relation} LIMIT {_FIRST})", relation):
        answers = database.of_each(rows, list(numbers.values()), IS_TEXT)
        numbers = {name: sql for (name, sql), is_text in zip(numbers.items(), answers, strict=True) if not is_text}
    return {
        name: Field(Kind.NUMBERS, f"try_cast({sql} AS DOUBLE)")
        if name in numbers
        else Field(Kind.TEXTS, f"coalesce({sql}, '')")
        for name, sql in columns.items()
    }
