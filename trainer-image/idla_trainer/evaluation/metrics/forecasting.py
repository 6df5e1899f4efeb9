"""Metrics of forecasts of many series; targets that are not known (NaN) are left out everywhere."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from idla_trainer.evaluation.metrics.regression import rmse

Floats = npt.NDArray[np.floating]


def rmse_at(targets: Floats, forecasts: Floats, step: int) -> float:
    """Return the root of the mean squared error of the step-th value ahead, counted from 1.

    Args:
        targets: the true values [N, horizon, ...], NaN where not known.
        forecasts: the answers, the same shape.
        step: 1 to horizon.

    Returns:
        0 or more, in the target's unit; NaN where no target is known.
    """
    return rmse(targets[:, step - 1], forecasts[:, step - 1])


def rmse_until(targets: Floats, forecasts: Floats, step: int) -> float:
    """Return the root of the mean squared error over the first `step` values ahead; the rest as in `rmse_at`."""
    return rmse(targets[:, :step], forecasts[:, :step])


def reported_steps(horizon: int) -> tuple[int, ...]:
    """Return the steps ahead that are reported: a quarter of the horizon, half of it and all of it."""
    return tuple(sorted({-(-horizon // 4), -(-horizon // 2), horizon}))


def pinball(targets: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Return the mean pinball loss over known targets and levels (Koenker and Bassett, 1978).

    Args:
        targets: the true values, any shape, NaN where not known.
        quantiles: the answers, one more axis at the end: one for each level.
        levels: between 0 and 1, at least one.

    Returns:
        0 or more, in the target's unit; of the level 0.5 alone half of the mean absolute error; NaN where no target
        is known.
    """
    errors = _errors(targets, quantiles, levels)
    wanted = np.asarray(levels, dtype=np.float64)
    return float(np.mean(np.maximum(wanted * errors, (wanted - 1) * errors))) if len(errors) else float("nan")


def coverage(targets: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Return the share of known targets from the lowest to the highest quantile, both among them.

    Of calibrated quantiles it is the difference of the two levels.

    Args:
        targets: the true values, any shape, NaN where not known.
        quantiles: the answers, one more axis at the end: one for each level, ascending.
        levels: ascending, at least two.

    Returns:
        From 0 to 1; NaN where no target is known.
    """
    errors = _errors(targets, quantiles, levels)
    return float(np.mean((errors[:, 0] >= 0) & (errors[:, -1] <= 0))) if len(errors) else float("nan")


def _errors(targets: Floats, quantiles: Floats, levels: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return target less answer of the known targets [known, levels]."""
    if quantiles.shape != (*targets.shape, len(levels)):
        message = f"targets of shape {targets.shape} and {len(levels)} quantiles of shape {quantiles.shape}"
        raise ValueError(f"{message} cannot be compared")
    known = ~np.isnan(targets)
    truth = targets[known].astype(np.float64)
    return truth[:, np.newaxis] - quantiles[known].astype(np.float64)
