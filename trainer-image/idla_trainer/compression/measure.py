"""Size, answers and latency of LiteRT files, on the runtime that serves them."""

import gc
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from idla_server.runtime import Runtime

from idla_trainer.compression.judge import Measured

ROUNDS = 400
_WARM_UP = 10
_SECONDS = 20.0
"""Longest time of the latency measurement; slower networks get fewer rounds."""


def measure(
    files: Mapping[str, Path], images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> dict[str, Measured]:
    """Return what each file is and does on the same examples, single-threaded.

    Args:
        files: name of a variant -> its file.
        images: raw images [N, H, W, C].
        labels: class numbers [N].
    """
    runtimes = {name: Runtime(path) for name, path in files.items()}
    milliseconds = _latencies(runtimes, images)
    return {
        name: Measured(
            name=name,
            size_bytes=files[name].stat().st_size,
            correct=runtime.predict(images).argmax(axis=1) == labels,
            latency_p50_milliseconds=float(np.percentile(milliseconds[name], 50)),
            latency_p95_milliseconds=float(np.percentile(milliseconds[name], 95)),
        )
        for name, runtime in runtimes.items()
    }


def _latencies(runtimes: Mapping[str, Runtime], images: npt.NDArray[np.float32]) -> dict[str, list[float]]:
    """Return milliseconds of single predictions; in each round every variant has its turn, another one first."""
    found: dict[str, list[float]] = {name: [] for name in runtimes}
    names = list(runtimes)
    for name in names:
        for position in range(_WARM_UP):
            runtimes[name].predict(images[position % len(images)][np.newaxis])
    deadline = time.monotonic() + _SECONDS
    gc.disable()
    try:
        for turn in range(ROUNDS):
            image = images[turn % len(images)][np.newaxis]
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                started = time.perf_counter_ns()
                runtimes[name].predict(image)
                found[name].append((time.perf_counter_ns() - started) / 1e6)
            if time.monotonic() > deadline:
                break
    finally:
        gc.enable()
    return found
