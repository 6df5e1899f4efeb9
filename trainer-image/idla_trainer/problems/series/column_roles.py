"""What each column of a table of series was used for."""

from idla_contract.columns import ColumnRole, ColumnType
from idla_contract.task import Columns

from idla_trainer.data.findings.columns import Use
from idla_trainer.data.table import Table
from idla_trainer.problems.series.long_tables import value_columns
from idla_trainer.problems.series.times import TIMESTAMP


def roles_of(table: Table, columns: Columns, *, sensors: tuple[str, ...], series: str | None) -> dict[str, Use]:
    """Return the use of each column that has one.

    Args:
        table: as it stands in the file.
        columns: the roles that a user gave.
        sensors: columns of a wide table that are forecast.
        series: the column that names the series of each row of a long table; None: the table is wide.
    """
    time = columns.timestamp or TIMESTAMP
    uses = {time: Use(ColumnRole.TIMESTAMP, ColumnType.TIME)} if time in table.columns else {}
    if series is None:
        return uses | {name: Use(ColumnRole.TARGET) for name in sensors if name in table.columns}
    values = {name: Use(ColumnRole.TARGET, ColumnType.NUMBER) for name in value_columns(table, columns, series)}
    return uses | {series: Use(ColumnRole.SERIES, ColumnType.CATEGORY)} | values
