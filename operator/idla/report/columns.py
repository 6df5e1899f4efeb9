"""How each column of the data was understood, as a person looks at it."""

from collections.abc import Iterator, Sequence

from idla.api.training_workflow_status import ColumnStatus, DataStatus

_HEAD = ("column", "type", "role", "missing", "distinct", "examples")
_SHOWN = 24
"""Columns that fit on a screen."""
_NUMBERS = frozenset({3, 4})
"""Places of the cells that stand to the right."""


def column_lines(data: DataStatus) -> Iterator[str]:
    """Yield a table of the columns, one line each; nothing where none were described."""
    shown = (data.columns or ())[:_SHOWN]
    if not shown:
        return
    rows = [_HEAD, *map(_cells, shown)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD) - 1)]
    for row in rows:
        yield "  " + "  ".join(_aligned(row, widths)).rstrip()
    more = (data.column_count or 0) - len(shown)
    if more > 0:
        yield f"  and {more} more columns"


def _cells(column: ColumnStatus) -> Sequence[str]:
    looked_at = column.type.value != "-"
    return (
        column.name,
        column.type,
        column.role,
        str(column.missing) if looked_at else "",
        str(column.distinct) if looked_at and column.distinct else "",
        "; ".join(filter(None, (" | ".join(column.examples), column.note))),
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for place, cell in enumerate(row[:-1]):
        yield cell.rjust(widths[place]) if place in _NUMBERS else cell.ljust(widths[place])
    yield row[-1]
