"""Progress at `/metrics`, under the names of the contract."""

import logging
import time
from typing import Any

from idla_contract import metrics
from prometheus_client import CollectorRegistry, Gauge, start_http_server

_log = logging.getLogger(__name__)


class ProgressMetrics:
    """Gauges of the running training."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._step = self._gauge(metrics.TASK_STEP, "Steps done over all epochs")
        self._total = self._gauge(metrics.TASK_TOTAL_STEPS, "Steps that the training takes at most")
        self._loss = self._gauge(metrics.TASK_LOSS, "Loss of the last epoch", "split")
        self._accuracy = self._gauge(metrics.TASK_ACCURACY, "Accuracy of the last epoch", "split")
        self._rate = self._gauge(metrics.TASK_EXAMPLES_PER_SECOND, "Training throughput over the last epoch")
        self._updated = self._gauge(metrics.TASK_UPDATED_SECONDS, "Unix time of the last change")

    def serve(self, port: int) -> None:
        """Answer `/metrics` on a thread; port 0 is none. A port in use costs the metrics, not the training."""
        if port == 0:
            return
        try:
            start_http_server(port, registry=self._registry)
        except OSError as error:
            _log.warning("no /metrics on port %d (%s)", port, error)

    def step(self, done: int, total: int) -> None:
        """Tell how far the training is."""
        self._step.set(done)
        self._total.set(total)
        self._updated.set(time.time())

    def epoch(self, split: str, *, loss: float, accuracy: float) -> None:
        """Tell what the last epoch gave on a split."""
        self._loss.labels(split).set(loss)
        self._accuracy.labels(split).set(accuracy)

    def throughput(self, rate: float) -> None:
        """Tell the examples per second of the last epoch."""
        self._rate.set(rate)
        self._updated.set(time.time())

    def _gauge(self, name: str, text: str, *labels: str) -> Any:
        return Gauge(name, text, labels, registry=self._registry)
