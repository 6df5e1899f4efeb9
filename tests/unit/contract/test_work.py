"""What a publication is expected to consist of: what the recipe asks for, unless the network is too small for it."""

from collections import Counter

import pytest
from idla_contract.task import CompressionMethod, Recipe
from idla_contract.work import LEAST, Measures, Trained, Work, publication

METHODS = (CompressionMethod.DYNAMIC_RANGE, CompressionMethod.INT8)
RECIPE = Recipe(keep_percents=(85, 70, 60, 50, 35, 25, 15), epochs=10)
SMALL = Trained(parameters=LEAST // 4 - 1, best_epoch=5)
LARGE = Trained(parameters=LEAST // 4, best_epoch=5)
PLAIN = {"Compress": 1, "Conversion": 3, "Measurement": 1}
SMALLER = {"Compress": 1, "Further": 1, "Smaller": 3, "Conversion": 6, "Aware": 1, "Measurement": 1}


@pytest.mark.parametrize(
    ("methods", "recipe", "trained", "refit", "expected"),
    [
        pytest.param((), Recipe(), LARGE, False, PLAIN | {"Conversion": 1}, id="nothing is compressed"),
        pytest.param(METHODS, Recipe(), LARGE, False, PLAIN, id="converted alone"),
        pytest.param(METHODS, RECIPE, LARGE, False, SMALLER, id="smaller networks are tried"),
        pytest.param(METHODS, RECIPE, Trained(), False, SMALLER, id="of unknown size"),
        pytest.param(METHODS, RECIPE, SMALL, False, PLAIN, id="too small to be made smaller"),
        pytest.param((), RECIPE, LARGE, False, PLAIN | {"Conversion": 1}, id="no method"),
        pytest.param(
            METHODS, RECIPE, LARGE, True,
            SMALLER | {"Refit": 1, "FurtherAgain": 1, "SmallerAgain": 1, "ConversionAgain": 1}, id="made again",
        ),
        pytest.param(
            METHODS, Recipe(), LARGE, True, PLAIN | {"Refit": 1, "ConversionAgain": 1}, id="made again as it was"
        ),
    ],
)  # fmt: skip
def test_the_parts_of_a_publication(
    methods: tuple[CompressionMethod, ...], recipe: Recipe, trained: Trained, *, refit: bool, expected: dict[str, int]
) -> None:
    parts = publication(methods, recipe, trained, refit=refit)
    assert dict(Counter(str(part) for part, _ in parts)) == expected


@pytest.mark.parametrize(
    ("measures", "work", "seconds"),
    [
        (Measures(), Work(), 0.0),
        (Measures(), Work(starts=1), None),
        (
            Measures(start=10.0, epoch=2.0, distillation_epoch=3.0),
            Work(starts=0.5, epochs=2, distillation_epochs=1),
            12.0,
        ),
        (Measures(start=10.0), Work(files=2), 4.0),
        (Measures(start=10.0, file=1.0), Work(files=2), 2.0),
        (Measures(epoch=1.0), Work(files=1), None),
    ],
    ids=["nothing", "not known", "known", "a file is a share of a start", "a timed file", "no start, no file"],
)
def test_the_seconds_of_a_work(measures: Measures, work: Work, seconds: float | None) -> None:
    assert measures.seconds_of(work) == seconds
