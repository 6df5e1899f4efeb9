"""What the demonstration claims, each claim beside what was measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from demo.measuring import Measurement

LEAST_ACCURACY = 0.97
LEAST_RATIO = 3.0
MOST_GATE_DROP = 0.01
MOST_DROP = 0.02


@dataclass(frozen=True, slots=True)
class Check:
    """One claim."""

    name: str
    found: str
    holds: bool


def checks(status: Mapping[str, Any], measured: Measurement, answers: list[str]) -> Iterator[Check]:
    """Yield what must hold.

    Args:
        status: of the TrainingWorkflow.
        measured: what the artifact's files did when they were measured again.
        answers: the endpoint's label for each test example.
    """
    results = status["results"]
    total = len(measured.labels)
    right = sum(answer == label for answer, label in zip(answers, measured.labels, strict=True))
    yield Check(
        f"the endpoint has an accuracy of at least {LEAST_ACCURACY} on {total} test examples, which no model has seen",
        f"{right / total:.4f}, {right} of {total}",
        right >= LEAST_ACCURACY * total,
    )
    yield Check(
        "the endpoint answers as `status` says",
        f"status: {results['servedCorrect']} of {results['testExamples']}",
        (results["servedCorrect"], results["testExamples"]) == (right, total),
    )
    yield Check(
        "the files answer as `status` says",
        f"served {measured.served_correct}, float {measured.float_correct}",
        (measured.served_correct, measured.float_correct)
        == (results["servedCorrect"], round(float(results["floatScore"]) * total)),
    )
    ratio = measured.float_size_bytes / measured.served_size_bytes
    variants = {variant["name"]: variant for variant in results["variants"]}
    yield Check(
        f"the served file is at least {LEAST_RATIO:g} times smaller than the float one of the same network",
        f"{measured.float_size_bytes} / {measured.served_size_bytes} bytes = {ratio:.2f}",
        ratio >= LEAST_RATIO,
    )
    yield Check(
        "the sizes are those that `status` says",
        f"status: {results['sizeRatio']} times smaller",
        (variants["Float32"]["sizeBytes"], variants[results["variant"]]["sizeBytes"])
        == (measured.float_size_bytes, measured.served_size_bytes),
    )
    chosen = variants[results["variant"]]
    yield Check(
        f"the compression loses at most {MOST_GATE_DROP} of the accuracy on the gate split, by which it was chosen",
        f"status: {chosen['gateDrop']} in {chosen['gateDropInterval']}",
        chosen["passed"] and float(chosen["gateDrop"]) <= MOST_GATE_DROP,
    )
    # The gate split cannot be asked again: the refit learned from it.
    drop = (measured.float_correct - measured.served_correct) / total
    yield Check(
        f"the served file loses at most {MOST_DROP} of the accuracy of the float one on the test examples",
        f"{drop:.4f}",
        drop <= MOST_DROP,
    )
