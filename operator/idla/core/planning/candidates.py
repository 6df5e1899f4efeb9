"""Which entries of the model library are trained: what can do the task within the constraints, in a sensible order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idla_contract.result import DataProfile
from idla_contract.task import CompressionMethod, EarlyStopping, Training

from idla.api.model_template import Measure, ModelTemplateSpec
from idla.api.reasons import DecisionReason, WorkflowCondition, WorkflowReason
from idla.api.task_kind import kind_of
from idla.api.training_workflow import CompressionMode, Preset, Selection, TrainingWorkflowSpec
from idla.api.training_workflow_status import AlternativeStatus, CandidateStatus, SearchStatus, WeightsStatus
from idla.core.conditions import shortened
from idla.core.inputs import Blocker
from idla.core.kube.references import claim_of
from idla.core.planning.budget import Shares, pod_seconds, search_shares, shares_of
from idla.core.planning.expectation import expected_parameters, measures
from idla.core.planning.numbers import number_or_text
from idla.core.planning.requirements import MEBIBYTE, limits
from idla.core.planning.search import count_trials, search_of
from idla.core.snapshot import Template

DEFAULT_MAX_CANDIDATES = {Preset.FAST: 2, Preset.BALANCED: 3, Preset.BEST: 6}
_EPOCHS = {Preset.FAST: 1 / 3, Preset.BALANCED: 1.0, Preset.BEST: 2.0}
_FLOAT_BYTES, _BYTE = 4, 1
_SHOWN_ALTERNATIVES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The candidates and what was not taken, each with its reason."""

    candidates: tuple[CandidateStatus, ...]
    rejected: tuple[AlternativeStatus, ...]
    reason: DecisionReason
    message: str
    search: SearchStatus | None = None
    """How one of the candidates is chosen; None: each is trained to its end."""


def nominate_candidates(
    spec: TrainingWorkflowSpec, library: Sequence[Template], data: DataProfile | None
) -> Choice | Blocker:
    """Return the candidates of a workflow, or why there are none.

    A shortlist keeps its order. Otherwise every architecture comes once before any comes twice, and of each the
    smaller one first: different architectures tell more than sizes of the same one, and small ones cost less.

    Args:
        spec: what is asked for.
        library: all valid templates.
        data: what they look like, or None before they were profiled: what depends on it is then taken to fit.
    """
    shortlist = _shortlist(spec, library)
    if isinstance(shortlist, Blocker):
        return shortlist
    rejected: list[AlternativeStatus] = []
    feasible: list[Template] = []
    for template in shortlist:
        refusal = _find_refusal(spec, template, data)
        if refusal is None:
            feasible.append(template)
        else:
            rejected.append(refusal)
    if not feasible:
        return _nothing_feasible(spec, rejected, built_in=_built_in(library))
    known = measures(data)
    order = feasible if _is_listed(spec) else _round_robin_by_builder(feasible, known)
    maximum = (spec.model and spec.model.max_candidates) or DEFAULT_MAX_CANDIDATES[spec.preset or Preset.BALANCED]
    trials = count_trials(spec)
    if trials > 1:
        maximum = min(maximum, trials)
    rejected.extend(
        AlternativeStatus(
            choice=template.name,
            reason=DecisionReason.CANDIDATE_LIMIT,
            message=f"{maximum} candidates stand before it; raise `spec.model.maxCandidates` to train it too",
        )
        for template in order[maximum:]
    )
    shares = search_shares(spec, trials) if trials > 1 else shares_of(spec, min(maximum, len(order)))
    trained = order[:maximum] if shares is None else order[: shares.trainings]
    rejected.extend(
        _beyond_budget(spec, template, shares) for template in order[len(trained) : maximum] if shares is not None
    )
    candidates = tuple(_candidate(spec, template, shares, known) for template in trained)
    names = ", ".join(f"{candidate.template} ({candidate.parameters} weights)" for candidate in candidates)
    search = search_of(
        spec,
        candidates,
        {template.name: template.spec for template in trained},
        trials=trials if shares is None else min(trials, shares.trainings),
        max_seconds=None if shares is None else shares.training_seconds,
    )
    how = "are trained" if search is None else f"are compared in a search of {len(search.trials)} trials"
    if search is not None and shares is not None and shares.trainings < trials:
        how += f" ({trials} without `spec.budget`, which pays for {shares.training_seconds} s of them)"
    return Choice(
        candidates=candidates,
        rejected=tuple(sorted(rejected, key=_is_of_another_kind)[:_SHOWN_ALTERNATIVES]),
        reason=DecisionReason.LISTED if _is_listed(spec) else DecisionReason.FEASIBLE,
        message=shortened(f"{len(candidates)} of {len(library)} {_library_label(library)} {how}: {names}"),
        search=search,
    )


