"""Where an inference runs: at once on the event loop while it is short, else on a thread with a runtime of its own."""

import asyncio
import queue
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from idla_artifact.model import ServedModel

from idla_server.messages import Reply

Job = Callable[[ServedModel], Reply]

SHORT_SECONDS = 0.002
"""An inference that takes longer must not hold up the event loop, on which probes are answered too."""
SHORT_BYTES = 1 << 16
"""Nor the parsing of more JSON than this."""
ENDLESS = sys.maxsize
"""A size in bytes that is never short."""
_SHORTEST_VALUE = 2
"""Bytes of one value in JSON: a digit and a comma."""


class Engine:
    """Runs jobs on copies of one model; used on the event loop.

    Args:
        model: the loaded model, from now on the engine's.
        workers: threads, each with a copy of its own.
        threads: threads of one inference on such a copy.
    """

    def __init__(self, model: ServedModel, workers: int, threads: int) -> None:
        self.inline_limit = estimate_inline_limit(_seconds_of_one(model), _fewest_values(model))
        self._inline = model if self.inline_limit else None
        self._idle: queue.SimpleQueue[ServedModel] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put(model.replicate(threads=threads))
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="inference")

    async def run(self, job: Job, size: int) -> Reply:
        """Return what a job answers.

        Args:
            job: called once with a model that nobody else uses meanwhile.
            size: bytes of the request, from which the job's length is estimated.
        """
        if self._inline is not None and size <= self.inline_limit:
            return job(self._inline)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._borrow, job)

    def close(self) -> None:
        """End the threads; jobs that wait are given up."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _borrow(self, job: Job) -> Reply:
        model = self._idle.get_nowait()  # there are as many models as threads
        try:
            return job(model)
        finally:
            self._idle.put(model)


def estimate_inline_limit(seconds: float, values: int) -> int:
    """Return the largest request in bytes that is surely short, 0 where not even one example is.

    Args:
        seconds: what one example takes.
        values: the fewest that a request holds of one example.
    """
    examples = int(SHORT_SECONDS / max(seconds, 1e-9))
    # A request of this size may hold that many examples at most, written as tersely as can be.
    return min(SHORT_BYTES, examples * values * _SHORTEST_VALUE) if examples else 0


def _fewest_values(model: ServedModel) -> int:
    optional = {tensor.name for tensor in model.signature.inputs if tensor.optional}
    return max(1, sum(array.size for name, array in model.example.items() if name not in optional))


def _seconds_of_one(model: ServedModel) -> float:
    def once() -> float:
        start = time.perf_counter()
        model.predict(model.example)
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(5))
