"""Progress from the pod's own `/metrics`, at its address: never through `pods/proxy`, which would open every pod."""

import ipaddress
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
from idla.core.reconciliation import Manifest
from idla_contract.metrics import METRICS_PORT
from prometheus_client.parser import text_string_to_metric_families

from idla_operator.adapters.samples import WANTED, Sample, reading_of
from idla_operator.ports import Outcome, Reading, Unmeasured

TIMEOUT_SECONDS = 2.0
LIMIT = 256 * 1024
"""Bytes of an answer that are read; a longer one is no answer."""
_OK = 200


class PodMetrics:
    """The `ProgressSource` without a Prometheus."""

    def __init__(self, session: aiohttp.ClientSession, *, port: int) -> None:
        self._session = session
        self._port = port

    @classmethod
    @asynccontextmanager
    async def open(cls, *, port: int = METRICS_PORT, seconds: float = TIMEOUT_SECONDS) -> AsyncIterator[Self]:
        """Hold connections for the time of the context; no proxy and no credentials of the environment are used."""
        connector = aiohttp.TCPConnector(limit=32, force_close=True)
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            yield cls(session, port=port)

    async def read(self, pod: Manifest) -> Reading:
        """Return what the pod says of itself now."""
        try:
            address = ipaddress.ip_address(pod.get("status", {}).get("podIP") or "")
        except ValueError:
            return Unmeasured(outcome=Outcome.NO_DATA, message="the pod has no address")
        host = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004  # IPv6
        try:
            text = await self._fetch(f"http://{host}:{self._port}/metrics")
            return reading_of(_samples(text))
        except TimeoutError:
            return Unmeasured(outcome=Outcome.TIMEOUT, message="no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Unmeasured(outcome=Outcome.ERROR, message=f"{type(error).__name__}: {error}")

    async def _fetch(self, url: str) -> str:
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != _OK:
                raise ValueError(f"the answer is {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(LIMIT):
                content += chunk
                if len(content) > LIMIT:
                    raise ValueError(f"the answer has more than {LIMIT} bytes")
            return content.decode("utf-8")


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        for entry in family.samples:
            if entry.name in WANTED:
                yield Sample(name=entry.name, split=entry.labels.get("split", ""), value=entry.value)
