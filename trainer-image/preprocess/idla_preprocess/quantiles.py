"""The answer of a forecaster: the expected value of each step and sensor, and quantiles beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import check_whole
from idla_preprocess.stored import Stored

FORECAST, QUANTILES = "forecast", "quantiles"
LONGEST_HORIZON = 10000
MOST_SENSORS = 1 << 16
MOST_LEVELS = 9


@dataclass(frozen=True, slots=True)
class Quantiles(Stored):
    """Forecasts of the next steps; the network's output is [N, horizon, sensors, 1 + levels], the mean first."""

    kind: ClassVar[str] = "quantiles"

    horizon: int
    sensors: int
    levels: tuple[float, ...]
    """Ascending, between 0 and 1; empty: the mean alone."""

    def __post_init__(self) -> None:
        """Refuse what describes no forecast.

        Raises:
            InputError: a part has another type or is out of its range.
        """
        check_whole("horizon", self.horizon, 1, LONGEST_HORIZON)
        check_whole("sensors", self.sensors, 1, MOST_SENSORS)
        levels: Any = self.levels
        right = isinstance(levels, tuple) and all(type(level) is float and 0 < level < 1 for level in levels)
        if not right or list(levels) != sorted(set(levels)) or len(levels) > MOST_LEVELS:
            allowed = f"up to {MOST_LEVELS} ascending numbers between 0 and 1"
            raise InputError("levels", repr(levels)[:200], allowed)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return `forecast` [N, horizon, sensors], and `quantiles` with one more axis where there are levels."""
        shape = (-1, self.horizon, self.sensors)
        forecast = Tensor(FORECAST, "FP32", shape)
        levels = tuple(map(str, self.levels))
        return (forecast, Tensor(QUANTILES, "FP32", (*shape, len(levels)), names=levels)) if levels else (forecast,)

    def of(self, values: npt.NDArray[np.float32], raw: Arrays, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """Return the mean, and the quantiles in the order of their levels: those that cross are sorted.

        Sorting makes no quantile worse (Chernozhukov, Fernández-Val and Galichon, 2010).

        Args:
            values: the network's output [N, horizon, sensors, 1 + levels].
            raw: not looked at.
            parameters: not looked at.

        Raises:
            InputError: the network's output has another shape.
        """
        del raw, parameters
        shape = (self.horizon, self.sensors, 1 + len(self.levels))
        if values.shape[1:] != shape:
            found, allowed = f"a network's output of shape {list(values.shape)}", f"[N, {', '.join(map(str, shape))}]"
            raise InputError(FORECAST, found, allowed)
        found_all: dict[str, Array] = {FORECAST: np.ascontiguousarray(values[..., 0])}
        if self.levels:
            found_all[QUANTILES] = np.sort(values[..., 1:], axis=-1)
        return found_all
