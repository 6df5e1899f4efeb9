"""Forecasts of many series: windows of a wide table, and parts that follow one another in time."""

import itertools

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Problem
from idla_contract.task import DataSource, Split
from idla_preprocess import Array, InputError
from idla_preprocess.quantiles import Quantiles
from idla_preprocess.series import SERIES, TIME, SeriesSpec

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.findings.columns import ColumnUses
from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import GATE_FROM, Indices, Parts, check_shares
from idla_trainer.data.table import Table
from idla_trainer.failures import TaskError, spec_invalid, too_few
from idla_trainer.problems.series.column_roles import roles_of
from idla_trainer.problems.series.covariates import fitted_covariates
from idla_trainer.problems.series.forecast import Forecast
from idla_trainer.problems.series.resampling import TimeGrid, resample

HORIZON = HISTORY = 12
LEVELS = (0.1, 0.5, 0.9)
FEWEST_WINDOWS = 20
"""Windows that the training part needs."""
_MANY = 0.2
"""Share of missing values that is worth a warning."""
_ZEROS = 0.01
_SHOWN = 3


def prepare(
    table: Table, source: DataSource, problem: Problem, *, digest: str, test: Table | None = None, whole: bool = False
) -> Dataset:
    """Return all windows of a wide table, and which of them belong to which part.

    An example is a window of `history` rows and the `horizon` rows after it as its target. The rows are cut into
    training, validation, gate and test, in this order; a window belongs to the part that has all of its targets, and
    to none where they lie in two. Its history may reach into the part before: at its time that was known.

    Args:
        table: the series.
        source: roles of the columns, and shares of the parts in the rows.
        problem: horizon, history, step and quantiles.
        digest: of the data.
        test: rows that go on where `table` ends; they are the test part then.
        whole: whether all rows before the test part are learned from, as `Parts.merged` says.

    Raises:
        TaskError: the table cannot be used, or is too short.
    """
    history, horizon = problem.history or HISTORY, problem.horizon or HORIZON
    levels = _levels(problem)
    grid = resample(table, source.columns, problem.period_seconds, test=test)
    parts, training_rows = _split(grid, source.split, history, horizon, whole=whole)
    spec, left_out = _spec(grid, training_rows, history, horizon)
    return Dataset(
        digest=digest,
        problem=problem,
        raw=_raw(grid, spec, horizon),
        targets=_windows(grid.values[history:], horizon),
        parts=parts,
        preprocess=spec,
        answers=Quantiles(horizon=horizon, sensors=len(grid.sensors), levels=levels),
        objective=Forecast(
            metric=problem.metric, horizon=horizon, levels=levels, location=spec.location, scale=spec.scale
        ),
        shape=(history, len(grid.sensors)),
        facts=_facts(grid, history, horizon, training_rows),
        warnings=(*grid.told, *left_out, *about_series(grid, training_rows)),
        uses=ColumnUses(
            roles_of(table, source.columns, sensors=grid.sensors, series=grid.series, covariates=grid.covariates),
            otherwise="it is no series that is forecast",
        ),
    )


def _windows(values: Array, length: int) -> Array:
    """Return every window [windows, length, ...] of rows [rows, ...], a view of them."""
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(values, length, axis=0), -1, 1)


def _facts(grid: TimeGrid, history: int, horizon: int, training_rows: int) -> dict[str, float | int | str]:
    words = {"seriesColumn": ", ".join(grid.series), "period": grid.period}
    return {
        **{name: word for name, word in words.items() if word},
        "rows": len(grid.values),
        "sensors": len(grid.sensors),
        "history": history,
        "horizon": horizon,
        "periodSeconds": grid.period_seconds,
        "missingShare": round(float(np.isnan(grid.values).mean()), 6),
        "trainingRows": training_rows,
    }


def about_series(grid: TimeGrid, training_rows: int) -> tuple[str, ...]:
    """Return what harms a forecast: sensors without a known or a changing value, many gaps, zeros that may be gaps."""
    values = grid.values[:training_rows]
    known = ~np.isnan(values)
    names = np.array(grid.sensors, dtype=object)
    lowest = np.where(known, values, np.inf).min(axis=0)
    highest = np.where(known, values, -np.inf).max(axis=0)
    zeros = np.where(known, values == 0, False).mean(axis=0)
    above = np.where(known & (values != 0), values, np.inf).min(axis=0)
    found = (
        (~known.any(axis=0), "have no known value in the training part"),
        (known.any(axis=0) & (lowest == highest), "have one value alone in the training part"),
        (
            known.any(axis=0) & (known.mean(axis=0) < 1 - _MANY),
            f"lack more than {_MANY:.0%} of the values of the training part",
        ),
        (
            (zeros >= _ZEROS) & np.isfinite(above) & (above > 0.1 * highest),
            "are 0 at times and never near it otherwise: if 0 stands for a missing value, leave it empty",
        ),
    )
    return tuple(
        f"{int(which.sum())} of {len(names)} sensors {what}: {listed(names[which].tolist(), _SHOWN)}"
        for which, what in found
        if which.any()
    )


