"""Which columns of texts in a database hold numbers."""

from collections.abc import Collection, Mapping

from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.formats.column_inference import EXACT
from idla_trainer.data.formats.database import Database, literal
from idla_trainer.data.formats.stored_columns import Field, Kind

_COUNTS = (
    "count({c})",
    "count(try_cast({c} AS DOUBLE))",
    "count(*) FILTER (regexp_matches({c}, '^\\s*[+-]?0[0-9]|_'))",
    "max(abs(try_cast({c} AS DOUBLE)))",
)
"""Of cells, of those that can be cast, of those that may be names nevertheless, and the largest number."""
_BARE = "trim({c}, ' \t\r\n')"
_NO_NUMBER = (
    f"{_BARE} NOT IN ({{missing}}) AND (try_cast({{c}} AS DOUBLE) IS NULL OR contains({{c}}, '_') OR "
    f"regexp_full_match({_BARE}, '[+-]?0[0-9]+') OR "
    f"(abs(try_cast({{c}} AS DOUBLE)) >= {EXACT} AND regexp_full_match({_BARE}, '[+-]?[0-9]+')))"
)
"""A text, Python's 1_000, a code with zeros before it, or a number of more digits than a float64 holds."""


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
    looked_at = {name: sql for name, sql in columns.items() if name not in as_written}
    plain = {
        name: cells == casts and not odd and largest is not None and largest < EXACT
        for name, (cells, casts, odd, largest) in zip(
            looked_at, database.of_each(relation, list(looked_at.values()), _COUNTS), strict=True
        )
    }
    return {
        name: Field(Kind.NUMBERS, f"try_cast({sql} AS DOUBLE)")
        if name in plain and (plain[name] or _all_numbers(database, relation, sql))
        else Field(Kind.TEXTS, f"coalesce({sql}, '')")
        for name, sql in columns.items()
    }


def _all_numbers(database: Database, relation: str, column: str) -> bool:
    missing = ", ".join(map(literal, sorted(MISSING_TEXTS)))
    where = _NO_NUMBER.format(c=column, missing=missing)
    return not database.rows(f"SELECT 1 FROM {relation} WHERE {column} IS NOT NULL AND {where} LIMIT 1")
