"""The pure parts of the trainer: hyperparameters, schedule, batches, statistics, gate and choice."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.result import FailureReason
from idla_contract.task import (
    Candidate,
    CompressionMethod,
    CompressStep,
    Gate,
    ModelSpec,
    OnGateFailure,
    Training,
    Weights,
)
from idla_trainer.compression.gate.verdict import Measured, choose_variant
from idla_trainer.evaluation.statistics import accuracy_error, paired_drop_interval, wilson_interval
from idla_trainer.failures import TaskError
from idla_trainer.models.registry import REGISTRY, entry_of
from idla_trainer.runtime_limits import cpu_count, memory_bytes
from idla_trainer.training.batches import epoch_order, steps_per_epoch
from idla_trainer.training.schedule import learning_rate

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

CHANGES = ("shift", "rotation", "scale", "shear", "elastic", "flip", "cutout")


def model(builder: str, **hyperparameters: float | str) -> ModelSpec:
    return ModelSpec(template="t", builder=builder, hyperparameters=hyperparameters)


def test_absent_hyperparameters_have_defaults() -> None:
    _, values = entry_of(model("resnet", width="8"))
    assert dict(values) == {"blocks": 1, "width": 8, "dropout": 0.4, "shift": 6} | dict.fromkeys(CHANGES[1:], 0)


@pytest.mark.parametrize(
    "given_model",
    [
        pytest.param(model("alexnet"), id="builder"),
        pytest.param(model("resnet", depth=3), id="name"),
        pytest.param(model("resnet", blocks=0), id="range"),
        pytest.param(model("vgg", width=16.5), id="fraction"),
        pytest.param(model("vgg", dropout="much"), id="type"),
    ],
)  # fmt: skip
def test_a_wrong_model_is_refused(given_model: ModelSpec, golden: Golden) -> None:
    reason, said = refused(lambda: entry_of(given_model))
    golden(said)
    assert reason == FailureReason.SPEC_INVALID


GIVEN = Weights(uri="https://host/w.npz", sha256="a" * 64)


def test_settings_of_given_weights_are_known_where_weights_are_given() -> None:
    resting = model("vgg", frozen_epochs=2)
    _, values = entry_of(resting.model_copy(update={"weights": GIVEN}))
    assert (values["frozen_epochs"], values["fine_tune_rate"]) == (2, 1)
    with pytest.raises(TaskError, match=r"hyperparameters\.frozen_epochs: the network 'vgg' does not know it"):
        entry_of(resting)


def test_weights_are_refused_by_networks_that_begin_anew() -> None:
    with pytest.raises(TaskError) as refusal:
        entry_of(model("tabular-linear").model_copy(update={"weights": GIVEN}))
    assert str(refusal.value) == (
        "model.weights: the network 'tabular-linear' does not begin with given weights; efficient, pretrained-vgg, "
        "resnet, vgg do. Leave it out"
    )


def test_every_default_is_within_its_range() -> None:
    for entry in REGISTRY.values():
        assert all(known.minimum <= known.default <= known.maximum for known in entry.hyperparameters)


def test_the_rate_warms_up_and_falls_to_a_hundredth() -> None:
    rates = [learning_rate(step, 200, Training(learning_rate=1.0)) for step in range(200)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[104] == pytest.approx(0.505)
    assert rates[-1] == pytest.approx(0.01)


@given(total=st.integers(1, 500), peak=st.floats(1e-6, 10))
def test_the_rate_stays_between_zero_and_its_peak(total: int, peak: float) -> None:
    training = Training(learning_rate=peak)
    assert all(0 < learning_rate(step, total, training) <= peak * (1 + 1e-12) for step in range(total))


@given(examples=st.integers(1, 300), batch=st.integers(1, 80), epoch=st.integers(0, 5))
def test_an_epoch_shows_an_example_at_most_once(examples: int, batch: int, epoch: int) -> None:
    order = epoch_order(examples, batch, seed=3, epoch=epoch)
    assert order.shape == (steps_per_epoch(examples, batch), min(batch, examples))
    assert len(set(order.ravel().tolist())) == order.size
    assert np.array_equal(order, epoch_order(examples, batch, seed=3, epoch=epoch))


@pytest.mark.parametrize(
    ("correct", "examples", "low", "high"),
    # The published values of Wilson's interval, to four digits.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_values_of_the_textbook(correct: int, examples: int, low: float, high: float) -> None:
    assert wilson_interval(correct, examples) == pytest.approx((low, high), abs=5e-5)


@given(lost=st.integers(0, 50), gained=st.integers(0, 50), agreed=st.integers(1, 400))
def test_the_paired_interval_is_symmetric_and_never_a_point(lost: int, gained: int, agreed: int) -> None:
    examples = lost + gained + agreed
    low, high = paired_drop_interval(lost, gained, examples)
    assert -1 <= low < high <= 1
    assert paired_drop_interval(gained, lost, examples) == pytest.approx((-high, -low))


def test_a_perfect_accuracy_still_has_an_error() -> None:
    assert accuracy_error(144, 144) == pytest.approx(math.sqrt((146 / 148) * (2 / 148) / 148))


EXAMPLES = 100
FLOAT_RIGHT = np.arange(EXAMPLES) >= 2


def measured(name: str, size: int, *, wrong: int = 0, latency: float = 1.0) -> Measured:
    """Return a file that has the first examples wrong, compared with the float model on the same examples."""
    right = np.arange(EXAMPLES) >= wrong
    lost, gained = int(np.count_nonzero(FLOAT_RIGHT & ~right)), int(np.count_nonzero(right & ~FLOAT_RIGHT))
    return Measured(
        name=name,
        size_bytes=size,
        score=float(right.mean()),
        drop=(lost - gained) / EXAMPLES,
        drop_interval=paired_drop_interval(lost, gained, EXAMPLES),
        examples=EXAMPLES,
        latency_p50_milliseconds=latency / 2,
        latency_p95_milliseconds=latency,
    )


def step(gate: Gate | None = None, **options: Any) -> CompressStep:
    candidate = Candidate(task="train", content_hash="0123456789ab", model=model("resnet"))
    return CompressStep(candidate=candidate, gate=gate or Gate(), **options)


FLOAT = measured("Float32", 1000, wrong=2, latency=3.0)
DYNAMIC = measured("DynamicRange", 250, wrong=2, latency=2.0)
INT8 = measured("Int8", 260, wrong=2, latency=1.0)
BAD = measured("Int8", 240, wrong=4)


@pytest.mark.parametrize(
    ("given_step", "compressed", "choice", "reason"),
    [
        pytest.param(step(), [DYNAMIC, INT8], "DynamicRange", "GatePassed", id="the smallest"),
        pytest.param(step(), [DYNAMIC, measured("Int8", 250, wrong=2)], "Int8", "GatePassed", id="a tie: the faster"),
        pytest.param(
            step(Gate(maximum_drop=0.02)), [measured("Int8", 250, wrong=3, latency=2.0), DYNAMIC], "DynamicRange",
            "GatePassed", id="as small and as fast: the better",
        ),
        pytest.param(step(), [BAD, DYNAMIC], "DynamicRange", "GatePassed", id="a smaller one loses too much"),
        pytest.param(step(Gate(maximum_drop=0.02)), [BAD, DYNAMIC], "Int8", "GatePassed", id="a wider gate"),
        pytest.param(step(), [BAD], "Float32", "KeptUncompressed", id="none passes"),
        pytest.param(step(), [measured("Int8", 1001, wrong=2)], "Float32", "KeptUncompressed", id="larger than before"),
        pytest.param(step(methods=()), [], "Float32", "Off", id="nothing asked for"),
        pytest.param(step(maximum_latency_p95_milliseconds=1.5), [DYNAMIC, INT8], "Int8", "GatePassed", id="fast"),
        pytest.param(step(maximum_size_bytes=500), [DYNAMIC, INT8], "DynamicRange", "GatePassed", id="small"),
        pytest.param(step(Gate(strict=True)), [INT8], "Float32", "KeptUncompressed", id="too few to prove it"),
        pytest.param(step(Gate(strict=True, maximum_drop=0.02)), [INT8], "Int8", "GatePassed", id="proven"),
    ],
)  # fmt: skip
def test_the_choice(given_step: CompressStep, compressed: list[Measured], choice: str, reason: str) -> None:
    report = choose_variant(given_step, FLOAT, compressed)
    assert (report.choice, report.reason) == (choice, reason)
    assert [variant.name for variant in report.variants] == ["Float32", *(entry.name for entry in compressed)]
    kept = [variant.name for variant in report.variants if variant.message.startswith("kept")]
    assert kept == [choice]


def test_the_variants_explain_themselves() -> None:
    report = choose_variant(step(maximum_latency_p95_milliseconds=2.5), FLOAT, [DYNAMIC, BAD])
    assert [(variant.passed, variant.message) for variant in report.variants] == [
        (False, "refused; p95 of 3.000 ms, at most 2.5 ms allowed"),
        (True, "kept; loses 0.0000 on 100 examples (95 % interval -0.0192 to 0.0192), at most 0.01 allowed"),
        (
            False,
            "refused; loses 0.0200 on 100 examples (95 % interval -0.0135 to 0.0527), more than the allowed 0.01",
        ),
    ]


@pytest.mark.parametrize(
    ("given_step", "compressed", "reason"),
    [
        pytest.param(step(on_gate_failure=OnGateFailure.FAIL), [BAD], "GateFailed", id="the gate, and fail"),
        pytest.param(step(maximum_size_bytes=100), [DYNAMIC], "ConstraintUnmet", id="all too large"),
        pytest.param(step(methods=(), maximum_latency_p95_milliseconds=0.5), [], "ConstraintUnmet",
                     id="uncompressed and too slow"),
        pytest.param(step(maximum_size_bytes=245), [BAD], "GateFailed", id="small enough, but the gate"),
    ],
)  # fmt: skip
def test_nothing_to_ship(given_step: CompressStep, compressed: list[Measured], reason: str, golden: Golden) -> None:
    found, said = refused(lambda: choose_variant(given_step, FLOAT, compressed))
    golden(said)
    assert found == reason


def test_the_methods_of_the_contract_are_the_names_of_the_variants() -> None:
    assert {method.value for method in CompressionMethod} == {"DynamicRange", "Int8", "Float16"}


@pytest.mark.parametrize(("content", "expected"), [("50000 100000\n", 1), ("max 100000\n", None), ("", None)])
def test_threads_follow_the_limit_of_the_control_group(tmp_path: Path, content: str, expected: int | None) -> None:
    unlimited = cpu_count(tmp_path / "missing")
    (tmp_path / "cpu.max").write_text(content)
    assert cpu_count(tmp_path / "cpu.max") == (expected or unlimited)


@pytest.mark.parametrize(("content", "expected"), [("1048576\n", 1048576), ("max\n", None), ("", None)])
def test_memory_follows_the_limit_of_the_control_group(tmp_path: Path, content: str, expected: int | None) -> None:
    machine = memory_bytes(tmp_path / "missing")
    assert machine > 1 << 28
    (tmp_path / "memory.max").write_text(content)
    assert memory_bytes(tmp_path / "memory.max") == (expected or machine)
