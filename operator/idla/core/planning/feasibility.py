"""Whether a template can do a task within its constraints."""

from collections.abc import Sequence

from idla_contract.result import DataProfile
from idla_contract.task import CompressionMethod
from idla_contract.uri import claim_of

from idla.api.model_template import ModelTemplateSpec
from idla.api.reasons import DecisionReason
from idla.api.training_workflow import CompressionMode, Selection, TrainingWorkflowSpec
from idla.api.training_workflow_status import AlternativeStatus
from idla.core.planning.expectation import expected_parameters, measure_data
from idla.core.planning.requirements import MEBIBYTE, Requirements
from idla.core.snapshot import Template

_FLOAT_BYTES, _BYTE = 4, 1
_Mismatch = tuple[DecisionReason, str]
"""Why a template is not taken, for programs and for people."""


def find_mismatch(requirements: Requirements, template: Template, data: DataProfile | None) -> AlternativeStatus | None:
    """Return why a template cannot do what is asked for, or None where it can.

    Args:
        requirements: what is asked for.
        template: an entry of the library.
        data: what they look like; None: not known yet, so what depends on it is taken to fit.
    """
    entry = template.spec
    checks = (_check_task, _check_inputs, _check_examples, _check_weights, _check_size)
    for check in checks:
        found = check(requirements, entry, data)
        if found is not None:
            reason, message = found
            return AlternativeStatus(choice=template.name, reason=reason, message=message)
    return None


def _check_task(requirements: Requirements, entry: ModelTemplateSpec, _: DataProfile | None) -> _Mismatch | None:
    kind = requirements.problem.type
    if kind in entry.tasks:
        return None
    return DecisionReason.TASK_NOT_SUPPORTED, f"it is for {', '.join(entry.tasks)}, not for {kind}"


def _check_inputs(_: Requirements, entry: ModelTemplateSpec, data: DataProfile | None) -> _Mismatch | None:
    if data is None or not data.shape or entry.inputs is None:
        return None
    height, width = data.shape[:2]
    sides, least, most = f"images are {height}x{width}", entry.inputs.minimum_side, entry.inputs.maximum_side
    if least is not None and min(height, width) < least:
        return DecisionReason.INPUT_TOO_SMALL, f"{sides}; it needs at least {least} a side"
    if most is not None and max(height, width) > most:
        return DecisionReason.INPUT_TOO_LARGE, f"{sides}; it takes at most {most} a side"
    return None


def _check_examples(requirements: Requirements, entry: ModelTemplateSpec, data: DataProfile | None) -> _Mismatch | None:
    maximum = entry.profile.maximum_examples
    if data is None or maximum is None or data.train_examples <= maximum or is_listed(requirements.spec):
        return None
    message = (
        f"{data.train_examples} examples to train; it takes long for each, so beyond {maximum} it is tried only where"
        " `spec.model.templateRefs` names it and `selection` is Shortlist or Pinned"
    )
    return DecisionReason.TOO_MANY_EXAMPLES, message


def is_listed(spec: TrainingWorkflowSpec) -> bool:
    """Return whether the spec says which templates are trained, and in which order."""
    return spec.model is not None and spec.model.selection in {Selection.SHORTLIST, Selection.PINNED}


def _check_weights(requirements: Requirements, entry: ModelTemplateSpec, _: DataProfile | None) -> _Mismatch | None:
    claim, mounted = entry.weights and claim_of(entry.weights.uri), requirements.data_claim
    if not claim or claim == mounted:
        return None
    has = f"{mounted} for the data" if mounted else "none, since the data are on none"
    return DecisionReason.WEIGHTS_NOT_MOUNTED, f"its weights are on the claim {claim}; its pod mounts {has}"


def _check_size(requirements: Requirements, entry: ModelTemplateSpec, data: DataProfile | None) -> _Mismatch | None:
    maximum, methods = requirements.limits.size_bytes, methods_for(requirements.spec, entry)
    parameters = expected_parameters(entry.profile, measure_data(data))
    expected = smallest_bytes(parameters, methods)
    if maximum is None or expected <= maximum:
        return None
    how = f"with {' or '.join(methods)}" if methods else "uncompressed"
    figures = f"{_format_mebibytes(expected)} MiB expected {how} ({parameters} weights)"
    return DecisionReason.SIZE_EXCEEDED, f"{figures}; `modelSizeMebibytes` allows {_format_mebibytes(maximum)}"


def _format_mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:.3g}" if size < MEBIBYTE else f"{size / MEBIBYTE:.1f}"


def methods_for(spec: TrainingWorkflowSpec, template: ModelTemplateSpec) -> tuple[CompressionMethod, ...]:
    """Return the compression methods that are tried on a template."""
    settings = spec.compression
    if settings is not None and settings.mode is CompressionMode.OFF:
        return ()
    asked = template.compression_methods if settings is None or settings.methods is None else settings.methods
    return tuple(method for method in asked if method in template.compression_methods)


def smallest_bytes(parameters: int, methods: Sequence[CompressionMethod]) -> int:
    """Return the size of the smallest file that can be expected: a byte a weight where it is quantized, else four."""
    return parameters * (_BYTE if methods else _FLOAT_BYTES)


def most_parameters(size_bytes: int, methods: Sequence[CompressionMethod]) -> int:
    """Return how many weights a network may have whose smallest file is expected to keep a size; at least one."""
    return max(1, size_bytes // (_BYTE if methods else _FLOAT_BYTES))
