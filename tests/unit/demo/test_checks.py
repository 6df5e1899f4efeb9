from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from demo.checks import checks
from demo.measuring import Measurement

LABELS = tuple(str(number % 10) for number in range(100))
MEASURED = Measurement(
    float_size_bytes=3600, served_size_bytes=1000, float_correct=99, served_correct=98,
    images=np.zeros((100, 8, 8, 1), np.float32), labels=LABELS, maximum=16.0,
)  # fmt: skip
FLOAT: dict[str, Any] = {"name": "Float32", "sizeBytes": 3600}
INT8: dict[str, Any] = {
    "name": "Int8", "sizeBytes": 1000, "passed": True, "gateDrop": "0.0070", "gateDropInterval": "[-0.0070, 0.0210]",
}  # fmt: skip
STATUS: dict[str, Any] = {
    "results": {
        "servedCorrect": 98, "testExamples": 100, "floatScore": "0.990000", "sizeRatio": "3.60", "variant": "Int8",
        "variants": [FLOAT, INT8],
    }
}  # fmt: skip
ANSWERS = ["wrong", "wrong", *LABELS[2:]]


def broken(status: dict[str, Any], measured: Measurement, answers: list[str]) -> list[int]:
    return [number for number, check in enumerate(checks(status, measured, answers)) if not check.holds]


def with_variant(**changes: Any) -> dict[str, Any]:
    return {"results": STATUS["results"] | {"variants": [FLOAT, INT8 | changes]}}


@pytest.mark.parametrize(
    ("status", "measured", "answers", "expected"),
    [
        pytest.param(STATUS, MEASURED, ANSWERS, [], id="all as claimed"),
        pytest.param(STATUS, MEASURED, ["wrong"] * 4 + list(LABELS[4:]), [0, 1], id="an endpoint that is worse"),
        pytest.param(STATUS, MEASURED, list(LABELS), [1], id="an endpoint that is better than status says"),
        pytest.param(STATUS, replace(MEASURED, served_correct=97), ANSWERS, [2], id="a file that answers otherwise"),
        pytest.param(
            STATUS, replace(MEASURED, float_correct=98), ANSWERS, [2], id="a float file that answers otherwise"
        ),
        pytest.param(STATUS, replace(MEASURED, served_size_bytes=1300), ANSWERS, [3, 4], id="a larger file"),
        pytest.param(with_variant(gateDrop="0.0200"), MEASURED, ANSWERS, [5], id="a loss beyond the gate"),
        pytest.param(with_variant(passed=False), MEASURED, ANSWERS, [5], id="a gate that did not pass"),
        pytest.param(
            STATUS, replace(MEASURED, served_correct=96), ANSWERS, [2, 6], id="a loss on what no model has seen"
        ),
    ],
)
def test_a_claim_breaks_where_the_measurement_differs(
    status: dict[str, Any], measured: Measurement, answers: list[str], expected: list[int]
) -> None:
    assert broken(status, measured, answers) == expected
