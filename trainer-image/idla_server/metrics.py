"""What a serving pod counts."""

from idla_contract.metrics import IN_FLIGHT, REQUEST_SECONDS, REQUESTS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

PROTOCOL = "v2"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServerMetrics:
    """The metrics of one server in a registry of their own, beside those of its process; no times of creation."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library left its types out here
        self.registry = CollectorRegistry()
        self._requests = Counter(
            REQUESTS, "Requests for an inference that were answered.", ["protocol", "code"], registry=self.registry
        )
        self._seconds = Histogram(
            REQUEST_SECONDS,
            "Seconds from a request's last byte to its answer's first.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(IN_FLIGHT, "Requests for an inference being answered now.", registry=self.registry)
        ProcessCollector(registry=self.registry)

    def count(self, code: int, seconds: float) -> None:
        """Count one answer and what it took."""
        self._requests.labels(PROTOCOL, str(code)).inc()
        self._seconds.observe(seconds)
