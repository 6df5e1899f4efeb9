"""Progress from Prometheus, which scrapes the pods with labels `namespace` and `pod`.

The library is synchronous, waits without end by default, repeats for as long as the server asks it to, follows
redirects, and drops warnings. So it runs in threads of its own, under a deadline, with all of that turned off.
"""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import requests
from idla.core.reconciliation import Manifest
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
from urllib3.util import Retry

from idla_operator.adapters.samples import WANTED, Sample, reading_of
from idla_operator.ports import Outcome, Reading, Unmeasured

DEADLINE_SECONDS = 4.0
SOCKET_SECONDS = (2.0, 3.0)
"""To connect, and between two parts of the answer; a trickling answer is ended by the deadline only."""
THREADS = 4


class _PartialAnswerError(Exception):
    """Prometheus says that its answer is incomplete."""


class PrometheusProgress:
    """The `ProgressSource` with a Prometheus. Use as a context manager: it holds threads."""

    def __init__(self, url: str, *, deadline: float = DEADLINE_SECONDS) -> None:
        session = requests.Session()
        session.trust_env = False
        session.max_redirects = 0
        session.hooks["response"].append(_refuse_partial)
        no_retry = Retry(total=0, respect_retry_after_header=False)
        self._prometheus = PrometheusConnect(url=url, session=session, retry=no_retry, timeout=SOCKET_SECONDS)
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="prometheus")
        self._deadline = deadline
        self._busy = 0

    def __enter__(self) -> Self:
        """Return itself; threads start when they are needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for nobody: a request that hangs ends by its own time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._prometheus.close()

    async def read(self, pod: Manifest) -> Reading:
        """Return what Prometheus last scraped from the pod."""
        if self._busy >= THREADS:
            return Unmeasured(outcome=Outcome.TIMEOUT, message="every thread still waits for Prometheus")
        self._busy += 1
        asked = asyncio.get_running_loop().run_in_executor(self._pool, self._ask, _query(pod))
        asked.add_done_callback(self._release_thread)
        try:
            async with asyncio.timeout(self._deadline):
                return reading_of(await asyncio.shield(asked))
        except TimeoutError:
            return Unmeasured(outcome=Outcome.TIMEOUT, message=f"no answer within {self._deadline} seconds")
        except _PartialAnswerError as error:
            return Unmeasured(outcome=Outcome.PARTIAL, message=str(error))
        except (requests.RequestException, PrometheusApiClientException, ValueError, LookupError, TypeError) as error:
            return Unmeasured(outcome=Outcome.ERROR, message=f"{type(error).__name__}: {str(error)[:300]}")

    def _release_thread(self, asked: "asyncio.Future[tuple[Sample, ...]]") -> None:
        self._busy -= 1
        if not asked.cancelled():
            asked.exception()  # a late failure has nobody left to report to

    def _ask(self, query: str) -> tuple[Sample, ...]:
        return tuple(_samples(self._prometheus.custom_query(query)))


def _query(pod: Manifest) -> str:
    namespace, name = (_escape(pod["metadata"][key]) for key in ("namespace", "name"))
    return f'{{__name__=~"{"|".join(WANTED)}",namespace="{namespace}",pod="{name}"}}'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _samples(result: list[Mapping[str, Any]]) -> Iterator[Sample]:
    for series in result:
        labels, (_, value) = series["metric"], series["value"]
        yield Sample(name=labels["__name__"], split=labels.get("split", ""), value=float(value))


def _refuse_partial(response: requests.Response, **_: object) -> None:
    if response.ok and not response.is_redirect:
        document = response.json()
        warnings = document.get("warnings") if isinstance(document, dict) else None
        if warnings:
            raise _PartialAnswerError("; ".join(str(warning) for warning in warnings)[:300])
