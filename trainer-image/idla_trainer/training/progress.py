"""Progress at `/metrics`, under the names of the contract."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from idla_contract import metrics
from prometheus_client import CollectorRegistry, Gauge, start_http_server

_log = logging.getLogger(__name__)
_THOUSAND = 1000
_TEXTS = {
    metrics.TASK_STEP: "Steps done over all epochs",
    metrics.TASK_TOTAL_STEPS: "Steps that the training takes at most",
    metrics.TASK_LOSS: "Loss of the last epoch",
    metrics.TASK_SCORE: "Score of the last epoch, by the metric of the task",
    metrics.TASK_EXAMPLES_PER_SECOND: "Training throughput over the last epoch",
    metrics.TASK_REMAINING_SECONDS: "Seconds to the expected end of the task",
    metrics.TASK_START_SECONDS: "Seconds before the first step",
    metrics.TASK_EPOCH_SECONDS: "Seconds of an epoch",
    metrics.TASK_UPDATED_SECONDS: "Unix time of the last change",
}


class Progress(Protocol):
    """Who is told how far a training is."""

    def step(self, done: int, total: int, left: float | None = None) -> None:
        """Tell how far the training is, and in how many seconds it ends; None: nobody knows."""


class TaskProgress(Progress, Protocol):
    """Who is told how far a task is."""

    def measured(self, start: float | None, epoch: float | None) -> None:
        """Tell in seconds how long the start took and an epoch takes; None: not known."""


class ProgressMetrics:
    """Gauges of the running training; each is there only when it has a value, since a new gauge would say 0."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}

    def serve(self, port: int, address: str) -> None:
        """Answer `/metrics` on a thread; port 0 is none. A port in use costs the metrics, not the training."""
        if port == 0:
            return
        try:
            start_http_server(port, addr=address, registry=self._registry)
        except OSError as error:
            _log.warning("no /metrics on port %d (%s)", port, error)

    def step(self, done: int, total: int, left: float | None = None) -> None:
        """Tell how far the task is, and in how many seconds it ends; None: what was told of that before stands."""
        if left is not None:
            self._set(metrics.TASK_REMAINING_SECONDS, round(left, 1))
        self._set(metrics.TASK_STEP, done)
        self._set(metrics.TASK_TOTAL_STEPS, total)
        self._set(metrics.TASK_UPDATED_SECONDS, time.time())

    def measured(self, start: float | None, epoch: float | None) -> None:
        """Tell in seconds how long the start took and an epoch takes; None: not known."""
        for name, seconds in ((metrics.TASK_START_SECONDS, start), (metrics.TASK_EPOCH_SECONDS, epoch)):
            if seconds is not None:
                self._set(name, round(seconds, 4))

    def epoch(self, split: str, *, loss: float, score: float | None = None) -> None:
        """Tell what the last epoch gave on a split."""
        self._set(metrics.TASK_LOSS, loss, split=split)
        if score is not None:
            self._set(metrics.TASK_SCORE, score, split=split)

    def throughput(self, rate: float) -> None:
        """Tell the examples per second of the last epoch."""
        self._set(metrics.TASK_EXAMPLES_PER_SECOND, rate)
        self._set(metrics.TASK_UPDATED_SECONDS, time.time())

    def _set(self, name: str, value: float, **labels: str) -> None:
        gauge = self._gauges.get(name) or Gauge(name, _TEXTS[name], tuple(labels), registry=None)
        (gauge.labels(**labels) if labels else gauge).set(value)
        if name not in self._gauges:  # not before it has its value
            self._gauges[name] = gauge
            self._registry.register(gauge)


class PartOfProgress:
    """Tells a part of some longer work as that work's progress, in thousandths of it.

    Args:
        whole: who is told.
        begins: share of the work that is done before this part.
        share: share of the work that this part is.
        done: share of its steps that a training has behind it as this part begins.
        ends: and as it ends.
        after: of the seconds to the end of this part, those to the end of the whole.
    """

    def __init__(
        self,
        whole: Progress,
        *,
        begins: float,
        share: float,
        done: float,
        ends: float,
        after: Callable[[float | None], float | None] = lambda left: left,
    ) -> None:
        self._whole, self._begins, self._share, self._done, self._ends = whole, begins, share, done, ends
        self._after = after

    def step(self, done: int, total: int, left: float | None = None) -> None:
        """Tell how far the whole is."""
        part = (done / total - self._done) / (self._ends - self._done)
        whole = round(_THOUSAND * (self._begins + self._share * min(1.0, max(0.0, part))))
        self._whole.step(whole, _THOUSAND, self._after(left))
