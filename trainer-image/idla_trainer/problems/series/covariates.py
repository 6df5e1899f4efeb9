"""Columns that are known for the time that is forecast: which they are, and what they hold."""

from collections.abc import Mapping

import numpy as np
from idla_contract.columns import ReadAs
from idla_contract.task import Columns
from idla_preprocess import Array
from idla_preprocess.covariates import Covariates
from idla_preprocess.series import SERIES, TIME

from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.table import Table
from idla_trainer.problems.columns import categorical_columns, check_present, described, names_of
from idla_trainer.problems.number_columns import read_number_columns
from idla_trainer.problems.series.times import TIMESTAMP

_ROLE = "knownCovariates"
_MOST_NAMES = 100
"""Names of a column: each is a feature of each step and series."""


def check_roles(table: Table, columns: Columns) -> None:
    """Make sure that each known covariate is a column without another role, and that others are not read as one.

    Raises:
        TaskError: one is not in the file, or is the time, the series or what is forecast.
    """
    check_once(columns)
    for name in columns.known_covariates:
        check_present(table, _ROLE, name)
        if name in {SERIES, TIME}:
            raise invalid(
                f"data.columns.{_ROLE}: the endpoint has an input {name!r} already; call the column otherwise"
            )
        if columns.types.get(name) is ReadAs.IGNORED:
            raise invalid(f"data.columns.types: {name!r} is to be ignored, but is one of {_ROLE}; leave it out of one")
    for role, names in (("categorical", columns.categorical), ("types", _names_by_type(columns))):
        stray = [name for name in names if name not in columns.known_covariates]
        if stray:
            check_present(table, role, stray[0])
            raise invalid(
                f"data.columns.{role}: of a forecast it is for what is known ahead; name {stray[0]!r} in "
                f"data.columns.{_ROLE}, or leave it out"
            )


def read_covariates(table: Table, columns: Columns) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return the known covariates by name [N], and how the cells of some were read.

    They are float64 with NaN, or objects of `str`, empty where one is missing.

    Raises:
        TaskError: one holds arrays or files.
    """
    found = {name: _column(name, table.columns[name], columns) for name in columns.known_covariates}
    read = read_number_columns(found, columns)
    return read.columns, read.sentences


def joined(first: Array, second: Array) -> Array:
    """Return a known covariate of a file and of the one that goes on; names where one of them holds names."""
    if first.dtype.kind == second.dtype.kind:
        return np.concatenate([first, second])
    return np.concatenate([names_of(first), names_of(second)])


def missing_like(values: Array, shape: tuple[int, ...]) -> Array:
    """Return an array of missing values."""
    return np.full(shape, "" if values.dtype.kind == "O" else np.nan, values.dtype)


def fitted_covariates(
    found: Mapping[str, Array], training_rows: int, *, horizon: int, series: tuple[str, ...]
) -> tuple[Covariates | None, tuple[str, ...]]:
    """Return what is fitted on the training rows, None where there is nothing, and what is left out and why.

    Args:
        found: [rows] each, or [rows, series].
        training_rows: how many of the first rows are learned from.
        horizon: steps that are forecast.
        series: their names, where each has values of its own.

    Raises:
        TaskError: a column has too many names.
        InputError: a number is infinite.
    """
    for name, values in found.items():
        if values.dtype.kind == "O" and len(different := set(values.ravel().tolist())) > _MOST_NAMES:
            raise invalid(
                f"data.columns.{_ROLE}: the column {name!r} has {len(different)} different texts "
                f"({listed(sorted(different - {''}), 3)}), at most {_MOST_NAMES} are learned from; group "
                "them, or leave the column out"
            )
    learned = {name: values[:training_rows] for name, values in found.items()}
    covariates, left_out = Covariates.fitted(learned, horizon=horizon, series=series)
    if not left_out:
        return covariates, ()
    told = f"{listed(left_out)} of {_ROLE} are left out: no value, or one alone, in the training part says nothing"
    return covariates, (told,)


def check_once(columns: Columns) -> None:
    """Make sure that no column has two roles.

    Raises:
        TaskError: one has.
    """
    roles = {
        "timestamp": (columns.timestamp or TIMESTAMP,),
        "series": columns.series,
        "target": filter(None, (columns.target,)),
        "features": columns.features,
        _ROLE: columns.known_covariates,
    }
    found: dict[str, str] = {}
    for role, names in roles.items():
        for name in names:
            if name in found and {role, found[name]} != {"target", "features"}:
                raise invalid(
                    f"data.columns.{role}: {name!r} is data.columns.{found[name]} already; leave out one of them"
                )
            found[name] = role


def _names_by_type(columns: Columns) -> tuple[str, ...]:
    return tuple(name for name, kind in columns.types.items() if kind is ReadAs.CATEGORY)


def _column(name: str, values: Array, columns: Columns) -> Array:
    """Return a column as numbers, or as texts where it holds some or is named as names."""
    texts = values.dtype.kind == "O" and values.ndim == 1 and all(isinstance(value, str) for value in values)
    if not texts and (values.ndim != 1 or values.dtype.kind not in "buif"):
        raise invalid(
            f"data.columns.{_ROLE}: the column {name!r} holds {described(values)}; numbers or texts, one for each row, "
            "are needed"
        )
    if texts:
        return values
    return names_of(values) if name in categorical_columns(columns) else values.astype(np.float64)
