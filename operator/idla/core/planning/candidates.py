"""Which entries of the model library are trained: what can do the task within the constraints, in a sensible order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idla_contract.result import DataProfile
from idla_contract.task import Training

from idla.api.model_template import Measure, ModelTemplateSpec
from idla.api.reasons import DecisionReason, WorkflowCondition, WorkflowReason
from idla.api.training_workflow import Preset, TrainingWorkflowSpec
from idla.api.training_workflow_status import AlternativeStatus, CandidateStatus, SearchStatus, WeightsStatus
from idla.core.blocker import Blocker
from idla.core.conditions import shorten
from idla.core.planning.budget import Shares, pod_seconds, search_shares, shares_of
from idla.core.planning.expectation import expected_parameters, measure_data
from idla.core.planning.feasibility import find_mismatch, is_listed, methods_for
from idla.core.planning.numbers import number_or_text
from idla.core.planning.requirements import Requirements
from idla.core.planning.search import count_trials, search_of
from idla.core.snapshot import Template

DEFAULT_MAX_CANDIDATES = {Preset.FAST: 2, Preset.BALANCED: 3, Preset.BEST: 6}
_EPOCHS = {Preset.FAST: 1 / 3, Preset.BALANCED: 1.0, Preset.BEST: 2.0}
_NOT_OF_A_TRAINING = {"refit", "backoff_limit"}
"""Settings under `spec.training` that say nothing of a single training."""
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
    requirements: Requirements, library: Sequence[Template], data: DataProfile | None
) -> Choice | Blocker:
    """Return the candidates of a workflow, or why there are none.

    A shortlist keeps its order. Otherwise every architecture comes once before any comes twice, and of each the
    smaller one first: different architectures tell more than sizes of the same one, and small ones cost less.

    Args:
        requirements: what is asked for.
        library: all valid templates.
        data: what they look like, or None before they were profiled: what depends on it is then taken to fit.
    """
    spec, known = requirements.spec, measure_data(data)
    shortlist = _shortlist(spec, library)
    if isinstance(shortlist, Blocker):
        return shortlist
    unfit = [found for entry in shortlist if (found := find_mismatch(requirements, entry, data)) is not None]
    names = {entry.choice for entry in unfit}
    feasible = [entry for entry in shortlist if entry.name not in names]
    if not feasible:
        return _nothing_feasible(requirements, unfit, built_in=_built_in(library))
    order = feasible if is_listed(spec) else _round_robin_by_builder(feasible, known)
    maximum, trials = _most_candidates(spec), count_trials(spec)
    shares = search_shares(spec, trials) if trials > 1 else shares_of(spec, min(maximum, len(order)))
    within = order[:maximum]
    trained = within if shares is None else within[: shares.trainings]
    left_out = [_beyond_limit(template, maximum) for template in order[maximum:]]
    if shares is not None:
        left_out += [_beyond_budget(spec, template, shares) for template in within[len(trained) :]]
    rejected = sorted([*unfit, *left_out], key=lambda entry: entry.reason == DecisionReason.TASK_NOT_SUPPORTED)
    candidates = tuple(_candidate(spec, template, shares, known) for template in trained)
    search = _search_among(spec, candidates, trained, shares)
    return Choice(
        candidates=candidates,
        rejected=tuple(rejected[:_SHOWN_ALTERNATIVES]),
        reason=DecisionReason.LISTED if is_listed(spec) else DecisionReason.FEASIBLE,
        message=_explain_choice(candidates, library, _explain_comparison(search, shares, trials)),
        search=search,
    )


def _most_candidates(spec: TrainingWorkflowSpec) -> int:
    maximum = (spec.model and spec.model.max_candidates) or DEFAULT_MAX_CANDIDATES[spec.preset or Preset.BALANCED]
    trials = count_trials(spec)
    return min(maximum, trials) if trials > 1 else maximum


def _search_among(
    spec: TrainingWorkflowSpec,
    candidates: Sequence[CandidateStatus],
    templates: Sequence[Template],
    shares: Shares | None,
) -> SearchStatus | None:
    trials = count_trials(spec)
    return search_of(
        spec,
        candidates,
        {template.name: template.spec for template in templates},
        trials=trials if shares is None else min(trials, shares.trainings),
        max_seconds=None if shares is None else shares.training_seconds,
    )


def _explain_comparison(search: SearchStatus | None, shares: Shares | None, trials: int) -> str:
    if search is None:
        return "are trained"
    how = f"are compared in a search of {len(search.trials)} trials"
    if shares is None or shares.trainings >= trials:
        return how
    return f"{how} ({trials} without `spec.budget`, which pays for {shares.training_seconds} s of them)"


def _explain_choice(candidates: Sequence[CandidateStatus], library: Sequence[Template], how: str) -> str:
    sizes = ", ".join(f"{candidate.template} ({candidate.parameters} weights)" for candidate in candidates)
    kind = "built-in templates" if _built_in(library) else "templates"
    return shorten(f"{len(candidates)} of {len(library)} {kind} {how}: {sizes}")


def _beyond_limit(template: Template, maximum: int) -> AlternativeStatus:
    message = f"{maximum} candidates stand before it; raise `spec.model.maxCandidates` to train it too"
    return AlternativeStatus(choice=template.name, reason=DecisionReason.CANDIDATE_LIMIT, message=message)


def _beyond_budget(spec: TrainingWorkflowSpec, template: Template, shares: Shares) -> AlternativeStatus:
    message = (
        f"`spec.budget` is {pod_seconds(spec)} s of pod time, which trains {shares.trainings} for up to"
        f" {shares.training_seconds} s; raise it to train this one too"
    )
    return AlternativeStatus(choice=template.name, reason=DecisionReason.BUDGET, message=message)


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
        )
    return tuple(by_name[name] for name in names)


def _nothing_feasible(requirements: Requirements, rejected: Sequence[AlternativeStatus], *, built_in: bool) -> Blocker:
    if rejected:
        reasons = "; ".join(f"{entry.choice}: {entry.reason}, {entry.message}" for entry in rejected)
        # The operator would not see one that is added.
        advice = "relax the spec" if built_in else "relax the spec or add a ModelTemplate"
        message = f"no {'built-in ' if built_in else ''}template can do it; {advice}: {reasons}"
    else:
        kind = requirements.problem.type
        message = f"the library has no ModelTemplate for {kind}; apply the library's manifests or add one"
    return Blocker(
        condition=WorkflowCondition.PLANNED,
        reason=WorkflowReason.NO_FEASIBLE_MODEL,
        message=shorten(message),
    )


def _built_in(library: Sequence[Template]) -> bool:
    return any(template.built_in for template in library)


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
    epochs = max(1, round(own.max_epochs * _EPOCHS[spec.preset or Preset.BALANCED]))
    values = own.model_dump(exclude_none=True) | {"max_epochs": epochs}
    if given is not None:
        values |= given.model_dump(exclude_none=True, exclude=_NOT_OF_A_TRAINING)
    return Training.model_validate(values)
