"""The report of a run, as people read it."""

from pathlib import Path
from typing import Any

import pytest
from idla.core.objects import read_status
from idla.report.document import document_of, lines_of

from tests.unit.core.world import BOTH, World, trained, workflow

DOCUMENT: dict[str, Any] = {
    "reason": "Completed", "message": "so it is", "test": None, "artifact": None, "refit": None, "variant": "Int8",
    "variants": [], "unusableVariants": [],
}  # fmt: skip


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
    document = DOCUMENT | {"variants": [variant(name) for name in names]}
    assert list(lines_of(document)) == ["Completed: so it is", *lines]


def test_a_variant_that_no_server_can_load_stands_below_the_others() -> None:
    unusable = {"name": "Int8", "message": "LiteRT cannot load it"}
    document = DOCUMENT | {"variant": "Float32", "variants": [variant("Float32")], "unusableVariants": [unusable]}
    assert list(lines_of(document)) == [
        "Completed: so it is",
        "  * Float32            80000 bytes  p50 0.040 ms  0.9790 on the gate split",
        "    Int8           refused: LiteRT cannot load it",
    ]


@pytest.mark.parametrize(
    ("refit", "line"),
    [
        pytest.param({"shipped": True, "message": "made from 1437 examples"}, "made from 1437 examples", id="shipped"),
        pytest.param({"shipped": False, "message": "no time"}, "not refitted: no time", id="given up"),
    ],
)
def test_a_refit_that_is_not_shipped_says_so(refit: dict[str, Any], line: str) -> None:
    assert list(lines_of(DOCUMENT | {"refit": refit})) == ["Completed: so it is", f"refit      {line}"]


def candidates_of(world: World) -> list[tuple[Any, ...]]:
    document = document_of("digits", read_status(world.workflow), metric="accuracy", store=Path("s"), seconds=1.0)
    return [
        tuple(entry[key] for key in ("template", "score", "drop", "dropInterval")) for entry in document["candidates"]
    ]


def test_candidates_that_were_compared_stand_beside_the_best() -> None:
    world = World().profiled().end_trainings()
    report = world.comparison()
    scored = report.compared[1].model_copy(update={"score": 0.9577})
    report = report.model_copy(update={"compared": (report.compared[0], scored)})
    world.run("select").settle().finish("select", select=report).settle()
    assert candidates_of(world) == [
        ("resnet-small", 0.9861, 0.0, [0.0, 0.0]),
        ("vgg-small", 0.9577, 0.0278, [0.0178, 0.0378]),
    ]


def test_of_a_candidate_alone_there_is_no_difference() -> None:
    pinned = {"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}]}
    world = World(workflow=workflow(model=pinned)).profiled().run(BOTH[1]).settle()
    world.finish(BOTH[1], train=trained("vgg-small")).settle()
    assert candidates_of(world) == [("vgg-small", 0.98, None, None)]
