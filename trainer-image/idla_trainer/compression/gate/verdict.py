"""The gate, the constraints and the choice: plain decisions about measured values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from idla_contract.result import (
    FLOAT,
    CompressReason,
    CompressReport,
    FailureReason,
    UnusableVariant,
    Variant,
    cut_text,
)
from idla_contract.task import CompressStep, OnGateFailure

from idla_trainer.compression.gate.pareto import Point, pareto_front
from idla_trainer.failures import TaskError

_AS_SMALL = 1.02
_MOST, _LONGEST = 8, 200
"""Unusable variants that are told of, and the bytes of each reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One file as it was measured."""

    name: str
    size_bytes: int
    score: float
    drop: float
    """Loss of quality against the baseline."""
    drop_interval: tuple[float, float]
    """Its paired 95 % interval."""
    examples: int
    """On which both were compared."""
    latency_p50_milliseconds: float
    latency_p95_milliseconds: float


@dataclass(frozen=True, slots=True)
class _Verdict:
    variant: Variant
    within_gate: bool
    within_limits: bool


def choose_variant(
    step: CompressStep, baseline: Measured, compressed: Sequence[Measured], unusable: Mapping[str, str] | None = None
) -> CompressReport:
    """Return every variant with its verdict, and the smallest one that passes; the fastest of those as small.

    As small is what is at most 2 % larger, if the smallest one is compressed. Of those as fast it is the best.

    Args:
        step: the gate and the limits.
        baseline: the float model.
        compressed: the other variants, measured on the same examples.
        unusable: why no server could answer with others, by name.

    Raises:
        TaskError: no variant may be shipped; the message names the measured values.
    """
    verdicts = [_verdict(step, baseline, measured) for measured in (baseline, *compressed)]
    plain, others, unusable = verdicts[0], verdicts[1:], unusable or {}
    asked = bool(others or unusable)
    passed = [verdict for verdict in others if verdict.variant.passed]
    if plain.within_limits and (passed or not asked or step.on_gate_failure is OnGateFailure.KEEP_UNCOMPRESSED):
        passed.append(plain)
    if not passed:
        raise _refusal(step, plain, others, unusable)
    best = _best([verdict.variant for verdict in passed])
    uncompressed = CompressReason.KEPT_UNCOMPRESSED if asked else CompressReason.OFF
    variants = [verdict.variant for verdict in verdicts]
    unbeaten = pareto_front(
        {each.name: Point(each.gate_drop, each.size_bytes, each.latency_p50_milliseconds) for each in variants}
    )
    return CompressReport(
        choice=best.name,
        reason=uncompressed if best.name == FLOAT else CompressReason.GATE_PASSED,
        variants=tuple(_compared(variant, best, unbeaten) for variant in variants),
        unusable=tuple(
            UnusableVariant(name=name, message=cut_text(why, _LONGEST)) for name, why in islice(unusable.items(), _MOST)
        ),
    )


def _verdict(step: CompressStep, baseline: Measured, measured: Measured) -> _Verdict:
    drop, interval = measured.drop, measured.drop_interval
    is_float = measured is baseline
    within_gate = is_float or (interval[1] if step.gate.strict else drop) <= step.gate.maximum_drop
    problems = limit_problems(step, measured)
    messages = [] if is_float else [_gate_message(step, drop, interval, measured.examples, within_gate=within_gate)]
    variant = Variant(
        name=measured.name,
        size_bytes=measured.size_bytes,
        gate_score=measured.score,
        gate_drop=drop,
        gate_drop_interval=interval,
        latency_p50_milliseconds=round(measured.latency_p50_milliseconds, 4),
        latency_p95_milliseconds=round(measured.latency_p95_milliseconds, 4),
        passed=within_gate and not problems,
        message="; ".join([*messages, *problems]),
    )
    return _Verdict(variant, within_gate, not problems)


def _gate_message(
    step: CompressStep, drop: float, interval: tuple[float, float], examples: int, *, within_gate: bool
) -> str:
    allowed = f"{step.gate.maximum_drop:g}"
    measured = f"loses {drop:.4f} on {examples} examples (95 % interval {interval[0]:.4f} to {interval[1]:.4f})"
    if within_gate:
        return f"{measured}, at most {allowed} allowed"
    if not step.gate.strict:
        return f"{measured}, more than the allowed {allowed}"
    if drop <= step.gate.maximum_drop:
        return f"{measured}: {examples} examples are too few to prove a loss of at most {allowed}, as strict demands"
    return f"{measured}, and strict allows {allowed} for the interval's end"


def limit_problems(step: CompressStep, measured: Measured) -> list[str]:
    """Return which limits of size and latency a file does not keep, with its figures."""
    problems = []
    size, latency = step.maximum_size_bytes, step.maximum_latency_p95_milliseconds
    if size is not None and measured.size_bytes > size:
        problems.append(f"{measured.size_bytes} bytes, at most {size} allowed")
    if latency is not None and measured.latency_p95_milliseconds > latency:
        problems.append(f"p95 of {measured.latency_p95_milliseconds:.3f} ms, at most {latency:g} ms allowed")
    return problems


def _compared(variant: Variant, best: Variant, unbeaten: Sequence[str]) -> Variant:
    """Return a variant that passed with why it was kept or not."""
    if variant.name == best.name:
        word = "kept"
    elif variant.passed:
        word = f"not kept: {best.name} is {'smaller' if best.size_bytes < variant.size_bytes else 'faster'}"
    else:
        word = "refused"
    message = f"{word}; {variant.message}" if variant.message else word
    return variant.model_copy(update={"message": message, "pareto": variant.name in unbeaten})


def _best(passed: Sequence[Variant]) -> Variant:
    smallest = min(passed, key=lambda v: (v.size_bytes, v.latency_p50_milliseconds))
    if smallest.name == FLOAT:
        return smallest
    as_small = [variant for variant in passed if variant.size_bytes <= smallest.size_bytes * _AS_SMALL]
    return min(as_small, key=lambda v: (v.latency_p50_milliseconds, v.size_bytes, v.gate_drop))


def _refusal(step: CompressStep, plain: _Verdict, others: Sequence[_Verdict], unusable: Mapping[str, str]) -> TaskError:
    """Say which of gate and limits refuses everything."""
    gate_is_the_problem = any(verdict.within_limits and not verdict.within_gate for verdict in others)
    reason = FailureReason.GATE_FAILED if gate_is_the_problem else FailureReason.CONSTRAINT_UNMET
    lines = [f"{verdict.variant.name}: {verdict.variant.message or 'passes'}" for verdict in (plain, *others)]
    lines += [f"{name}: {why}" for name, why in unusable.items()]
    remedy = "choose a smaller network or raise the limit"
    if gate_is_the_problem:
        remedy = "allow a larger loss in compression.gate"
        if step.on_gate_failure is OnGateFailure.FAIL:
            remedy += " or keep the uncompressed model (onGateFailure)"
    return TaskError(reason, f"no variant may be shipped. {'. '.join(lines)}. To mend it, {remedy}")
