"""From samples of a pod's metrics to its progress, or to the reason why there is none."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from idla.core.snapshot import TaskProgress
from idla_contract import metrics

from idla_operator.ports import Measured, Outcome, Reading, Unmeasured

WANTED = (
    metrics.TASK_STEP,
    metrics.TASK_TOTAL_STEPS,
    metrics.TASK_LOSS,
    metrics.TASK_SCORE,
    metrics.TASK_EXAMPLES_PER_SECOND,
    metrics.TASK_UPDATED_SECONDS,
)
_STEPS_LIMIT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one series; `split` is empty where the metric has none."""

    name: str
    split: str
    value: float


def reading_of(samples: Iterable[Sample]) -> Reading:
    """Return the progress that the samples tell of.

    Steps, total and time are needed and finite, or nothing was measured. Other figures are left out where they are
    absent or not finite. Two series of one name and split are two truths: nothing was measured.
    """
    values: dict[tuple[str, str], float] = {}
    for sample in samples:
        key = (sample.name, sample.split)
        if key in values:
            return Unmeasured(outcome=Outcome.MULTIPLE_SERIES, message=f"{sample.name} has more than one series")
        values[key] = sample.value
    needed = [values.get((name, "")) for name in (metrics.TASK_STEP, metrics.TASK_TOTAL_STEPS)]
    updated = values.get((metrics.TASK_UPDATED_SECONDS, ""))
    step, total = needed
    if step is None or total is None or updated is None:
        return Unmeasured(outcome=Outcome.NO_DATA, message="the pod has not told its progress")
    if not all(math.isfinite(value) and 0 <= value < _STEPS_LIMIT for value in (step, total, updated)):
        return Unmeasured(outcome=Outcome.NOT_FINITE, message=f"step {step}, total {total}, updated {updated}")
    try:
        moment = datetime.fromtimestamp(updated, UTC)
    except (ValueError, OverflowError, OSError):
        return Unmeasured(outcome=Outcome.ERROR, message=f"updated is {updated}, which is no time")

    def finite(name: str, split: str = "") -> float | None:
        value = values.get((name, split))
        return value if value is not None and math.isfinite(value) else None

    return Measured(
        progress=TaskProgress(
            step=int(step),
            total_steps=int(total),
            train_loss=finite(metrics.TASK_LOSS, "train"),
            validation_loss=finite(metrics.TASK_LOSS, "validation"),
            validation_score=finite(metrics.TASK_SCORE, "validation"),
            examples_per_second=finite(metrics.TASK_EXAMPLES_PER_SECOND),
            updated=moment,
        )
    )
