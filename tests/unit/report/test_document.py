"""The report of a run, as people read it."""

from typing import Any

import pytest
from idla.report.document import lines_of


def variant(name: str) -> dict[str, Any]:
    return {"name": name, "sizeBytes": 80000, "latencyP50Milliseconds": 0.04, "score": 0.979}


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        pytest.param(
            ["Float32", "Int8"],
            [
                "    Float32            80000 bytes  p50 0.040 ms  0.9790 on the gate split",
                "  * Int8               80000 bytes  p50 0.040 ms  0.9790 on the gate split",
            ],
            id="short names",
        ),
        pytest.param(
            ["Keep50DynamicRange", "Int8"],
            [
                "    Keep50DynamicRange     80000 bytes  p50 0.040 ms  0.9790 on the gate split",
                "  * Int8                   80000 bytes  p50 0.040 ms  0.9790 on the gate split",
            ],
            id="a long name",
        ),
    ],
)
def test_the_figures_of_variants_stand_below_one_another(names: list[str], lines: list[str]) -> None:
    document = {
        "reason": "Completed", "message": "so it is", "test": None, "artifact": None, "refit": None,
        "variant": "Int8", "variants": [variant(name) for name in names],
    }  # fmt: skip
    assert list(lines_of(document)) == ["Completed: so it is", *lines]