def _beyond_budget(spec: TrainingWorkflowSpec, template: Template, shares: Shares) -> AlternativeStatus:
    message = (
        f"`spec.budget` is {pod_seconds(spec)} s of pod time, which trains {shares.trainings} for up to"
        f" {shares.training_seconds} s; raise it to train this one too"
    )
    return AlternativeStatus(choice=template.name, reason=DecisionReason.BUDGET, message=message)


def _is_of_another_kind(entry: AlternativeStatus) -> bool:
    return entry.reason == DecisionReason.TASK_NOT_SUPPORTED


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


def _is_listed(spec: TrainingWorkflowSpec) -> bool:
    return spec.model is not None and spec.model.selection in {Selection.SHORTLIST, Selection.PINNED}


def _shortlist(spec: TrainingWorkflowSpec, library: Sequence[Template]) -> tuple[Template, ...] | Blocker:
    by_name = {template.name: template for template in library}
    if spec.model is None or not spec.model.template_refs:
        return tuple(by_name[name] for name in sorted(by_name))
    names = [reference.name for reference in spec.model.template_refs]
    unknown = [name for name in names if name not in by_name]
    if unknown:
        known = ", ".join(sorted(by_name)) or "none; the library is empty"
        whose = (
            "known are those of the operator, which may not read ModelTemplates" if _built_in(library) else "known are"
        )
        return Blocker(
            condition=WorkflowCondition.ACCEPTED,
            reason=WorkflowReason.TEMPLATE_NOT_FOUND,
            message=f"`spec.model.templateRefs`: no ModelTemplate {', '.join(unknown)}; {whose}: {known}",
            final=False,
        )
    return tuple(by_name[name] for name in names)


def _find_refusal(spec: TrainingWorkflowSpec, template: Template, data: DataProfile | None) -> AlternativeStatus | None:
    found = _find_mismatch(spec, template, data)
    if found is None:
        return None
    reason, message = found
    return AlternativeStatus(choice=template.name, reason=reason, message=message)


def _find_mismatch(
    spec: TrainingWorkflowSpec, template: Template, data: DataProfile | None
) -> tuple[DecisionReason, str] | None:
    entry = template.spec
    kind = kind_of(spec)
    if kind not in entry.tasks:
        return DecisionReason.TASK_NOT_SUPPORTED, f"it is for {', '.join(entry.tasks)}, not for {kind}"
    shape = () if data is None else data.shape
    if shape and entry.inputs is not None:
        sides = f"images are {shape[0]}x{shape[1]}"
        if entry.inputs.minimum_side is not None and min(shape[:2]) < entry.inputs.minimum_side:
            return DecisionReason.INPUT_TOO_SMALL, f"{sides}; it needs at least {entry.inputs.minimum_side} a side"
        if entry.inputs.maximum_side is not None and max(shape[:2]) > entry.inputs.maximum_side:
            return DecisionReason.INPUT_TOO_LARGE, f"{sides}; it takes at most {entry.inputs.maximum_side} a side"
    claim, mounted = entry.weights and claim_of(entry.weights.uri), claim_of(spec.data.storage_uri)
    if claim and claim != mounted:
        has = f"{mounted} for the data" if mounted else "none, since the data are on none"
        return DecisionReason.WEIGHTS_NOT_MOUNTED, f"its weights are on the claim {claim}; its pod mounts {has}"
    maximum = limits(spec).size_bytes
    methods = methods_for(spec, entry)
    parameters = expected_parameters(entry.profile, measures(data))
    expected = smallest_bytes(parameters, methods)
    if maximum is not None and expected > maximum:
        how = f"with {' or '.join(methods)}" if methods else "uncompressed"
        figures = f"{_mebibytes(expected)} MiB expected {how} ({parameters} weights)"
        return DecisionReason.SIZE_EXCEEDED, f"{figures}; `modelSizeMebibytes` allows {_mebibytes(maximum)}"
    return None


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:.3g}" if size < MEBIBYTE else f"{size / MEBIBYTE:.1f}"


