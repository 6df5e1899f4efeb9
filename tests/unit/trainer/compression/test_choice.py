"""The choice between variants of smaller networks, and the ones that nothing beats."""

import pytest
from idla_contract.result import UnusableVariant
from idla_contract.task import Candidate, CompressStep, ModelSpec, OnGateFailure
from idla_trainer.compression.gate.verdict import Measured, choose_variant
from idla_trainer.failures import TaskError

STEP = CompressStep(
    candidate=Candidate(task="t", content_hash="0123456789", model=ModelSpec(template="t", builder="vgg"))
)


def measured(name: str, size: int, latency: float, drop: float = 0.0) -> Measured:
    return Measured(
        name=name,
        size_bytes=size,
        score=0.9 - drop,
        drop=drop,
        drop_interval=(drop, drop),
        examples=100,
        latency_p50_milliseconds=latency,
        latency_p95_milliseconds=latency,
    )


FLOAT = measured("Float32", 1000, 3.0)
INT8 = measured("Int8", 300, 1.0)


@pytest.mark.parametrize(
    ("compressed", "choice", "front"),
    [
        pytest.param([INT8, measured("Keep50Int8", 100, 0.5, 0.005)], "Keep50Int8",
                     {"Int8", "Keep50Int8"}, id="smaller"),
        pytest.param([measured("Keep50Int8", 100, 0.5), measured("Keep50DynamicRange", 101, 0.4)],
                     "Keep50DynamicRange", {"Keep50Int8", "Keep50DynamicRange"}, id="as small and faster"),
        pytest.param([measured("Keep50Int8", 100, 0.5), measured("Keep50DynamicRange", 103, 0.4)],
                     "Keep50Int8", {"Keep50Int8", "Keep50DynamicRange"}, id="not as small"),
        pytest.param([INT8, measured("Keep50Int8", 100, 0.5, 0.02)], "Int8", {"Int8", "Keep50Int8"}, id="too bad"),
        pytest.param([measured("Int8", 1001, 1.0)], "Float32", {"Float32", "Int8"}, id="larger than before"),
    ],
)  # fmt: skip
def test_the_smallest_good_variant_is_chosen(compressed: list[Measured], choice: str, front: set[str]) -> None:
    report = choose_variant(STEP, FLOAT, compressed)
    assert report.choice == choice
    assert {variant.name for variant in report.variants if variant.pareto} == front


WHY = "Int8.tflite: LiteRT cannot load it (a node failed)"


@pytest.mark.parametrize(
    ("compressed", "choice", "reason"),
    [
        pytest.param([measured("DynamicRange", 300, 1.0)], "DynamicRange", "GatePassed", id="another one passes"),
        pytest.param([], "Float32", "KeptUncompressed", id="none is left"),
    ],
)
def test_a_variant_that_cannot_be_loaded_is_told_of(compressed: list[Measured], choice: str, reason: str) -> None:
    report = choose_variant(STEP, FLOAT, compressed, {"Int8": WHY})
    assert (report.choice, report.reason) == (choice, reason)
    assert report.unusable == (UnusableVariant(name="Int8", message=WHY),)


def test_where_a_compressed_variant_is_asked_for_one_that_cannot_be_loaded_is_none() -> None:
    step = STEP.model_copy(update={"on_gate_failure": OnGateFailure.FAIL})
    with pytest.raises(TaskError) as caught:
        choose_variant(step, FLOAT, [], {"Int8": WHY})
    assert str(caught.value).startswith(f"no variant may be shipped. Float32: passes. Int8: {WHY}. To mend it, ")
