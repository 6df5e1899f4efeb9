"""Where the progress of a running training is read: Prometheus where there is one, else the pod itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from idla_operator.adapters.pod_metrics import PodMetrics
from idla_operator.adapters.prometheus import PrometheusProgress
from idla_operator.ports import ProgressSource


@asynccontextmanager
async def progress_source(prometheus_url: str | None) -> AsyncIterator[ProgressSource]:
    """Return the source for this configuration, and give back its threads or connections in the end."""
    if prometheus_url is None:
        async with PodMetrics.open() as pods:
            yield pods
    else:
        with PrometheusProgress(prometheus_url) as prometheus:
            yield prometheus
