"""What was found and reached, in the shape of the status."""

import math

from idla_contract.problem import Metric
from idla_contract.result import FLOAT, ArtifactRef, CompressReport, DataProfile, RefitReport, TaskResult, Variant

from idla.api.reasons import DecisionReason
from idla.api.training_workflow_status import (
    AlternativeStatus,
    ArtifactStatus,
    DataStatus,
    ResultsStatus,
    VariantStatus,
)
from idla.core.conditions import shorten
from idla.core.planning.expectation import number_of_classes
from idla.core.workflow.lineage import lineage_status
from idla.core.workflow.selection import Selected

_WARNINGS = 8
_SMALL, _LARGE = 0.1, 1e12
_ENDLESS = "9e99"


def share(value: float) -> str:
    """Return a share as the status writes it."""
    return f"{min(1.0, max(0.0, value)):.4f}"


def score(value: float, metric: Metric) -> str:
    """Return a score as the status writes it: four digits, of a small error four significant ones."""
    if metric.maximized:
        return share(value)
    if not math.isfinite(value):
        return _ENDLESS
    value = max(0.0, value)
    return f"{value:.4f}" if value == 0 or _SMALL <= value < _LARGE else f"{value:.4e}".replace("e+", "e")


def interval(bounds: tuple[float, float]) -> str:
    """Return an interval for people."""
    return f"[{bounds[0]:.4f}, {bounds[1]:.4f}]"


def data_status(profile: DataProfile) -> DataStatus:
    """Return what the data look like."""
    written = {
        "classes": number_of_classes(profile),
        "shape": "x".join(str(side) for side in profile.shape),
        "baseline_score": score(profile.baseline_score, profile.metric),
        "columns": [column.model_dump() for column in profile.columns] or None,
        "column_count": profile.column_count or None,
        "warnings": tuple(shorten(warning) for warning in profile.warnings[:_WARNINGS]),
    }
    return DataStatus.model_validate(profile.model_dump() | written)


def results_status(selected: Selected, result: TaskResult) -> ResultsStatus | None:
    """Return what was reached, or None where the answer is not whole."""
    compress, evaluate = result.compress, result.evaluate
    if compress is None or evaluate is None:
        return None
    return ResultsStatus(
        template=selected.candidate.template,
        variant=compress.choice,
        metric=evaluate.metric,
        validation_score=score(selected.report.validation_score, selected.report.metric),
        test_examples=evaluate.test_examples,
        float_score=score(evaluate.float_score, evaluate.metric),
        served_score=score(evaluate.served_score, evaluate.metric),
        served_score_interval=interval(evaluate.served_score_interval),
        served_correct=evaluate.served_correct,
        baseline_score=score(evaluate.baseline_score, evaluate.metric),
        size_ratio=_ratio(compress, "size_bytes"),
        latency_ratio=_ratio(compress, "latency_p50_milliseconds"),
        variants=tuple(_variant_status(variant, evaluate.metric) for variant in compress.variants[:8]),
    )


def artifact_status(
    published: ArtifactRef, selected: Selected, result: TaskResult, *, generation: int, old: ArtifactStatus | None
) -> ArtifactStatus:
    """Return the published artifact as the status has it; the same one keeps its generation."""
    evaluate = result.evaluate
    if old is not None and old.digest == published.digest and old.uri == published.uri:
        return old
    return ArtifactStatus(
        uri=published.uri,
        digest=published.digest,
        size_bytes=published.size_bytes,
        generation=generation,
        template=selected.candidate.template,
        variant=FLOAT if result.compress is None else result.compress.choice,
        served_score="0" if evaluate is None else score(evaluate.served_score, evaluate.metric),
        lineage=lineage_status(published.lineage),
    )


def other_variants(compress: CompressReport) -> tuple[AlternativeStatus, ...]:
    """Return the variants that are not shipped, each with its reason."""
    unusable = (
        AlternativeStatus(choice=variant.name, reason=DecisionReason.NOT_PASSED, message=shorten(variant.message))
        for variant in compress.unusable
    )
    measured = (
        AlternativeStatus(
            choice=variant.name,
            reason=DecisionReason.NOT_BETTER if variant.passed else DecisionReason.NOT_PASSED,
            message=shorten(variant.message or _figures(variant)),
        )
        for variant in compress.variants[:8]
        if variant.name != compress.choice
    )
    return (*measured, *unusable)


def explain_variant(compress: CompressReport, refit: RefitReport | None) -> str:
    """Return the figures of the shipped variant beside the float one, and what became of the refit."""
    refit_text = "" if refit is None else f"; {refit.message if refit.shipped else f'not refitted: {refit.message}'}"
    return shorten(_compare_with_float(compress) + refit_text)


def _compare_with_float(compress: CompressReport) -> str:
    chosen, plain = find_variant(compress, compress.choice), find_variant(compress, FLOAT)
    if chosen is None:
        return ""
    if plain is None or plain.name == chosen.name:
        return _figures(chosen)
    smaller, faster = _ratio(compress, "size_bytes"), _ratio(compress, "latency_p50_milliseconds")
    return f"{_figures(chosen)}; {smaller} times smaller and {faster} times as fast as {FLOAT}"


def _figures(variant: Variant) -> str:
    drop = f"loses {variant.gate_drop:.4f} {interval(variant.gate_drop_interval)} on the gate split"
    return f"{variant.size_bytes} bytes, p50 {variant.latency_p50_milliseconds:.3f} ms, {drop}"


def _ratio(compress: CompressReport, field: str) -> str:
    """Return how many times less of something the shipped variant has than the float one."""
    chosen, plain = find_variant(compress, compress.choice), find_variant(compress, FLOAT)
    if chosen is None or plain is None or not getattr(chosen, field):
        return "1.00"
    return f"{getattr(plain, field) / getattr(chosen, field):.2f}"


def find_variant(compress: CompressReport, name: str) -> Variant | None:
    """Return the variant of a name, or None where it was not measured."""
    return next((variant for variant in compress.variants if variant.name == name), None)


def _variant_status(variant: Variant, metric: Metric) -> VariantStatus:
    return VariantStatus(
        name=variant.name,
        size_bytes=variant.size_bytes,
        gate_score=score(variant.gate_score, metric),
        gate_drop=f"{variant.gate_drop:.4f}",
        gate_drop_interval=interval(variant.gate_drop_interval),
        latency_p50_milliseconds=f"{variant.latency_p50_milliseconds:.4f}",
        latency_p95_milliseconds=f"{variant.latency_p95_milliseconds:.4f}",
        passed=variant.passed,
        message=shorten(variant.message),
    )
