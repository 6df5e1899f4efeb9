"""Size, answers and latency of LiteRT files, on the runtime that serves them."""

import gc
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from idla_artifact.runtime import Runtime
from idla_preprocess import Arrays

from idla_trainer.compression.gate.verdict import Measured
from idla_trainer.data.dataset import Examples
from idla_trainer.evaluation.paired import PairedEvaluation
from idla_trainer.objective import Objective

ROUNDS = 400
_WARM_UP = 10
_SECONDS = 20.0
"""Longest time of the latency measurement; slower networks get fewer rounds."""


def measure(files: Mapping[str, Path], baseline: str, examples: Examples, objective: Objective) -> dict[str, Measured]:
    """Return what each file is and does on the same examples, single-threaded.

    Args:
        files: name of a variant -> its file.
        baseline: name of the variant that the others are compared with.
        examples: those by which they are compared.
        objective: what was learned; it has the metric.
    """
    runtimes = {name: Runtime(path) for name, path in files.items()}
    milliseconds = _latencies(runtimes, examples.inputs)
    evaluation = PairedEvaluation(objective, examples.targets, examples.raw)
    answers = {name: runtime.predict(examples.inputs) for name, runtime in runtimes.items()}
    return {
        name: Measured(
            name=name,
            size_bytes=files[name].stat().st_size,
            score=evaluation.score(answers[name]),
            drop=evaluation.drop(answers[baseline], answers[name]),
            drop_interval=(0.0, 0.0)
            if name == baseline
            else evaluation.drop_interval(answers[baseline], answers[name]),
            examples=len(examples),
            latency_p50_milliseconds=float(np.percentile(milliseconds[name], 50)),
            latency_p95_milliseconds=float(np.percentile(milliseconds[name], 95)),
        )
        for name in runtimes
    }


def _latencies(runtimes: Mapping[str, Runtime], inputs: Arrays) -> dict[str, list[float]]:
    """Return milliseconds of single predictions; in each round every variant has its turn, another one first."""
    found: dict[str, list[float]] = {name: [] for name in runtimes}
    names = list(runtimes)
    examples = len(next(iter(inputs.values())))
    for name in names:
        for position in range(_WARM_UP):
            runtimes[name].predict(_single(inputs, position % examples))
    deadline = time.monotonic() + _SECONDS
    gc.disable()
    try:
        for turn in range(ROUNDS):
            single = _single(inputs, turn % examples)
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                started = time.perf_counter_ns()
                runtimes[name].predict(single)
                found[name].append((time.perf_counter_ns() - started) / 1e6)
            if time.monotonic() > deadline:
                break
    finally:
        gc.enable()
    return found


def _single(inputs: Arrays, position: int) -> Arrays:
    return {name: array[position : position + 1] for name, array in inputs.items()}
