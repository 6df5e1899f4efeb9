"""What each column of a table of series was used for."""

from collections.abc import Mapping

from idla_contract.columns import ColumnRole, ColumnType
from idla_contract.task import Columns
from idla_preprocess import Array

from idla_trainer.data.findings.columns import Use
from idla_trainer.data.table import Table
from idla_trainer.problems.series.long_tables import value_columns
from idla_trainer.problems.series.times import TIMESTAMP


def roles_of(
    table: Table,
    columns: Columns,
    *,
    sensors: tuple[str, ...],
    series: tuple[str, ...],
    covariates: Mapping[str, Array],
) -> dict[str, Use]:
    """Return the use of each column that has one.

    Args:
        table: as it stands in the file.
        columns: the roles that a user gave.
        sensors: columns of a wide table that are forecast.
        series: the columns that name the series of each row of a long table; empty: the table is wide.
        covariates: what is known ahead, as it was read.
    """
    kinds = {
        name: ColumnType.CATEGORY if values.dtype.kind == "O" else ColumnType.NUMBER
        for name, values in covariates.items()
    }
    time = columns.timestamp or TIMESTAMP
    uses = {time: Use(ColumnRole.TIMESTAMP, ColumnType.TIME)} if time in table.columns else {}
    uses |= {name: Use(ColumnRole.COVARIATE, kind) for name, kind in kinds.items()}
    targets = sensors
    if series:
        uses |= {name: Use(ColumnRole.SERIES, ColumnType.CATEGORY) for name in series}
        targets = value_columns(table, columns.model_copy(update={"series": series}))
    return uses | {name: Use(ColumnRole.TARGET, ColumnType.NUMBER) for name in targets if name in table.columns}
