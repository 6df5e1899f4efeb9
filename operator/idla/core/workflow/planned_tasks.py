"""The tasks of a plan as pods are told them: the step, the data, the model and the pod of each."""

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

from idla.api.training_workflow import Verdict
from idla.api.training_workflow_status import (
    BasisStatus,
    CandidateStatus,
    PlanStatus,
    SearchStatus,
)
from idla.builders.task_job import TaskPod
from idla.core.kube.references import artifact_claim, data_claim, data_secret
from idla.core.planning.budget import recipe_for
from idla.core.planning.candidates import most_parameters
from idla.core.planning.content import content_hash
from idla.core.planning.plan import PROFILE, PUBLISH, SEARCH, refit_step, training_task
from idla.core.planning.requirements import PodAmounts, data_source, light_amounts, limits, problem_of, training_amounts
from idla.core.planning.search import LEAST_STEPS, candidate_of
from idla.core.situation import Situation
from idla.core.workflow.lineage import selection_of
from idla.core.workflow.selection import Selected
from idla.core.workflow.task_definition import Work

_DEFAULT_BACKOFF_LIMIT = 3


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
    refit = refit_step(situation.spec, plan)
    rest = (EvaluateStep(selection=selection_of(selected)), VerifyStep(), PublishStep())
    steps: tuple[Step, ...] = (compress, *rest) if refit is None else (compress, refit, *rest)
    trains = refit is not None or compress.recipe.keep_percents
    amounts = training_amounts(situation.spec) if trains else light_amounts(situation.spec)
    return _work(situation, plan.image, PUBLISH, steps, amounts, data=_profiled(situation, plan))


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
