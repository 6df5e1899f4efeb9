"""The plan: what is done to reach what was asked for, frozen so that later changes around it disturb nothing."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from idla_contract.task import Recipe, RefitStep, Training

from idla.api.training_workflow import TrainingWorkflowSpec
from idla.api.training_workflow_status import BasisStatus, CandidateStatus, PlannedTaskStatus, PlanStatus
from idla.builders.identity import child_name
from idla.core.kube.resources import PodResources
from idla.core.planning.budget import recipe_for, refit_for
from idla.core.planning.candidates import Choice
from idla.core.planning.graph import NEEDS_MODEL, GraphError, StepKind, TaskNode, order_topologically
from idla.core.planning.requirements import Requirements

PROFILE = "profile"
SEARCH = "search"
SELECT = "select"
PUBLISH = "publish"
PROFILE_SHARE, TRAIN_SHARE, SELECT_SHARE, PUBLISH_SHARE = 0.05, 0.80, 0.01, 0.13
"""Expected shares of a workflow's time; what is left to 1 is the roll-out."""

_Outline = tuple[str, tuple[str, ...], tuple[StepKind, ...]]
"""A task's name, dependencies and steps."""


def training_task_name(template: str) -> str:
    """Return the name of the task that trains a template."""
    return child_name("train", template)


def name_training_task(plan: PlanStatus, template: str) -> str:
    """Return the name of the task of a plan that trains a template: its own, or the one that searches among all."""
    return training_task_name(template) if plan.search is None else SEARCH


def profile_node(requirements: Requirements) -> TaskNode:
    """Return the task that every workflow begins with: nothing can be planned before the data are known."""
    return TaskNode(
        name=PROFILE, steps=(StepKind.PROFILE,), resources=requirements.cpu_only_pod, expected_share=PROFILE_SHARE
    )


