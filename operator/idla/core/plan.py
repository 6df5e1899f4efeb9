"""The plan: what is done to reach what was asked for, frozen so that later changes around it disturb nothing."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from idla_contract.task import (
    Candidate,
    CompressStep,
    DataSource,
    EvaluateStep,
    Gate,
    ModelSpec,
    OnGateFailure,
    ProfileStep,
    PublishStep,
    Recipe,
    RefitStep,
    Rung,
    SearchStep,
    Step,
    TaskSpec,
    Training,
    TrainStep,
    Trial,
    VerifyStep,
    Weights,
)

from idla.api.training_workflow import TrainingWorkflowSpec, Verdict
from idla.api.training_workflow_status import (
    BasisStatus,
    CandidateStatus,
    PlannedTaskStatus,
    PlanStatus,
    SearchStatus,
)
from idla.builders.identity import child_name
from idla.builders.task_job import TaskPod
from idla.core.budget import recipe_for, refit_for
from idla.core.content import content_hash
from idla.core.library import Choice, most_parameters
from idla.core.lineage import selection_of
from idla.core.references import artifact_claim, data_claim, data_secret
from idla.core.requirements import PodAmounts, data_source, light_amounts, limits, problem_of, training_amounts
from idla.core.search import LEAST_STEPS, candidate_of
from idla.core.selection import Selected
from idla.core.situation import Situation
from idla.core.tasks import Work

PROFILE = "profile"
SEARCH = "search"
PUBLISH = "publish"
_DEFAULT_BACKOFF_LIMIT = 3


def training_task(template: str) -> str:
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
        tuple((training_task(candidate.template), "Train") for candidate in choice.candidates)
        if choice.search is None
        else ((SEARCH, "Search"),)
    )
    again = () if _refit(spec, choice) is None else ("Refit",)
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


def profile_work(situation: Situation, basis: BasisStatus) -> Work:
    """Return the task that looks at the data."""
    data = data_source(situation.spec)
    return _work(situation, basis.image, PROFILE, (ProfileStep(),), light_amounts(situation.spec), data=data)


def training_work(situation: Situation, plan: PlanStatus, candidate: CandidateStatus) -> Work:
    """Return the task that trains a candidate."""
    training = Training.model_validate_json(candidate.training)
    step = TrainStep(model=_model(candidate), training=training)
    name = training_task(candidate.template)
    return _work(
        situation, plan.image, name, (step,), training_amounts(situation.spec), data=_profiled(situation, plan)
    )


def search_work(situation: Situation, plan: PlanStatus, search: SearchStatus) -> Work:
    """Return the task that searches among trials and trains the best one to its end."""
    step = SearchStep(
        trials=trials_of(plan.candidates, search, size_bytes=limits(situation.spec).size_bytes),
        rungs=rungs_of(search),
        max_seconds=search.max_seconds,
    )
    amounts = training_amounts(situation.spec)
    return _work(situation, plan.image, SEARCH, (step,), amounts, data=_profiled(situation, plan))


def rungs_of(search: SearchStatus) -> tuple[Rung, ...]:
    """Return how a search narrows its trials down."""
    return tuple(Rung(percent=rung.percent, kept=rung.kept, steps=LEAST_STEPS) for rung in search.rungs)


def trials_of(
    candidates: Sequence[CandidateStatus], search: SearchStatus, *, size_bytes: int | None = None
) -> tuple[Trial, ...]:
    """Return the models with the settings that a search tries, in its order.

    Args:
        candidates: of the plan.
        search: its trials.
        size_bytes: what the served model may have at most; None: any size.
    """
    named = {candidate.template: candidate for candidate in candidates}
    tried = (candidate_of(named[trial.template], trial) for trial in search.trials)
    return tuple(
        Trial(
            model=_model(candidate),
            training=Training.model_validate_json(candidate.training),
            maximum_parameters=size_bytes and most_parameters(size_bytes, candidate.methods),
        )
        for candidate in tried
    )


def publish_work(situation: Situation, plan: PlanStatus, selected: Selected) -> Work:
    """Return the task that compresses, evaluates, verifies and publishes the selected candidate."""
    candidate = selected.candidate
    settings = situation.spec.compression
    pods = len(plan.candidates) if plan.search is None else 1
    gate = None if settings is None else settings.gate
    maximum_drop = None if gate is None else gate.maximum_drop
    maxima = limits(situation.spec)
    searched = plan.search and search_work(situation, plan, plan.search)
    trained = (searched or training_work(situation, plan, candidate)).spec
    compress = CompressStep(
        candidate=Candidate(task=trained.task, content_hash=trained.content_hash, model=_model(candidate)),
        methods=candidate.methods,
        gate=Gate(
            maximum_drop=Gate().maximum_drop if maximum_drop is None else float(maximum_drop),
            strict=gate is not None and gate.verdict is Verdict.NON_INFERIORITY,
        ),
        recipe=recipe_for(situation.spec, pods) if candidate.methods else Recipe(),
        on_gate_failure=(settings and settings.on_gate_failure) or OnGateFailure.KEEP_UNCOMPRESSED,
        maximum_size_bytes=maxima.size_bytes,
        maximum_latency_p95_milliseconds=maxima.latency_p95_milliseconds,
    )
    refit = _refit(situation.spec, plan)
    rest = (EvaluateStep(selection=selection_of(selected)), VerifyStep(), PublishStep())
    steps: tuple[Step, ...] = (compress, *rest) if refit is None else (compress, refit, *rest)
    trains = refit is not None or compress.recipe.keep_percents
    amounts = training_amounts(situation.spec) if trains else light_amounts(situation.spec)
    return _work(situation, plan.image, PUBLISH, steps, amounts, data=_profiled(situation, plan))


def _refit(spec: TrainingWorkflowSpec, choice: Choice | PlanStatus) -> RefitStep | None:
    trials = len(choice.candidates) if choice.search is None else len(choice.search.trials)
    return refit_for(spec, trials, searched=choice.search is not None)


def _model(candidate: CandidateStatus) -> ModelSpec:
    hyperparameters: Mapping[str, float | int | str] = json.loads(candidate.hyperparameters)
    given = candidate.weights
    return ModelSpec(
        template=candidate.template,
        builder=candidate.builder,
        hyperparameters=dict(hyperparameters),
        weights=given and Weights(uri=given.uri, sha256=given.sha256),
    )


def _profiled(situation: Situation, plan: PlanStatus) -> DataSource:
    data = data_source(situation.spec)
    return data if plan.data_digest is None else data.model_copy(update={"digest": plan.data_digest})


def _work(
    situation: Situation, image: str, task: str, steps: tuple[Step, ...], amounts: PodAmounts, *, data: DataSource
) -> Work:
    spec, claim = situation.spec, artifact_claim(situation.workflow)
    backoff_limit = None if spec.training is None else spec.training.backoff_limit
    problem = problem_of(spec)
    return Work(
        spec=TaskSpec(
            workflow=situation.owner.name,
            task=task,
            content_hash=content_hash(problem, data, steps, image=image),
            problem=problem,
            data=data,
            artifact_uri=f"pvc://{claim}",
            steps=steps,
        ),
        pod=TaskPod(
            image=image,
            pull_policy=situation.settings.pull_policy,
            store_claim=claim,
            data_claim=data_claim(situation.workflow),
            data_secret=data_secret(situation.workflow),
            requests=amounts.requests,
            limits=amounts.limits,
            backoff_limit=_DEFAULT_BACKOFF_LIMIT if backoff_limit is None else backoff_limit,
        ),
    )