def _levels(problem: Problem) -> tuple[float, ...]:
    levels = tuple(sorted(problem.quantiles)) or LEVELS
    if len(set(levels)) != len(levels) or not all(0 < level < 1 for level in levels):
        message = f"task.quantiles: found {list(problem.quantiles)}; allowed: different numbers between 0 and 1"
        raise spec_invalid(message)
    return levels


def _split(grid: TimeGrid, shares: Split, history: int, horizon: int, *, whole: bool) -> tuple[Parts, int]:
    """Return the parts of the windows, and how many rows are learned from."""
    rows = len(grid.values)
    first, validation_from, test_from, end = _borders(rows, shares, grid.test_from)
    parts = _parts(grid.values, (first, validation_from, test_from, end), history, horizon)
    if len(parts.train) < FEWEST_WINDOWS or not len(parts.validation) or not len(parts.test):
        _check_known(grid.values, {"validation": (validation_from, test_from), "test": (test_from, end)}, horizon)
        raise _too_short(rows, validation_from, history, horizon)
    if not whole:
        return parts, validation_from
    return _parts(grid.values, (first, test_from, test_from, end), history, horizon), test_from


def _borders(rows: int, shares: Split, test_from: int | None) -> tuple[int, int, int, int]:
    """Return the first row of training and the ends of training, validation (with the gate) and test."""
    check_shares(shares)
    percent = shares.validation_percent
    if test_from is None:
        test_from = rows - -(-rows * shares.test_percent // 100)
        validation = -(-rows * percent // 100)
    else:
        validation = -(-test_from * percent // (100 - shares.test_percent))
    return 0, test_from - validation, test_from, rows


def _parts(values: npt.NDArray[np.float32], borders: tuple[int, int, int, int], history: int, horizon: int) -> Parts:
    known = np.concatenate([[0], np.cumsum((~np.isnan(values)).any(axis=1))])

    def windows(first: int, end: int) -> Indices:
        """Return the windows with all of their targets, one of them known, in these rows."""
        found = np.arange(max(first - history, 0), max(end - history - horizon + 1, 0))
        return found[known[found + history + horizon] > known[found + history]]

    train, validation, test = (windows(*pair) for pair in itertools.pairwise(borders))
    gate = validation[:0]
    if len(validation) >= GATE_FROM:
        middle = (borders[1] + borders[2]) // 2
        halves = windows(borders[1], middle), windows(middle, borders[2])
        if min(map(len, halves)) >= GATE_FROM // 4:
            validation, gate = halves
    return Parts(train, validation, gate, test)


def _spec(grid: TimeGrid, training_rows: int, history: int, horizon: int) -> tuple[SeriesSpec, tuple[str, ...]]:
    """Return what is fitted on the training rows, and what of the known covariates is left out."""
    try:
        covariates, left_out = fitted_covariates(
            grid.covariates, training_rows, horizon=horizon, series=grid.series_names
        )
        spec = SeriesSpec.fitted(
            grid.values[:training_rows],
            sensors=grid.sensors,
            history=history,
            period_seconds=grid.period_seconds,
            covariates=covariates,
        )
    except InputError as error:
        raise invalid(f"the series cannot be used: {error}") from error
    return spec, left_out


def _raw(grid: TimeGrid, spec: SeriesSpec, horizon: int) -> dict[str, Array]:
    """Return the windows that have a target, what is known ahead, and the times of their last steps for a calendar."""
    windows = _windows(grid.values[: len(grid.values) - horizon], spec.history)
    ends = np.arange(len(windows), dtype=np.int64) + spec.history - 1
    times = {TIME: grid.seconds_of(ends)} if spec.waves else {}
    columns = () if spec.covariates is None else spec.covariates.columns
    ahead = {column.name: _windows(grid.covariates[column.name], spec.history + horizon) for column in columns}
    return {SERIES: windows, **times, **ahead}


def _check_known(values: Array, parts: dict[str, tuple[int, int]], horizon: int) -> None:
    """Make sure that parts that are long enough have a known value.

    Raises:
        TaskError: one has none.
    """
    for part, (first, end) in parts.items():
        if end - first >= horizon and np.isnan(values[first:end]).all():
            raise too_few(
                f"the {part} part, the rows {first} to {end - 1} in the order of time (counted from 0), has no known "
                "value: a forecast of it cannot be measured. Leave out rows without values, or set data.split"
            )


def _too_short(rows: int, training_rows: int, history: int, horizon: int) -> TaskError:
    return too_few(
        f"{rows} rows, {max(training_rows, 0)} of them for training, are too few for windows of {history} + {horizon} "
        f"rows: training needs {FEWEST_WINDOWS} windows, validation and test at least one each with a known target. "
        "Give more rows, or a smaller task.history or task.horizon"
    )