def make_plan(requirements: Requirements, choice: Choice, basis: BasisStatus, *, data_digest: str | None) -> PlanStatus:
    """Return the plan for the chosen candidates; equal decisions on an equal basis have an equal hash.

    Args:
        requirements: what is asked for.
        choice: the candidates.
        basis: the image and the spec.
        data_digest: of the data that were profiled. It is frozen with the plan: without it, data that change under
            the same address would be trained on by half, and a result of the old ones would be taken for theirs.
    """
    tasks = tuple(
        PlannedTaskStatus(
            name=node.name,
            depends_on=node.depends_on,
            steps=tuple(str(step) for step in node.steps),
            requests=dict(node.resources.demand),
            expected_percent=round(100 * node.expected_share),
        )
        for node in _build_nodes(_outline(requirements.spec, choice), requirements, choice)
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


def read_graph(plan: PlanStatus, requirements: Requirements) -> tuple[TaskNode, ...]:
    """Return the task graph of a plan, in topological order.

    Raises:
        GraphError: the plan is none of this version of the operator, or somebody changed it.
    """
    known = {str(kind): kind for kind in StepKind}
    for task in plan.tasks:
        unknown = [step for step in task.steps if step not in known]
        if unknown or not task.steps:
            found = f"has the step {unknown[0]}" if unknown else "has no step"
            raise GraphError(f"task {task.name} {found}; known are {', '.join(known)}")
    outline = tuple((task.name, task.depends_on, tuple(known[step] for step in task.steps)) for task in plan.tasks)
    _check_trainings(outline, plan)
    return _build_nodes(outline, requirements, plan)


def _check_trainings(outline: Sequence[_Outline], plan: PlanStatus) -> None:
    """Refuse a graph that does not train just the plan's candidates, or goes on with one before all have ended."""
    kind = StepKind.TRAIN if plan.search is None else StepKind.SEARCH
    asked = {name_training_task(plan, entry.template) for entry in plan.candidates}
    trained = {name for name, _, steps in outline if kind in steps}
    if trained != asked:
        raise GraphError(f"the plan trains in {_list(trained)}; its candidates are trained in {_list(asked)}")
    selecting = {name for name, _, steps in outline if StepKind.SELECT in steps}
    if selecting and (len(selecting) > 1 or plan.search is not None):
        raise GraphError(f"the plan selects in {_list(selecting)}; it is one task at most, and none after a search")
    for name, depends_on, steps in outline:
        needed = asked if name in selecting else set()
        early = (needed | (selecting or asked) if NEEDS_MODEL & set(steps) else needed) - set(depends_on)
        if early:
            raise GraphError(f"task {name} needs a trained model and does not depend on {_list(early)}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def refit_step(spec: TrainingWorkflowSpec, choice: Choice | PlanStatus) -> RefitStep | None:
    """Return how the chosen network is made again from more examples, or None where it is not."""
    trials = len(choice.candidates) if choice.search is None else len(choice.search.trials)
    return refit_for(spec, trials, searched=choice.search is not None, selects=selects(choice))


def recipe_of(spec: TrainingWorkflowSpec, choice: Choice | PlanStatus) -> Recipe:
    """Return how far the chosen network is made smaller."""
    trainings = len(choice.candidates) if choice.search is None else 1
    return recipe_for(spec, trainings, selects=selects(choice))


def selects(choice: Choice | PlanStatus) -> bool:
    """Return whether a pod compares what was trained: where several candidates are trained in pods of their own.

    A plan tells by its tasks: those of before had none that selects.
    """
    if isinstance(choice, PlanStatus):
        return find_selecting_task(choice) is not None
    return choice.search is None and len(choice.candidates) > 1


def find_selecting_task(plan: PlanStatus) -> str | None:
    """Return the name of the task that compares what was trained, or None where a plan has none."""
    return next((task.name for task in plan.tasks if StepKind.SELECT in task.steps), None)


def _outline(spec: TrainingWorkflowSpec, choice: Choice) -> tuple[_Outline, ...]:
    trainings: tuple[tuple[str, StepKind], ...] = tuple(
        (training_task_name(candidate.template), StepKind.TRAIN) for candidate in choice.candidates
    )
    if choice.search is not None:
        trainings = ((SEARCH, StepKind.SEARCH),)
    again = () if refit_step(spec, choice) is None else (StepKind.REFIT,)
    publishing = (StepKind.COMPRESS, *again, StepKind.EVALUATE, StepKind.VERIFY, StepKind.PUBLISH)
    trained = tuple(name for name, _ in trainings)
    selecting: tuple[_Outline, ...] = ((SELECT, trained, (StepKind.SELECT,)),) if selects(choice) else ()
    return (
        (PROFILE, (), (StepKind.PROFILE,)),
        *((name, (PROFILE,), (kind,)) for name, kind in trainings),
        *selecting,
        (PUBLISH, (SELECT,) if selecting else trained, publishing),
    )


def _build_nodes(
    outline: Iterable[_Outline], requirements: Requirements, choice: Choice | PlanStatus
) -> tuple[TaskNode, ...]:
    """Return the graph with what each task asks for, and how much of the time it is expected to take."""
    shares = _training_shares(choice.candidates)
    pods = {
        StepKind.PROFILE: requirements.cpu_only_pod,
        StepKind.SELECT: requirements.cpu_only_pod,
        StepKind.COMPRESS: _publishing_pod(requirements, choice),
    }
    durations = {
        StepKind.PROFILE: PROFILE_SHARE, StepKind.SELECT: SELECT_SHARE, StepKind.COMPRESS: PUBLISH_SHARE,
    }  # fmt: skip
    return order_topologically(
        TaskNode(
            name=name,
            steps=steps,
            depends_on=depends_on,
            resources=pods.get(steps[0], requirements.training_pod),
            expected_share=durations.get(steps[0], TRAIN_SHARE * shares.get(name, 1.0)),
        )
        for name, depends_on, steps in outline
    )


def _training_shares(candidates: Iterable[CandidateStatus]) -> Mapping[str, float]:
    """Return each training's part of them all, by expected work: weights times epochs, on the same examples."""
    work = {
        training_task_name(entry.template): max(1, entry.parameters)
        * Training.model_validate_json(entry.training).max_epochs
        for entry in candidates
    }
    return {name: amount / sum(work.values()) for name, amount in work.items()}


def _publishing_pod(requirements: Requirements, choice: Choice | PlanStatus) -> PodResources:
    """Return what the publishing pod asks for: as much as a training where it may train, else no devices."""
    spec = requirements.spec
    compressed = any(candidate.methods for candidate in choice.candidates)
    smaller = compressed and recipe_of(spec, choice).keep_percents
    trains = smaller or refit_step(spec, choice) is not None
    return requirements.training_pod if trains else requirements.cpu_only_pod
