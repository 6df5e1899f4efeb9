"""From samples of a pod's metrics to its progress, or to the reason why there is none."""

from collections.abc import Iterable
from dataclasses import dataclass

from idla.core.kube.pod_metrics import NotMeasuredError, read_progress
from idla_contract import metrics

from idla_operator.ports import Measured, Outcome, Reading, Unmeasured

WANTED = (
    metrics.TASK_STEP,
    metrics.TASK_TOTAL_STEPS,
    metrics.TASK_LOSS,
    metrics.TASK_SCORE,
    metrics.TASK_EXAMPLES_PER_SECOND,
    metrics.TASK_REMAINING_SECONDS,
    metrics.TASK_START_SECONDS,
    metrics.TASK_EPOCH_SECONDS,
    metrics.TASK_UPDATED_SECONDS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one series; `split` is empty where the metric has none."""

    name: str
    split: str
    value: float


def reading_of(samples: Iterable[Sample]) -> Reading:
    """Return the progress that the samples report.

    Steps, total and time are needed and finite, or nothing was measured. Other figures are left out where they are
    absent or not finite. Two series of one name and split are two truths: nothing was measured.
    """
    values: dict[tuple[str, str], float] = {}
    for sample in samples:
        key = (sample.name, sample.split)
        if key in values:
            return Unmeasured(outcome=Outcome.MULTIPLE_SERIES, message=f"{sample.name} has more than one series")
        values[key] = sample.value
    try:
        return Measured(progress=read_progress(values))
    except NotMeasuredError as error:
        return Unmeasured(outcome=Outcome(error.kind), message=str(error))
