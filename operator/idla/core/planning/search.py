"""The search that a workflow asks for: which trials compete, and how they are narrowed down (successive halving)."""

import json
import math
from collections.abc import Mapping, Sequence

from idla_contract.task import Training

from idla.api.model_template import ModelTemplateSpec
from idla.api.search_space import Dimension
from idla.api.training_workflow import Preset, TrainingWorkflowSpec
from idla.api.training_workflow_status import CandidateStatus, RungStatus, SearchStatus, TrialStatus
from idla.core.planning.numbers import number_or_text
from idla.core.planning.search_space import Settings, draw_points

DEFAULT_TRIALS = {Preset.FAST: 1, Preset.BALANCED: 1, Preset.BEST: 9}
_KEEPS = 3
"""One trial in so many goes on from a rung to the next, and each rung takes it so many times further."""
_PERCENTS = (11, 33, 100)
MINIMUM_STEPS = 100
"""Steps that every trial has before any is given up: fewer tell little, and building its network takes longer."""
_TRAINING = {"learningRate": "learning_rate", "weightDecay": "weight_decay"}
"""Dimensions that are settings of the training, with their names in the contract."""


def count_trials(spec: TrainingWorkflowSpec) -> int:
    """Return how many trials a search has at most; 1: there is no search."""
    asked = None if spec.model is None else spec.model.search
    return DEFAULT_TRIALS[spec.preset or Preset.BALANCED] if asked is None else asked.trials


def search_of(
    spec: TrainingWorkflowSpec,
    candidates: Sequence[CandidateStatus],
    templates: Mapping[str, ModelTemplateSpec],
    *,
    trials: int,
    max_seconds: int | None,
) -> SearchStatus | None:
    """Return the search among candidates and their settings, or None where there is nothing to choose between.

    Every candidate competes as it stands; what is left of the trials is shared by those that have a search space. What
    the workflow itself says about its trainings is not varied.

    Args:
        spec: what is asked for.
        candidates: no more than `trials`.
        templates: theirs, by name.
        trials: how many compete at most.
        max_seconds: for all of them; None: as long as they take.
    """
    spaces = {entry.template: _select_dimensions(spec, templates[entry.template]) for entry in candidates}
    varied = [entry.template for entry in candidates if spaces[entry.template]]
    counts = dict.fromkeys(varied, 0)
    for number in range(trials - len(candidates) if varied else 0):
        counts[varied[number % len(varied)]] += 1
    seed = Training.model_validate_json(candidates[0].training).seed
    found = [TrialStatus(template=entry.template, settings="{}") for entry in candidates]
    for entry in candidates:
        name = entry.template
        for point in draw_points(spaces[name], counts.get(name, 0), key=f"{seed}/{name}"):
            settings = json.dumps(_diff_settings(entry, point), sort_keys=True, ensure_ascii=False)
            trial = TrialStatus(template=name, settings=settings)
            if trial not in found:
                found.append(trial)
    if min(trials, len(found)) == 1:
        return None
    return SearchStatus(trials=tuple(found), rungs=rungs_for(len(found)), max_seconds=max_seconds)


def rungs_for(trials: int) -> tuple[RungStatus, ...]:
    """Return how so many trials are narrowed down to one."""
    kept = [math.ceil(trials / _KEEPS**number) for number in range(1, len(_PERCENTS))]
    return tuple(RungStatus(percent=percent, kept=count) for percent, count in zip(_PERCENTS, (*kept, 1), strict=True))


def candidate_of(candidate: CandidateStatus, trial: TrialStatus) -> CandidateStatus:
    """Return the candidate with a trial's settings."""
    settings: dict[str, float | int | str] = json.loads(trial.settings)
    training = {_TRAINING[name]: value for name, value in settings.items() if name in _TRAINING}
    own = {name: value for name, value in settings.items() if name not in _TRAINING}
    hyperparameters = json.loads(candidate.hyperparameters) | own
    trained = Training.model_validate(Training.model_validate_json(candidate.training).model_dump() | training)
    return candidate.model_copy(
        update={
            "hyperparameters": json.dumps(hyperparameters, sort_keys=True, ensure_ascii=False),
            "training": trained.to_json(),
        }
    )


def label(trial: TrialStatus) -> str:
    """Return what a trial is called: its template, and the settings that are its own."""
    settings = json.loads(trial.settings)
    shown = ", ".join(f"{name} {value}" for name, value in settings.items())
    return f"{trial.template} ({shown})" if shown else trial.template


def _select_dimensions(spec: TrainingWorkflowSpec, template: ModelTemplateSpec) -> tuple[Dimension, ...]:
    fixed = {"learningRate"} if spec.training is not None and spec.training.learning_rate is not None else set()
    return tuple(dimension for dimension in template.search_space if dimension.name not in fixed)


def _diff_settings(candidate: CandidateStatus, point: Settings) -> Settings:
    """Return the settings of a point that are not the candidate's own, numbers as numbers."""
    training = Training.model_validate_json(candidate.training)
    own = json.loads(candidate.hyperparameters)
    own |= {name: getattr(training, field) for name, field in _TRAINING.items()}
    read = {name: number_or_text(value) if isinstance(value, str) else value for name, value in point.items()}
    return {name: value for name, value in read.items() if own.get(name) != value}