def _nothing_feasible(spec: TrainingWorkflowSpec, rejected: Sequence[AlternativeStatus], *, built_in: bool) -> Blocker:
    if rejected:
        reasons = "; ".join(f"{entry.choice}: {entry.reason}, {entry.message}" for entry in rejected)
        # The operator would not see one that is added.
        advice = "relax the spec" if built_in else "relax the spec or add a ModelTemplate"
        message = f"no {'built-in ' if built_in else ''}template can do it; {advice}: {reasons}"
    else:
        message = f"the library has no ModelTemplate for {kind_of(spec)}; apply the library's manifests or add one"
    return Blocker(
        condition=WorkflowCondition.PLANNED,
        reason=WorkflowReason.NO_FEASIBLE_MODEL,
        message=shortened(message),
        final=False,
    )


def _built_in(library: Sequence[Template]) -> bool:
    return any(template.built_in for template in library)


def _library_label(library: Sequence[Template]) -> str:
    return "built-in templates" if _built_in(library) else "templates"


def _round_robin_by_builder(templates: Sequence[Template], known: Mapping[Measure, int]) -> list[Template]:
    """Return templates so that the smallest of every builder comes first, then the second smallest of every one."""
    size = {entry.name: expected_parameters(entry.spec.profile, known) for entry in templates}
    builders: dict[str, list[Template]] = {}
    for template in sorted(templates, key=lambda entry: (size[entry.name], entry.name)):
        builders.setdefault(template.spec.builder, []).append(template)
    ranked = [(rank, entry) for row in builders.values() for rank, entry in enumerate(row)]
    ranked.sort(key=lambda item: (item[0], size[item[1].name], item[1].name))
    return [entry for _, entry in ranked]


def _candidate(
    spec: TrainingWorkflowSpec, template: Template, shares: Shares | None, known: Mapping[Measure, int]
) -> CandidateStatus:
    entry = template.spec
    training = training_for(spec, entry)
    if shares is not None:
        training = training.model_copy(update={"max_seconds": shares.training_seconds})
    hyperparameters = {setting.name: number_or_text(setting.value) for setting in entry.hyperparameters}
    return CandidateStatus(
        template=template.name,
        builder=entry.builder,
        parameters=expected_parameters(entry.profile, known),
        hyperparameters=json.dumps(hyperparameters, sort_keys=True, ensure_ascii=False),
        weights=entry.weights and WeightsStatus(uri=entry.weights.uri, sha256=entry.weights.sha256),
        training=training.to_json(),
        methods=methods_for(spec, entry),
    )


def training_for(spec: TrainingWorkflowSpec, template: ModelTemplateSpec) -> Training:
    """Return how a template is trained: the workflow's settings, else the template's, else the contract's."""
    own, given = template.training, spec.training
    own_values: dict[str, object] = {
        "max_epochs": max(1, round(own.max_epochs * _EPOCHS[spec.preset or Preset.BALANCED])),
        "batch_size": own.batch_size,
        "learning_rate": float(own.learning_rate),
        "weight_decay": None if own.weight_decay is None else float(own.weight_decay),
        "label_smoothing": None if own.label_smoothing is None else float(own.label_smoothing),
        "average_decay": None if own.average_decay is None else float(own.average_decay),
        "warm_up_percent": own.warm_up_percent,
        "schedule": own.schedule,
        "class_weights": own.class_weights,
        "jit_compile": own.jit_compile,
    }
    values = {name: value for name, value in own_values.items() if value is not None}
    if given is not None:
        overrides = {
            "max_epochs": given.max_epochs,
            "batch_size": given.batch_size,
            "learning_rate": None if given.learning_rate is None else float(given.learning_rate),
            "seed": given.seed,
            "checkpoint_period_seconds": given.checkpoint_period_seconds,
        }
        values |= {name: value for name, value in overrides.items() if value is not None}
        if given.early_stopping is not None:
            stopping = given.early_stopping
            patience = {} if stopping.patience_epochs is None else {"patience_epochs": stopping.patience_epochs}
            delta = {} if stopping.min_delta is None else {"min_delta": float(stopping.min_delta)}
            values["early_stopping"] = EarlyStopping.model_validate(patience | delta)
    return Training.model_validate(values)
