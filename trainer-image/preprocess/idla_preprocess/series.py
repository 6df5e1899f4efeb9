"""Windows of many series: scaled by the training rows, gaps filled and marked, the calendar, what is known ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import check_array, check_bool, check_different, check_whole, raw_input
from idla_preprocess.covariates import COVARIATES, Covariates, check_names
from idla_preprocess.stored import Stored

SERIES, TIME = "series", "time"
KNOWN, CALENDAR = "known", "calendar"
LONGEST_HISTORY = 10000
MOST_SENSORS = 1 << 16
MOST_WAVES = 32
CYCLES = ((86400, 4), (604800, 3), (31556952, 2))
"""Day, week and year in seconds, each with the harmonics that are used of it."""
_FEWEST_CYCLES = 2
_FEWEST_STEPS = 3
"""A wave shorter than this many steps says nothing more."""

_Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesSpec(Stored):
    """A window [history, sensors] and the time of its last step, to what a forecaster reads.

    The series are shifted and scaled for each sensor by mean and standard deviation of the training rows. A missing
    value (NaN) is taken from the step before it in the window, else from the one after it, else it is the mean. The
    calendar is a sine and a cosine of the time of the window's last step for each wave.
    """

    kind: ClassVar[str] = "series"
    array_names: ClassVar[tuple[str, ...]] = ("location", "scale")
    added: ClassVar[Mapping[str, Any]] = {COVARIATES: None}
    parts: ClassVar[Mapping[str, Any]] = {COVARIATES: Covariates}

    sensors: tuple[str, ...]
    history: int
    """Steps of a window."""
    period_seconds: int
    """Time from one step to the next."""
    waves: tuple[float, ...]
    """Lengths of the calendar's waves in seconds; empty: no calendar."""
    marked: bool
    """Whether the network reads which values are known; True where the training rows had gaps."""
    location: npt.NDArray[np.float32]
    """Mean of each sensor [S]."""
    scale: npt.NDArray[np.float32]
    """Standard deviation of each sensor [S], above 0."""
    covariates: Covariates | None = None
    """What is known ahead: of all sensors alike, or of each series, which have as many sensors each."""

    def __post_init__(self) -> None:
        """Refuse what describes no such windows.

        Raises:
            InputError: a part has another type or is out of its range.
        """
        check_different("sensors", self.sensors, 1, MOST_SENSORS)
        check_whole("history", self.history, 1, LONGEST_HISTORY)
        check_whole("periodSeconds", self.period_seconds, 1, CYCLES[-1][0])
        waves: Any = self.waves
        if not isinstance(waves, tuple) or len(waves) > MOST_WAVES or not all(_is_wave(wave) for wave in waves):
            raise InputError("waves", repr(waves)[:200], f"up to {MOST_WAVES} lengths in seconds, 1 or more")
        check_bool("marked", self.marked)
        if self.covariates is not None:
            check_names(self.covariates, (SERIES, TIME))
            if self.covariates.series and len(self.sensors) % len(self.covariates.series):
                found = f"{len(self.covariates.series)} series of {len(self.sensors)} sensors"
                raise InputError("covariates.series", found, "a series for each sensor, or for as many of them")
        for field in self.array_names:
            array = getattr(self, field)
            check_array(field, array, np.float32, len(self.sensors))
            if not np.isfinite(array).all() or (field == "scale" and not (array > 0).all()):
                raise InputError(field, "a value out of range", "finite numbers, scales above 0")

    @classmethod
    def fitted(
        cls,
        values: _Floats,
        *,
        sensors: tuple[str, ...],
        history: int,
        period_seconds: int,
        covariates: Covariates | None = None,
    ) -> Self:
        """Return the spec that the training rows ask for.

        A cycle of the calendar is used where the rows cover it twice: what was seen once cannot be told from chance.

        Args:
            values: the training rows [rows, S], NaN where missing.
            sensors: their names.
            history: steps of a window.
            period_seconds: time from one row to the next.
            covariates: what is known ahead. Default: nothing.

        Raises:
            InputError: a part is out of its range.
        """
        known = np.isfinite(values)
        counts = known.sum(axis=0)
        sums = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64)
        location = sums / np.maximum(counts, 1)
        squares = np.where(known, (values - location) ** 2, 0.0).sum(axis=0, dtype=np.float64)
        scale = np.sqrt(squares / np.maximum(counts, 1))
        scale = np.where(scale > np.finfo(np.float32).tiny * 2, scale, 1.0)
        span = len(values) * period_seconds
        waves = tuple(
            cycle / harmonic
            for cycle, harmonics in CYCLES
            for harmonic in range(1, harmonics + 1)
            if span >= _FEWEST_CYCLES * cycle and cycle / harmonic >= _FEWEST_STEPS * period_seconds
        )
        return cls(
            sensors=sensors,
            history=history,
            period_seconds=period_seconds,
            waves=waves,
            marked=not bool(known.all()),
            location=location.astype(np.float32),
            scale=scale.astype(np.float32),
            covariates=covariates,
        )

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the raw inputs: `series`, `time` where there is a calendar, and each column that is known ahead.

        `time` is that of the window's last step in seconds: since 1970 (UTC) where the training data had timestamps,
        else since their first row.
        """
        series = Tensor(SERIES, "FP32", (-1, self.history, len(self.sensors)), missing=True, names=self.sensors)
        time = (Tensor(TIME, "INT64", (-1,)),) if self.waves else ()
        return (series, *time, *(() if self.covariates is None else self.covariates.inputs(self.history)))

    def to_tensors(self, raw: Arrays) -> dict[str, Array]:
        """Return float32 `series` [N, history, S]; `known` of the same shape, 1 or 0, and `calendar` [N, 2 * waves].

        `known` is there where the spec is marked, `calendar` where it has waves. `covariates`, where there are some, is
        [N, history + horizon, S, features], or has 1 in the place of S where all sensors have the same.

        Args:
            raw: `series` [N, history, S], NaN where missing, `time` [N], and each column that is known ahead.

        Raises:
            InputError: an input is missing, has another type or shape, or an infinite value.
        """
        values = self._windows(raw)
        known = ~np.isnan(values)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (values - self.location) / self.scale
        if not np.isfinite(scaled[known]).all():
            raise InputError(SERIES, "an infinite value, or one too large", "finite 32-bit numbers")
        tensors: dict[str, Array] = {SERIES: filled(scaled) if not known.all() else scaled}
        if self.marked:
            tensors[KNOWN] = known.astype(np.float32)
        if self.waves:
            tensors[CALENDAR] = self._calendar(raw, len(values))
        if self.covariates is not None:
            ahead = self.covariates.to_tensor(raw, self.history, len(values))
            each = len(self.sensors) // len(self.covariates.series or self.sensors)
            tensors[COVARIATES] = np.repeat(ahead, each, axis=2) if each > 1 else ahead
        return tensors

    def _windows(self, raw: Arrays) -> npt.NDArray[np.float32]:
        shape = (self.history, len(self.sensors))
        allowed = f"[N, {shape[0]}, {shape[1]}]: steps by sensors, N at least 1"
        array = raw_input(raw, SERIES, allowed)
        if array.dtype.kind not in "iuf":
            raise InputError(SERIES, f"values of type {array.dtype}", "numbers")
        if array.shape[1:] != shape or len(array) == 0:
            raise InputError(SERIES, f"the shape {list(array.shape)}", allowed)
        with np.errstate(over="ignore"):
            return array.astype(np.float32)

    def _calendar(self, raw: Arrays, count: int) -> npt.NDArray[np.float32]:
        allowed = "[N] whole numbers: seconds of each window's last step"
        array = raw_input(raw, TIME, allowed)
        if array.dtype.kind not in "iu":
            raise InputError(TIME, f"values of type {array.dtype}", allowed)
        if array.shape != (count,):
            raise InputError(TIME, f"the shape {list(array.shape)}", f"[{count}], as many as there are windows")
        lengths = np.array(self.waves, dtype=np.float64)
        angles = 2 * np.pi * (np.mod(array.astype(np.float64)[:, np.newaxis], lengths) / lengths)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def filled(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return windows [N, T, S] without NaN: the last known value, else the next one, else 0."""
    steps = windows.shape[1]
    numbers = np.arange(steps, dtype=np.int32)[np.newaxis, :, np.newaxis]
    known = ~np.isnan(windows)
    before = np.maximum.accumulate(np.where(known, numbers, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, numbers, steps)[:, ::-1], axis=1)[:, ::-1]
    places = np.where(before >= 0, before, np.minimum(after, steps - 1))
    taken: npt.NDArray[np.float32] = np.take_along_axis(windows, places, axis=1)
    return np.nan_to_num(taken, copy=False, nan=0.0)


def _is_wave(wave: object) -> bool:
    return type(wave) in (int, float) and 1 <= wave <= CYCLES[-1][0]  # type: ignore[operator]
