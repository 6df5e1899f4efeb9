"""Metrics of values."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def rmse(targets: Floats, values: Floats) -> float:
    """Return the root of the mean squared error, in the target's unit; NaN targets are left out.

    Args:
        targets: the true values, any shape.
        values: the answers, the same shape.

    Returns:
        0 or more; NaN where no target is known.
    """
    errors = _errors(targets, values)
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan")


def mae(targets: Floats, values: Floats) -> float:
    """Return the mean absolute error, in the target's unit; shapes and NaN as in `rmse`."""
    errors = _errors(targets, values)
    return float(np.mean(np.abs(errors))) if len(errors) else float("nan")


def _errors(targets: Floats, values: Floats) -> npt.NDArray[np.float64]:
    if targets.shape != values.shape:
        raise ValueError(f"targets of shape {targets.shape} and values of shape {values.shape} cannot be compared")
    known = ~np.isnan(targets)
    return values[known].astype(np.float64) - targets[known].astype(np.float64)
