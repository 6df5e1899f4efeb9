"""What a pod's metrics say of its progress."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from idla_contract import metrics

from idla.core.snapshot import TaskProgress

_STEPS_LIMIT = 2**53
_LONGEST = 1e9
"""Seconds; what takes longer is an error."""
Values = Mapping[tuple[str, str], float]
"""By name and split; the split is empty where the metric has none."""


class NotMeasuredError(Exception):
    """The metrics report no progress."""

    def __init__(self, kind: Literal["NoData", "NotFinite", "Error"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_progress(values: Values) -> TaskProgress:
    """Return the progress that metrics report; figures that are absent or not finite are left out.

    Raises:
        NotMeasuredError: steps, total or time are absent, out of bounds or no time.
    """
    step, total, updated = (
        values.get((name, "")) for name in (metrics.TASK_STEP, metrics.TASK_TOTAL_STEPS, metrics.TASK_UPDATED_SECONDS)
    )
    if step is None or total is None or updated is None:
        raise NotMeasuredError("NoData", "the pod has not reported its progress")
    if not all(math.isfinite(value) and 0 <= value < _STEPS_LIMIT for value in (step, total, updated)):
        raise NotMeasuredError("NotFinite", f"step {step}, total {total}, updated {updated}")
    try:
        moment = datetime.fromtimestamp(updated, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotMeasuredError("Error", f"updated is {updated}, which is no time") from error
    return TaskProgress(
        step=int(step),
        total_steps=int(total),
        train_loss=_finite(values, metrics.TASK_LOSS, "train"),
        validation_loss=_finite(values, metrics.TASK_LOSS, "validation"),
        validation_score=_finite(values, metrics.TASK_SCORE, "validation"),
        examples_per_second=_finite(values, metrics.TASK_EXAMPLES_PER_SECOND, ""),
        remaining_seconds=_seconds(values, metrics.TASK_REMAINING_SECONDS),
        start_seconds=_seconds(values, metrics.TASK_START_SECONDS),
        epoch_seconds=_seconds(values, metrics.TASK_EPOCH_SECONDS),
        updated=moment,
    )


def _seconds(values: Values, name: str) -> float | None:
    found = _finite(values, name, "")
    return found if found is not None and 0 <= found < _LONGEST else None


def _finite(values: Values, name: str, split: str) -> float | None:
    value = values.get((name, split))
    return value if value is not None and math.isfinite(value) else None
