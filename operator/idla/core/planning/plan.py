"""The plan: what is done to reach what was asked for, frozen so that later changes around it disturb nothing."""

import hashlib
import json

from idla_contract.task import RefitStep

from idla.api.training_workflow import TrainingWorkflowSpec
from idla.api.training_workflow_status import BasisStatus, PlannedTaskStatus, PlanStatus
from idla.builders.identity import child_name
from idla.core.planning.budget import refit_for
from idla.core.planning.candidates import Choice

PROFILE = "profile"
SEARCH = "search"
PUBLISH = "publish"


def training_task_name(template: str) -> str:
    """Return the name of the task that trains a template."""
    return child_name("train", template)


def make_plan(spec: TrainingWorkflowSpec, choice: Choice, basis: BasisStatus, *, data_digest: str | None) -> PlanStatus:
    """Return the plan for the chosen candidates; equal decisions on an equal basis have an equal hash.

    Args:
        spec: what is asked for.
        choice: the candidates.
        basis: the image and the spec.
        data_digest: of the data that were profiled. It is frozen with the plan: without it, data that change under
            the same address would be trained on by half, and a result of the old ones would be taken for theirs.
    """
    trainings = (
        tuple((training_task_name(candidate.template), "Train") for candidate in choice.candidates)
        if choice.search is None
        else ((SEARCH, "Search"),)
    )
    again = () if refit_step(spec, choice) is None else ("Refit",)
    publishing = ("Compress", *again, "Evaluate", "Verify", "Publish")
    tasks = (
        PlannedTaskStatus(name=PROFILE, steps=("Profile",)),
        *(PlannedTaskStatus(name=name, depends_on=(PROFILE,), steps=(step,)) for name, step in trainings),
        PlannedTaskStatus(name=PUBLISH, depends_on=tuple(name for name, _ in trainings), steps=publishing),
    )
    document = {
        "basis": basis.to_status(),
        "data": data_digest,
        "candidates": [candidate.to_status() for candidate in choice.candidates],
        "tasks": [task.to_status() for task in tasks],
    }
    if choice.search is not None:
        document["search"] = choice.search.to_status()
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
    return PlanStatus(
        hash=digest,
        image=basis.image,
        data_digest=data_digest,
        candidates=choice.candidates,
        search=choice.search,
        tasks=tasks,
    )


def refit_step(spec: TrainingWorkflowSpec, choice: Choice | PlanStatus) -> RefitStep | None:
    """Return how the chosen network is made again from more examples, or None where it is not."""
    trials = len(choice.candidates) if choice.search is None else len(choice.search.trials)
    return refit_for(spec, trials, searched=choice.search is not None)
